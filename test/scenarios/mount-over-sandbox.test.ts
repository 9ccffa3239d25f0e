/** The scenarios on kernel mounts over the embedded endpoint. */

import { KernelRig } from "../rigs/kernel-rig.ts";
import { scenarios } from "./index.ts";
import { RIGS } from "./rigs.ts";
import { declareScenarios } from "./scenario.ts";

declareScenarios(RIGS.sandbox, () => KernelRig.overSandbox(), scenarios);
