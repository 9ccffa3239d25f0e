/** The scenarios on mounts that libfuse 2 serves, by way of fuse-native, over the embedded endpoint. */

import { KernelRig } from "../rigs/kernel-rig.ts";
import { scenarios } from "./index.ts";
import { RIGS } from "./rigs.ts";
import { declareScenarios } from "./scenario.ts";

declareScenarios(
  RIGS.fuseNative,
  () => KernelRig.overSandbox(["--fuse-backend=fuse-native"]),
  scenarios,
);
