/**
 * What every part of one open object shares: where its bytes come from, and the count of blocks that
 * it holds ahead of its readers.
 */

import type { Log } from "../base/log.ts";
import { type Block, type BlockPool, SmallBuffer, type SmallBuffers } from "../memory/index.ts";
import type { ObjectClient } from "../s3/index.ts";
import type { Arrivals } from "./window.ts";

export interface ReaderOptions {
  readonly client: ObjectClient;
  readonly pool: BlockPool;
  /** Shared by all readers of a mount: where objects lie that fit. */
  readonly smallBuffers?: SmallBuffers;
  readonly key: string;
  /** With its quotes. Every GET asks for this version, so that versions never mix. */
  readonly etag: string;
  readonly objectBytes: number;
  /** The size of one ranged GET while reading ahead (--read-part-size). */
  readonly partBytes: number;
  /** The most to read ahead of one reader, whatever it gains. */
  readonly windowBytesMax?: number | undefined;
  /** Shared by all readers of a mount. */
  readonly arrivals?: Arrivals;
  /** Called when the object has been read often, here and there: whoever reads it so is likely to go on. */
  readonly onManyReads?: (() => void) | undefined;
  readonly log: Log;
  /** A monotonic clock in milliseconds. */
  readonly nowMs?: () => number;
}

/** The blocks that one handle took without anybody waiting for them. */
export class Speculation {
  readonly #pool: BlockPool;
  readonly #smallBuffers: SmallBuffers | undefined;
  #blocks = 0;

  constructor({ pool, smallBuffers }: Pick<ReaderOptions, "pool" | "smallBuffers">) {
    this.#pool = pool;
    this.#smallBuffers = smallBuffers;
  }

  /** In place of a block, for at most `SMALL_BYTES`. */
  takeSmall(): SmallBuffer | undefined {
    return this.#smallBuffers?.tryTake();
  }

  /** Up to `wanted` blocks, as many as the pool can spare. */
  take(wanted: number): Block[] {
    const blocks: Block[] = [];
    while (blocks.length < wanted) {
      const block = this.#pool.tryTake("read", this.#blocks);
      if (block === undefined) break;
      this.#blocks += 1;
      blocks.push(block);
    }
    return blocks;
  }

  give(block: Block): void {
    if (block instanceof SmallBuffer) {
      this.#smallBuffers?.give(block);
      return;
    }
    this.#blocks -= 1;
    this.#pool.give(block);
  }
}
