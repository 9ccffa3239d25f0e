/** Opens and closes each of the given files, and prints the milliseconds that each took. */

import { closeSync, openSync } from "node:fs";

for (const path of process.argv.slice(2)) {
  const begun = process.hrtime.bigint();
  closeSync(openSync(path, "r"));
  process.stdout.write(`${Number(process.hrtime.bigint() - begun) / 1e6}\n`);
}
