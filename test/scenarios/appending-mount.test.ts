/** The scenarios of --incremental-upload on kernel mounts over the embedded endpoint. */

import { KernelRig } from "../rigs/kernel-rig.ts";
import { SandboxProcess } from "../rigs/sandbox-process.ts";
import { Scratch } from "../rigs/scratch.ts";
import { appendingScenarios } from "./index.ts";
import { DIRECTORY_BUCKET, RIGS } from "./rigs.ts";
import { declareScenarios } from "./scenario.ts";

declareScenarios(
  RIGS.directoryBucket,
  async () => {
    const sandbox = await SandboxProcess.start({ buckets: [DIRECTORY_BUCKET] });
    return KernelRig.start(new Scratch(), sandbox, [], DIRECTORY_BUCKET);
  },
  appendingScenarios,
);
