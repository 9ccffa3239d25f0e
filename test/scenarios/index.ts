/** All scenarios, for the test files that each run them on one rig. */

import { appendingToObjectsScenarios } from "./appending.ts";
import { appendingByProgramsScenarios } from "./appending-by-programs.ts";
import { appendingFailingScenarios } from "./appending-failing.ts";
import { archivedScenarios } from "./archived.ts";
import { attributesScenarios } from "./attributes.ts";
import { cachingScenarios } from "./caching.ts";
import { consistencyScenarios } from "./consistency.ts";
import { costsScenarios } from "./costs.ts";
import { descriptorsScenarios } from "./descriptors.ts";
import { directoriesScenarios } from "./directories.ts";
import { endingScenarios } from "./ending.ts";
import { expressBucketScenarios } from "./express.ts";
import { expressRenamingScenarios } from "./express-renaming.ts";
import { failingScenarios } from "./failing.ts";
import { fetchingAheadScenarios } from "./fetching-ahead.ts";
import { listingScenarios } from "./listing.ts";
import { listingAheadScenarios } from "./listing-ahead.ts";
import { namesScenarios } from "./names.ts";
import { openingScenarios } from "./opening.ts";
import { overwritingScenarios } from "./overwriting.ts";
import { permissionsScenarios } from "./permissions.ts";
import { programsScenarios } from "./programs.ts";
import { readingScenarios } from "./reading.ts";
import { refusingScenarios } from "./refusing.ts";
import { removingScenarios } from "./removing.ts";
import { renamingScenarios } from "./renaming.ts";
import type { Scenario } from "./scenario.ts";
import { shadowingScenarios } from "./shadowing.ts";
import { sizesScenarios } from "./sizes.ts";
import { uploadingScenarios } from "./uploading.ts";
import { writingScenarios } from "./writing.ts";

/** Of all scenarios those that the kind of bucket could make fail: names, versions and answers, not the bytes of files. */
export const onAnyBucket: readonly Scenario[] = [
  ...consistencyScenarios,
  ...cachingScenarios,
  ...costsScenarios,
  ...namesScenarios,
  ...shadowingScenarios,
  ...listingScenarios,
  ...listingAheadScenarios,
  ...openingScenarios,
  ...uploadingScenarios,
  ...overwritingScenarios,
  ...directoriesScenarios,
  ...removingScenarios,
  ...renamingScenarios,
  ...attributesScenarios,
  ...permissionsScenarios,
  ...programsScenarios,
  ...refusingScenarios,
  ...descriptorsScenarios,
  ...archivedScenarios,
  ...failingScenarios,
  ...endingScenarios,
];

export const scenarios: readonly Scenario[] = [
  ...onAnyBucket,
  ...readingScenarios,
  ...fetchingAheadScenarios,
  ...writingScenarios,
  ...sizesScenarios,
];

/** What only directory buckets do, with --incremental-upload among others. */
export const expressScenarios: readonly Scenario[] = [
  ...expressBucketScenarios,
  ...expressRenamingScenarios,
  ...appendingToObjectsScenarios,
  ...appendingFailingScenarios,
  ...appendingByProgramsScenarios,
];

/** Of all scenarios those that a kernel and a directory bucket together could make fail. */
export const mountedOnDirectoryBuckets: readonly Scenario[] = [
  ...expressScenarios,
  ...consistencyScenarios,
  ...shadowingScenarios,
  ...listingScenarios,
  ...listingAheadScenarios,
  ...directoriesScenarios,
  ...removingScenarios,
  ...renamingScenarios,
  ...programsScenarios,
];
