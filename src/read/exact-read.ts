/**
 * One read that is not part of a run: one GET of exactly the bytes that were asked for.
 *
 * This is what a random read costs, so it does no more than take a block, get, and lend the block to
 * the reply. The bytes lie at the start of the block, wherever they lie in the object.
 */

import { assert } from "../base/assert.ts";
import type { ReadReply } from "../base/attributes.ts";
import type { CancelSignal } from "../base/cancellation.ts";
import { BLOCK_BYTES, type Block, type BlockPool } from "../memory/index.ts";
import type { BodySink } from "../s3/index.ts";
import type { ReaderOptions } from "./source.ts";

export interface ExactReadOptions {
  readonly signal: CancelSignal;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Reads `byteCount` bytes from `offset`, which lie within the object. More than one block at a time
 * is for callers other than the kernel: those may have to wait for each other's until they time out.
 */
export async function readExactly(
  source: ReaderOptions,
  offset: number,
  byteCount: number,
  { onFailure, signal }: ExactReadOptions,
): Promise<ReadReply> {
  const { client, pool, key, etag, objectBytes } = source;
  const reply = new ExactReply(pool, byteCount);
  try {
    for (let at = 0; at < byteCount; at += BLOCK_BYTES) {
      const block = pool.take("read", signal);
      reply.add(block instanceof Promise ? await block : block);
    }
    await client.get({ key, etag, offset, byteCount, objectBytes, sink: reply }, signal);
    return reply;
  } catch (error) {
    reply.release();
    onFailure(error);
    throw error;
  }
}

class ExactReply implements ReadReply, BodySink {
  readonly parts: Uint8Array[] = [];
  readonly #pool: BlockPool;
  readonly #blocks: Block[] = [];
  #missingBytes: number;
  #filledBytes = 0;
  #released = false;

  constructor(pool: BlockPool, byteCount: number) {
    this.#pool = pool;
    this.#missingBytes = byteCount;
  }

  add(block: Block): void {
    const byteCount = Math.min(BLOCK_BYTES, this.#missingBytes);
    this.#missingBytes -= byteCount;
    this.#blocks.push(block);
    this.parts.push(block.bytes.subarray(0, byteCount));
  }

  target(): Uint8Array {
    const inBlock = this.#filledBytes % BLOCK_BYTES;
    const part = this.parts[(this.#filledBytes - inBlock) / BLOCK_BYTES];
    assert(part !== undefined && inBlock < part.length, "a body stays within its range");
    return inBlock === 0 ? part : part.subarray(inBlock);
  }

  filled(byteCount: number): void {
    this.#filledBytes += byteCount;
  }

  restart(): void {
    this.#filledBytes = 0;
  }

  release(): void {
    assert(!this.#released, "a reply is released once");
    this.#released = true;
    for (const block of this.#blocks) this.#pool.give(block);
  }
}
