/** What the demo's bucket holds: one large object and many small ones, of random bytes. */

import { randomFillSync } from "node:crypto";
import { KIB, MIB } from "../../base/sizes.ts";
import { sha256 } from "./bucket-view.ts";

export interface SourceObject {
  readonly key: string;
  readonly bytes: Buffer;
  readonly sha256: string;
}

export interface DataSet {
  readonly large: SourceObject;
  readonly small: readonly SourceObject[];
}

const LARGE_BYTES = 256 * MIB;
const SMALL_COUNT = 200;
const SMALL_BYTES = 16 * KIB;
const SMALL_PER_DIRECTORY = 20;

export function makeDataSet(): DataSet {
  const small = Array.from({ length: SMALL_COUNT }, (_, index) => {
    const directory = String(Math.floor(index / SMALL_PER_DIRECTORY)).padStart(2, "0");
    return sourceObject(
      `documents/${directory}/${String(index).padStart(3, "0")}.txt`,
      SMALL_BYTES,
    );
  });
  return { large: sourceObject("films/large.bin", LARGE_BYTES), small };
}

/** An object of random bytes. */
export function sourceObject(key: string, byteCount: number): SourceObject {
  const bytes = randomFillSync(Buffer.allocUnsafeSlow(byteCount));
  return { key, bytes, sha256: sha256(bytes) };
}
