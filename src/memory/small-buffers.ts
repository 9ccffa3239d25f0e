/**
 * Blocks cut into buffers, where a few bytes are kept: sixteen fit a block, so that thousands of small
 * files can be open at once, and those that are read one after the other touch little memory. Best
 * effort: when there is none, a block does like any other.
 */

import { KIB } from "../base/sizes.ts";
import { BLOCK_BYTES, type Block, type BlockPool, type BlockUse } from "./block-pool.ts";

export const SMALL_BYTES: number = 64 * KIB;

/** A block in all but its size. */
export class SmallBuffer implements Block {
  readonly bytes: Uint8Array;
  readonly shelf: Shelf;

  constructor(bytes: Uint8Array, shelf: Shelf) {
    this.bytes = bytes;
    this.shelf = shelf;
  }
}

/** A block cut into buffers. */
interface Shelf {
  readonly block: Block;
  readonly free: SmallBuffer[];
}

export interface SmallBuffersOptions {
  /** A block to be cut; undefined when there is none to spare. */
  readonly tryTake: () => Block | undefined;
  /** Gives one back of which all buffers are free again. */
  readonly give: (block: Block) => void;
}

export class SmallBuffers {
  readonly #options: SmallBuffersOptions;
  /** Those with a free buffer. */
  readonly #shelves = new Set<Shelf>();

  constructor(options: SmallBuffersOptions) {
    this.#options = options;
  }

  /** Of blocks that the pool has to spare. */
  static of(pool: BlockPool, use: BlockUse): SmallBuffers {
    return new SmallBuffers({
      tryTake: () => pool.tryTake(use, 0),
      give: (block) => pool.give(block),
    });
  }

  tryTake(): SmallBuffer | undefined {
    const [shelf = this.#newShelf()] = this.#shelves;
    const buffer = shelf?.free.pop();
    if (shelf?.free.length === 0) this.#shelves.delete(shelf);
    return buffer;
  }

  give(buffer: SmallBuffer): void {
    const { shelf } = buffer;
    shelf.free.push(buffer);
    this.#shelves.add(shelf);
    if (shelf.free.length < BLOCK_BYTES / SMALL_BYTES) return;
    this.#shelves.delete(shelf);
    this.#options.give(shelf.block);
  }

  #newShelf(): Shelf | undefined {
    const block = this.#options.tryTake();
    if (block === undefined) return undefined;
    const shelf: Shelf = { block, free: [] };
    for (let at = BLOCK_BYTES - SMALL_BYTES; at >= 0; at -= SMALL_BYTES) {
      shelf.free.push(new SmallBuffer(block.bytes.subarray(at, at + SMALL_BYTES), shelf));
    }
    this.#shelves.add(shelf);
    return shelf;
  }
}
