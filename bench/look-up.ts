/** Looks each of the given paths up, and prints the milliseconds that each took. */

import { statSync } from "node:fs";

for (const path of process.argv.slice(2)) {
  const begun = process.hrtime.bigint();
  statSync(path);
  process.stdout.write(`${Number(process.hrtime.bigint() - begun) / 1e6}\n`);
}
