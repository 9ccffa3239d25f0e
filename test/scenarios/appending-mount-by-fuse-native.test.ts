/** The scenarios of --incremental-upload on mounts that libfuse 2 serves, over the embedded endpoint. */

import { KernelRig } from "../rigs/kernel-rig.ts";
import { SandboxProcess } from "../rigs/sandbox-process.ts";
import { Scratch } from "../rigs/scratch.ts";
import { appendingScenarios } from "./index.ts";
import { DIRECTORY_BUCKET, RIGS } from "./rigs.ts";
import { declareScenarios } from "./scenario.ts";

declareScenarios(
  RIGS.directoryBucketByFuseNative,
  async () => {
    const sandbox = await SandboxProcess.start({ buckets: [DIRECTORY_BUCKET] });
    return KernelRig.start(
      new Scratch(),
      sandbox,
      ["--fuse-backend=fuse-native"],
      DIRECTORY_BUCKET,
    );
  },
  appendingScenarios,
);
