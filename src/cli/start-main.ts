#!/usr/bin/env node
/** The program `mount-s3-ts`: starts main.ts, joined and compiled beforehand. */

import { load, saveCaches } from "./code-cache.ts";

load("command.js");

/** For `scripts/cache-code.mjs`, which runs the program as this file does. */
export { saveCaches };
