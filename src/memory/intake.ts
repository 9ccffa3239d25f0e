/**
 * Where the payloads of requests are received: blocks beside the budget. One is always that of the next
 * request; what waits for its turn is kept in the one that it came in.
 *
 *     received into ──▶ copied from ──▶ received into again
 *            ├──▶ kept ──▶ given back
 *            └──▶ exchanged: what came stays where it is, and the next comes into another block
 */

import { assert } from "../base/assert.ts";
import { BLOCK_BYTES, type Block, type BlockPool } from "./block-pool.ts";

/**
 * A program that writes to hundreds of files at once, each with a thread of its own, has as many payloads
 * waiting for memory. They must not keep those from being received that memory is waiting for.
 */
const KEPT_MAX = 512;
/** As many as requests may be in flight in the background: more are seldom kept. */
const SPARES_MAX = 64;

/** As large as what comes in, in effect: what is not touched is not resident. */
class LooseBlock implements Block {
  readonly bytes = new Uint8Array(BLOCK_BYTES);
}

export class Intake {
  readonly #pool: BlockPool;
  #current: Block | undefined;
  #spareCount = 0;
  #keptCount = 0;

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /** For the next payload; undefined while too many are kept. */
  get bytes(): Uint8Array | undefined {
    if (this.#keptCount < KEPT_MAX) this.#current ??= this.#take();
    return this.#current?.bytes;
  }

  get keptCount(): number {
    return this.#keptCount;
  }

  /** Keeps what came last in its place, until the function that is returned is called. */
  keep(): () => void {
    const kept = this.#current;
    assert(kept !== undefined, "what is kept has come");
    this.#current = undefined;
    this.#keptCount += 1;
    return () => {
      this.#keptCount -= 1;
      this.#give(kept);
    };
  }

  /**
   * The block that begins with `data`, if that came last, in exchange for `block`, which the next payload
   * comes into: so `data` need not be copied.
   */
  exchange(data: Uint8Array, block: Block): Block | undefined {
    const own = this.#current;
    if (own === undefined || own instanceof LooseBlock) return undefined;
    const { buffer, byteOffset } = own.bytes;
    if (data.buffer !== buffer || data.byteOffset !== byteOffset) return undefined;
    this.#pool.exchange(own, block);
    this.#current = block;
    return own;
  }

  #take(): Block {
    const spare = this.#spareCount < SPARES_MAX ? this.#pool.takeSpare() : undefined;
    if (spare === undefined) return new LooseBlock();
    this.#spareCount += 1;
    return spare;
  }

  #give(block: Block): void {
    if (this.#current === undefined) {
      this.#current = block;
    } else if (!(block instanceof LooseBlock)) {
      this.#spareCount -= 1;
      this.#pool.giveSpare(block);
    }
  }
}
