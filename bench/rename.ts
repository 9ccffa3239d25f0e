/**
 * Renames each file that it is given, adding ".renamed", some at once, and prints how many milliseconds
 * each took. The first argument is how many at once. A process of its own, as first-byte.ts.
 */

import { rename } from "node:fs/promises";

const [atOnce = "1", ...paths] = process.argv.slice(2);

async function renameAll(left: Iterator<string>): Promise<void> {
  for (let path = left.next(); !path.done; path = left.next()) {
    const begun = performance.now();
    await rename(path.value, `${path.value}.renamed`);
    process.stdout.write(`${performance.now() - begun}\n`);
  }
}

const left = paths.values();
await Promise.all(Array.from({ length: Number(atOnce) }, () => renameAll(left)));
