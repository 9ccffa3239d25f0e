/** Reading and writing whole files through a tree, in steps of a chosen size. */

import { constants } from "node:fs";
import { sorted } from "../rigs/bytes.ts";
import type { OpenFile, Tree } from "../rigs/rig.ts";
import { withFile } from "./scenario.ts";

const STEP_BYTES = 1024 * 1024;

/** Every byte from the start to the end of file. */
export async function readOn(file: OpenFile, stepBytes = STEP_BYTES): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let offset = 0; ; ) {
    const piece = await file.read(offset, stepBytes);
    if (piece.length === 0) return Buffer.concat(pieces);
    pieces.push(piece);
    offset += piece.length;
  }
}

export async function readWhole(tree: Tree, path: string, stepBytes = STEP_BYTES): Promise<Buffer> {
  return withFile(tree.open(path, constants.O_RDONLY), (file) => readOn(file, stepBytes));
}

/** Writes `data` from `offset` on, in steps. */
export async function writeOn(
  file: OpenFile,
  data: Uint8Array,
  { offset = 0, stepBytes = STEP_BYTES } = {},
): Promise<void> {
  for (let taken = 0; taken < data.length; taken += stepBytes) {
    await file.write(data.subarray(taken, taken + stepBytes), offset + taken);
  }
}

/** Creates a file that must not exist. */
export async function createWhole(
  tree: Tree,
  path: string,
  data: Uint8Array,
  stepBytes = STEP_BYTES,
): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  await withFile(tree.open(path, flags), (file) => writeOn(file, data, { stepBytes }));
}

/** Sorted, since not every bucket lists in order. */
export async function namesIn(tree: Tree, path = ""): Promise<readonly string[]> {
  return sorted(await namesAsListed(tree, path));
}

export async function namesAsListed(tree: Tree, path = ""): Promise<readonly string[]> {
  return (await tree.readdir(path)).map(({ name }) => name);
}
