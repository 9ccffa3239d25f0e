/** The scenarios on mounts that libfuse 2 serves, by way of fuse-native, over the embedded endpoint. */

import { KernelRig } from "../rigs/kernel-rig.ts";
import { SandboxProcess } from "../rigs/sandbox-process.ts";
import { Scratch } from "../rigs/scratch.ts";
import { scenarios } from "./index.ts";
import { RIGS } from "./rigs.ts";
import { declareScenarios } from "./scenario.ts";

declareScenarios(
  RIGS.fuseNative,
  async () =>
    KernelRig.start(new Scratch(), await SandboxProcess.start(), ["--fuse-backend=fuse-native"]),
  scenarios,
);
