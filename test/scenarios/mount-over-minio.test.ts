/** The scenarios on kernel mounts over a MinIO. */

import { KernelRig } from "../rigs/kernel-rig.ts";
import { MinioProcess } from "../rigs/minio-process.ts";
import { Scratch } from "../rigs/scratch.ts";
import { scenarios } from "./index.ts";
import { RIGS } from "./rigs.ts";
import { declareScenarios } from "./scenario.ts";

declareScenarios(
  RIGS.minio,
  async () => {
    const scratch = new Scratch();
    return KernelRig.start(scratch, await MinioProcess.start(scratch));
  },
  scenarios,
);
