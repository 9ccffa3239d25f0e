/** What the kind of bucket could make fail, over a directory bucket, on the file system alone, in this process. */

import { InProcessRig } from "../rigs/in-process-rig.ts";
import { expressScenarios, onAnyBucket } from "./index.ts";
import { DIRECTORY_BUCKET, RIGS } from "./rigs.ts";
import { declareScenarios } from "./scenario.ts";

declareScenarios(RIGS.directoryBucketInProcess, () => InProcessRig.start(DIRECTORY_BUCKET), [
  ...onAnyBucket,
  ...expressScenarios,
]);
