/**
 * Appends 4 KiB to a file as often as it is told, each followed by fsync, and prints how many
 * milliseconds both took together. A process of its own, as first-byte.ts.
 */

import { closeSync, constants, fsyncSync, openSync, writeSync } from "node:fs";

const [path = "", times = "1"] = process.argv.slice(2);
const piece = Buffer.alloc(4096, "appended ");
const fd = openSync(path, constants.O_WRONLY | constants.O_APPEND);
for (let time = 0; time < Number(times); time++) {
  const begun = performance.now();
  if (writeSync(fd, piece) !== piece.length) throw new Error(`${path} took only a part`);
  fsyncSync(fd);
  process.stdout.write(`${performance.now() - begun}\n`);
}
closeSync(fd);
