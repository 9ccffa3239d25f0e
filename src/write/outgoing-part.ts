/**
 * One part while it is filled and sent: its blocks, its length and its checksum.
 *
 * The checksum is taken of the bytes as the caller brought them, before they are copied: S3 compares it
 * with what it received, and so with the copy, the blocks' memory and the way there. For a store that
 * compares nothing, `isIntact` looks whether memory still holds what came.
 */

import { assert } from "../base/assert.ts";
import { BLOCK_BYTES, type Block } from "../memory/index.ts";
import type { Checksum } from "../s3/index.ts";
import type { RunningSum, Sums } from "./running-sum.ts";
import { SMALL_BYTES, type SmallBuffer } from "./small-buffers.ts";

export class OutgoingPart {
  /** From 1. */
  readonly partNumber: number;
  readonly #bytesMax: number;
  readonly #sums: Sums;
  readonly #sum: RunningSum;
  readonly #blocks: Block[] = [];
  /** Before the first block. */
  #small: SmallBuffer | undefined;
  #byteCount = 0;

  constructor(partNumber: number, bytesMax: number, sums: Sums) {
    this.partNumber = partNumber;
    this.#bytesMax = bytesMax;
    this.#sums = sums;
    this.#sum = sums.start();
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  get full(): boolean {
    return this.#byteCount === this.#bytesMax;
  }

  /** Whether the next byte needs another block. */
  get needsBlock(): boolean {
    return this.#byteCount === this.#roomBytes;
  }

  get #roomBytes(): number {
    return this.#small === undefined ? this.#blocks.length * BLOCK_BYTES : SMALL_BYTES;
  }

  /** What S3 is to compare with, if it is told anything. */
  get checksum(): Checksum | undefined {
    return this.#sums.toSend(this.#sum);
  }

  /** Where the first bytes go, unless a block is added first. */
  beginSmall(buffer: SmallBuffer): void {
    assert(this.needsBlock && this.#byteCount === 0, "a part begins small or not at all");
    this.#small = buffer;
  }

  /** Returns the small buffer, if there was one: what it held is in the block then. */
  addBlock(block: Block): SmallBuffer | undefined {
    const small = this.#small;
    if (small !== undefined) block.bytes.set(small.bytes.subarray(0, this.#byteCount));
    this.#small = undefined;
    this.#blocks.push(block);
    return small;
  }

  /** Copies what fits in the last block and returns its length. */
  append(data: Uint8Array): number {
    const at = this.#byteCount;
    const room = Math.min(this.#roomBytes - at, this.#bytesMax - at);
    const source = data.length <= room ? data : data.subarray(0, room);
    const target = this.#small?.bytes ?? this.#blocks.at(-1)?.bytes;
    assert(target !== undefined && room > 0, "a block was added for the bytes");
    this.#sum.update(source);
    target.set(source, at % BLOCK_BYTES);
    this.#byteCount += source.length;
    return source.length;
  }

  /** The bytes, for the transport. Valid until `takeBack`. */
  body(): Uint8Array[] {
    if (this.#small !== undefined) return [this.#small.bytes.subarray(0, this.#byteCount)];
    const last = this.#blocks.length - 1;
    return this.#blocks.map(({ bytes }, i) =>
      i === last ? bytes.subarray(0, this.#byteCount - i * BLOCK_BYTES) : bytes,
    );
  }

  /** Whether the bytes in memory are those that were summed. */
  isIntact(): boolean {
    const again = this.#sums.start();
    for (const bytes of this.body()) again.update(bytes);
    return again.base64 === this.#sum.base64;
  }

  /** All memory of it, which is the caller's from now on. */
  takeBack(): { readonly blocks: readonly Block[]; readonly small: SmallBuffer | undefined } {
    const small = this.#small;
    this.#small = undefined;
    return { blocks: this.#blocks.splice(0), small };
  }
}
