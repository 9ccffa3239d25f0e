/** The process that serves a mount in the background: starts daemon.ts, joined and compiled beforehand. */

import { load } from "./code-cache.ts";

load("service-daemon.js");
