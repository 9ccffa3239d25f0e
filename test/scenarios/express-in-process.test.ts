/** The scenarios of directory buckets on the file system alone, in this process. */

import { InProcessRig } from "../rigs/in-process-rig.ts";
import { expressScenarios } from "./express.ts";
import { RIGS } from "./rigs.ts";
import { declareScenarios } from "./scenario.ts";

declareScenarios(
  RIGS.inProcess,
  () => InProcessRig.start("test--use1-az4--x-s3"),
  expressScenarios,
);
