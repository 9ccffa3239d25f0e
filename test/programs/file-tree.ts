/** A directory tree as people have them: nested, with odd names, empty files and some that are large. */

import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MIB } from "../../src/base/sizes.ts";
import { pattern, sha256 } from "../rigs/bytes.ts";

/** Relative path to size. */
const FILES: Readonly<Record<string, number>> = {
  "README.md": 4_321,
  empty: 0,
  "one byte": 1,
  "src/main.c": 20_000,
  "src/lib/deep/deeper/deepest/file.txt": 100,
  "src/lib/ünïcödé 🐈.txt": 2_000,
  "data/large.bin": 20 * MIB + 3,
  "data/medium.bin": MIB,
  ...Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [`many/file-${index}`, index * 37]),
  ),
};

/** Makes the tree below `root`, an existing directory of the local disk. */
export async function makeTree(root: string): Promise<void> {
  for (const [index, [path, byteCount]] of Object.entries(FILES).entries()) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), pattern(2_000 + index, byteCount));
  }
}

/** Relative path to sha256 of every file below `root`; directories map to "directory". */
export async function digestTree(root: string): Promise<Readonly<Record<string, string>>> {
  const digests: Record<string, string> = {};
  for (const path of await readdir(root, { recursive: true })) {
    const full = join(root, path);
    const isDirectory = (await stat(full)).isDirectory();
    digests[path] = isDirectory ? "directory" : sha256(await readFile(full));
  }
  return Object.fromEntries(Object.entries(digests).sort());
}
