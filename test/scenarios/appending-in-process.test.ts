/** The scenarios of --incremental-upload on the file system alone, in this process. */

import { InProcessRig } from "../rigs/in-process-rig.ts";
import { appendingScenarios } from "./index.ts";
import { DIRECTORY_BUCKET, RIGS } from "./rigs.ts";
import { declareScenarios } from "./scenario.ts";

declareScenarios(
  RIGS.directoryBucketInProcess,
  () => InProcessRig.start(DIRECTORY_BUCKET),
  appendingScenarios,
);
