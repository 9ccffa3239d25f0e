/** The scenarios on the file system alone, in this process. */

import { InProcessRig } from "../rigs/in-process-rig.ts";
import { scenarios } from "./index.ts";
import { declareScenarios } from "./scenario.ts";

declareScenarios(
  ["any-key", "request-log", "storage-classes", "faults"],
  () => InProcessRig.start(),
  scenarios,
);
