/**
 * One part while it is filled and sent: its blocks, its length and its checksum. A beginning of it may
 * be elsewhere than in memory (`release`), until blocks for it are there again (`restoreBlock`).
 *
 * The checksum is taken of the bytes as the caller brought them, before they are copied, if they are: S3 compares it
 * with what it received, and so with the copy, the blocks' memory and the way there. For a store that
 * compares nothing, `isIntact` looks whether memory still holds what came.
 */

import { assert } from "../base/assert.ts";
import { KIB } from "../base/sizes.ts";
import { BLOCK_BYTES, type Block, SMALL_BYTES, type SmallBuffer } from "../memory/index.ts";
import type { Checksum } from "../s3/index.ts";
import type { Exchange } from "./contract.ts";
import type { RunningSum, Sums } from "./running-sum.ts";

/** Copying less costs nothing to speak of, and leaves the memory in the cache that the next request comes into. */
const EXCHANGE_BYTES_MIN = 64 * KIB;

interface PartMeans {
  readonly sums: Sums;
  readonly exchange: Exchange;
}

export class OutgoingPart {
  /** From 1. */
  readonly partNumber: number;
  #bytesMax: number;
  readonly #sums: Sums;
  readonly #exchange: Exchange;
  readonly #sum: RunningSum;
  /** By place; undefined what was released. */
  readonly #blocks: (Block | undefined)[] = [];
  /** Before the first block. */
  #small: SmallBuffer | undefined;
  #byteCount = 0;
  #spilledBytes = 0;

  constructor(partNumber: number, bytesMax: number, { exchange, sums }: PartMeans) {
    this.partNumber = partNumber;
    this.#bytesMax = bytesMax;
    this.#sums = sums;
    this.#exchange = exchange;
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
    return this.#heldRoomBytes === 0;
  }

  /** Bytes at the beginning that were released. */
  get spilledBytes(): number {
    return this.#spilledBytes;
  }

  /** Whether what was released needs more blocks. */
  get missesBlock(): boolean {
    return this.#missingAt >= 0;
  }

  get #missingAt(): number {
    const at = this.#blocks.indexOf(undefined);
    return at * BLOCK_BYTES < this.#spilledBytes ? at : -1;
  }

  /** How much can be appended before a block is needed, or the next part. */
  get roomBytes(): number {
    return Math.min(this.#heldRoomBytes, this.#bytesMax - this.#byteCount);
  }

  /** Between the last byte and the end of what holds it. */
  get #heldRoomBytes(): number {
    const at = this.#byteCount;
    if (this.#small !== undefined) return SMALL_BYTES - at;
    return this.#blocks[blockAt(at)] === undefined ? 0 : BLOCK_BYTES - (at % BLOCK_BYTES);
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
    this.#blocks[blockAt(this.#byteCount)] = block;
    return small;
  }

  /** Takes what fits in the last block and returns its length. */
  append(data: Uint8Array): number {
    const at = this.#byteCount;
    const room = this.roomBytes;
    const source = data.length <= room ? data : data.subarray(0, room);
    const target = this.#small ?? this.#blocks[blockAt(at)];
    assert(target !== undefined && room > 0, "a block was added for the bytes");
    this.#sum.update(source);
    const isFirst = at % BLOCK_BYTES === 0 && this.#small === undefined;
    if (isFirst && source === data && data.length >= EXCHANGE_BYTES_MIN) {
      this.#blocks[blockAt(at)] = this.#begin(data, target);
    } else {
      target.bytes.set(source, at % BLOCK_BYTES);
    }
    this.#byteCount += source.length;
    return source.length;
  }

  /** The block that begins with `data`: the one that it came in, or `block`. */
  #begin(data: Uint8Array, block: Block): Block {
    const own = this.#exchange(data, block);
    if (own === undefined) block.bytes.set(data);
    return own ?? block;
  }

  /** The bytes in memory, which are all unless some were released. Valid until `takeBack`. */
  body(): Uint8Array[] {
    if (this.#small !== undefined) return [this.#small.bytes.subarray(0, this.#byteCount)];
    return this.#views(this.#spilledBytes, this.#byteCount);
  }

  /** No more than `byteCount` bytes fit from now on. */
  limit(byteCount: number): void {
    this.#bytesMax = Math.min(this.#bytesMax, byteCount);
  }

  /** The first `byteCount` bytes are elsewhere now. Returns the blocks that held nothing else. */
  release(byteCount: number): readonly Block[] {
    const isAll = byteCount === this.#byteCount;
    const released = isAll ? byteCount : byteCount - (byteCount % BLOCK_BYTES);
    if (released <= this.#spilledBytes) return [];
    const first = blockAt(this.#spilledBytes);
    const end = Math.ceil(released / BLOCK_BYTES);
    const blocks = this.#blocks.slice(first, end);
    this.#blocks.fill(undefined, first, end);
    this.#spilledBytes = released;
    return blocks.filter((block) => block !== undefined);
  }

  /** One of the blocks for what was released. */
  restoreBlock(block: Block): void {
    this.#blocks[this.#missingAt] = block;
  }

  /** Where what was released belongs, once no block is missing. */
  spilledViews(): Uint8Array[] {
    return this.#views(0, this.#spilledBytes);
  }

  /** What was released is in its place again. */
  endRestoring(): void {
    this.#spilledBytes = 0;
  }

  #views(from: number, to: number): Uint8Array[] {
    const views: Uint8Array[] = [];
    for (let at = from; at < to; ) {
      const block = this.#blocks[blockAt(at)];
      assert(block !== undefined, "the bytes are in memory");
      const inBlock = at % BLOCK_BYTES;
      const length = Math.min(BLOCK_BYTES - inBlock, to - at);
      views.push(block.bytes.subarray(inBlock, inBlock + length));
      at += length;
    }
    return views;
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
    return { blocks: this.#blocks.splice(0).filter((block) => block !== undefined), small };
  }
}

function blockAt(byte: number): number {
  return Math.floor(byte / BLOCK_BYTES);
}
