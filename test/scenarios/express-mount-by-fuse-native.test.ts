/** The scenarios of directory buckets on mounts that libfuse 2 serves, over the embedded endpoint. */

import { KernelRig } from "../rigs/kernel-rig.ts";
import { SandboxProcess } from "../rigs/sandbox-process.ts";
import { Scratch } from "../rigs/scratch.ts";
import { expressScenarios } from "./express.ts";
import { RIGS } from "./rigs.ts";
import { declareScenarios } from "./scenario.ts";

const BUCKET = "test--use1-az4--x-s3";

declareScenarios(
  RIGS.fuseNative,
  async () => {
    const sandbox = await SandboxProcess.start({ buckets: [BUCKET] });
    return KernelRig.start(new Scratch(), sandbox, ["--fuse-backend=fuse-native"], BUCKET);
  },
  expressScenarios,
);
