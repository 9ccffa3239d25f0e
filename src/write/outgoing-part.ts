/**
 * One part while it is filled and sent: its blocks, its length and its checksum.
 *
 * The checksum is taken of the bytes as the caller brought them, before they are copied: S3 compares it
 * with what it received, and so with the copy, the blocks' memory and the way there.
 */

import { assert } from "../base/assert.ts";
import { BLOCK_BYTES, type Block, type BlockPool } from "../memory/index.ts";
import type { Checksum } from "../s3/index.ts";

/** CRC-32C of `bytes`, continued from `crc` (0 to begin). */
export type Crc32c = (bytes: Uint8Array, crc: number) => number;

export class OutgoingPart {
  /** From 1. */
  readonly partNumber: number;
  readonly #bytesMax: number;
  readonly #blocks: Block[] = [];
  #byteCount = 0;
  #crc = 0;

  constructor(partNumber: number, bytesMax: number) {
    this.partNumber = partNumber;
    this.#bytesMax = bytesMax;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  get full(): boolean {
    return this.#byteCount === this.#bytesMax;
  }

  /** Whether the next byte needs another block. */
  get needsBlock(): boolean {
    return this.#byteCount === this.#blocks.length * BLOCK_BYTES;
  }

  /** As S3 spells it: the base64 of the big-endian value. */
  get checksum(): Checksum {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#crc);
    return { algorithm: "crc32c", base64: bytes.toString("base64") };
  }

  addBlock(block: Block): void {
    this.#blocks.push(block);
  }

  /** Copies what fits in the last block and returns its length. */
  append(data: Uint8Array, crc32c: Crc32c): number {
    const inBlock = this.#byteCount % BLOCK_BYTES;
    const room = Math.min(BLOCK_BYTES - inBlock, this.#bytesMax - this.#byteCount);
    const source = data.length <= room ? data : data.subarray(0, room);
    const block = this.#blocks.at(-1);
    assert(block !== undefined && room > 0, "a block was added for the bytes");
    this.#crc = crc32c(source, this.#crc);
    block.bytes.set(source, inBlock);
    this.#byteCount += source.length;
    return source.length;
  }

  /** The bytes, for the transport. Valid until `give`. */
  body(): Uint8Array[] {
    const last = this.#blocks.length - 1;
    return this.#blocks.map(({ bytes }, i) =>
      i === last ? bytes.subarray(0, this.#byteCount - i * BLOCK_BYTES) : bytes,
    );
  }

  get blockCount(): number {
    return this.#blocks.length;
  }

  /** Gives the blocks back. Idempotent. */
  give(pool: BlockPool): void {
    for (const block of this.#blocks.splice(0)) pool.give(block);
  }
}
