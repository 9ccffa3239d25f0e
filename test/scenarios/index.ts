/** All scenarios, for the test files that each run them on one rig. */

import { attributesScenarios } from "./attributes.ts";
import { directoriesScenarios } from "./directories.ts";
import { namesScenarios } from "./names.ts";
import { overwritingScenarios } from "./overwriting.ts";
import { readingScenarios } from "./reading.ts";
import { descriptorScenarios, refusingScenarios } from "./refusing.ts";
import { removingScenarios } from "./removing.ts";
import { renamingScenarios } from "./renaming.ts";
import type { Scenario } from "./scenario.ts";
import { writingScenarios } from "./writing.ts";

export const scenarios: readonly Scenario[] = [
  ...readingScenarios,
  ...namesScenarios,
  ...writingScenarios,
  ...overwritingScenarios,
  ...directoriesScenarios,
  ...removingScenarios,
  ...renamingScenarios,
  ...attributesScenarios,
  ...refusingScenarios,
  ...descriptorScenarios,
];
