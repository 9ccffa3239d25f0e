/** The scenarios on the file system alone, in this process. */

import { InProcessRig } from "../rigs/in-process-rig.ts";
import { scenarios } from "./index.ts";
import { RIGS } from "./rigs.ts";
import { declareScenarios } from "./scenario.ts";

declareScenarios(RIGS.inProcess, () => InProcessRig.start(), scenarios);
