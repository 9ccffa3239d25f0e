/**
 * Where a file's first bytes are kept as long as they are few: sixteen such buffers fit a block, so
 * that thousands of small files can be open for writing at once. Best effort: when there is none, a
 * file begins with a block like any other.
 */

import { KIB } from "../base/sizes.ts";
import { BLOCK_BYTES, type Block } from "../memory/index.ts";
import type { Filler, PartMemory } from "./part-memory.ts";

export const SMALL_BYTES: number = 64 * KIB;

export interface SmallBuffer {
  readonly bytes: Uint8Array;
  readonly shelf: Shelf;
}

/** A block cut into buffers. */
interface Shelf {
  readonly block: Block;
  readonly free: SmallBuffer[];
}

export class SmallBuffers {
  readonly #memory: PartMemory;
  readonly #filler: Filler;
  /** Those with a free buffer. */
  readonly #shelves = new Set<Shelf>();

  constructor(memory: PartMemory) {
    this.#memory = memory;
    this.#filler = memory.join();
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
    this.#memory.giveHeld(this.#filler, [shelf.block]);
  }

  #newShelf(): Shelf | undefined {
    const block = this.#memory.tryTakeShared(this.#filler);
    if (block === undefined) return undefined;
    const shelf: Shelf = { block, free: [] };
    for (let at = BLOCK_BYTES - SMALL_BYTES; at >= 0; at -= SMALL_BYTES) {
      shelf.free.push({ bytes: block.bytes.subarray(at, at + SMALL_BYTES), shelf });
    }
    this.#shelves.add(shelf);
    return shelf;
  }
}
