/** The scenarios on kernel mounts over the embedded endpoint. */

import { KernelRig } from "../rigs/kernel-rig.ts";
import { SandboxProcess } from "../rigs/sandbox-process.ts";
import { Scratch } from "../rigs/scratch.ts";
import { scenarios } from "./index.ts";
import { RIGS } from "./rigs.ts";
import { declareScenarios } from "./scenario.ts";

declareScenarios(
  RIGS.sandbox,
  async () => KernelRig.start(new Scratch(), await SandboxProcess.start()),
  scenarios,
);
