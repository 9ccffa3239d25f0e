/** Where the tests find what they run: this repository and its build. */

import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const repository = resolve(fileURLToPath(import.meta.url), "../../..");
export const commandLine = join(repository, "dist/program/main.js");
