/** The scenarios of directory buckets on mounts that libfuse 2 serves, over the embedded endpoint. */

import { KernelRig } from "../rigs/kernel-rig.ts";
import { expressScenarios } from "./index.ts";
import { DIRECTORY_BUCKET, RIGS } from "./rigs.ts";
import { declareScenarios } from "./scenario.ts";

declareScenarios(
  RIGS.directoryBucketByFuseNative,
  () => KernelRig.overSandbox(["--fuse-backend=fuse-native"], DIRECTORY_BUCKET),
  expressScenarios,
);
