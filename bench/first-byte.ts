/**
 * Opens each file that it is given, reads one byte and closes it, and prints how many milliseconds that
 * took. A process of its own, so that nothing else of the harness is in the figure.
 */

import { closeSync, openSync, readSync } from "node:fs";

const byte = Buffer.alloc(1);
for (const path of process.argv.slice(2)) {
  const begun = performance.now();
  const fd = openSync(path, "r");
  if (readSync(fd, byte, 0, 1, 0) !== 1) throw new Error(`${path} is empty`);
  const milliseconds = performance.now() - begun;
  closeSync(fd);
  process.stdout.write(`${milliseconds}\n`);
}
