/** Scenarios over a directory bucket, on kernel mounts over the embedded endpoint. */

import { KernelRig } from "../rigs/kernel-rig.ts";
import { mountedOnDirectoryBuckets } from "./index.ts";
import { DIRECTORY_BUCKET, RIGS } from "./rigs.ts";
import { declareScenarios } from "./scenario.ts";

declareScenarios(
  RIGS.directoryBucket,
  () => KernelRig.overSandbox([], DIRECTORY_BUCKET),
  mountedOnDirectoryBuckets,
);
