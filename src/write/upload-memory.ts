/** The memory of one upload: what its parts are filled into, and what comes back when they are sent. */

import type { CancelSignal } from "../base/cancellation.ts";
import { SMALL_BYTES, type SmallBuffers } from "../memory/index.ts";
import type { OutgoingPart } from "./outgoing-part.ts";
import type { Filler, PartMemory } from "./part-memory.ts";

/** What all uploads share. */
interface SharedMemory {
  readonly memory: PartMemory;
  readonly smallBuffers: SmallBuffers;
}

export class UploadMemory {
  readonly #memory: PartMemory;
  readonly #smallBuffers: SmallBuffers;
  readonly #filler: Filler;

  constructor({ memory, smallBuffers }: SharedMemory, filler: Filler) {
    this.#memory = memory;
    this.#smallBuffers = smallBuffers;
    this.#filler = filler;
  }

  /** The upload is being written on. */
  noteWrite(): void {
    this.#memory.noteWrite(this.#filler);
  }

  /** Gives `part` a small buffer, if it is to begin with `byteCount` bytes that fit one. */
  beginSmall(part: OutgoingPart, byteCount: number): boolean {
    if (part.byteCount > 0 || byteCount >= SMALL_BYTES) return false;
    const small = this.#smallBuffers.tryTake();
    if (small !== undefined) part.beginSmall(small);
    return small !== undefined;
  }

  /** Gives `part` another block, if there is one without waiting. */
  tryAddBlock(part: OutgoingPart): boolean {
    const block = this.#memory.tryTake(this.#filler);
    if (block === undefined) return false;
    this.#giveSmall(part.addBlock(block));
    return true;
  }

  /** Waits for another block, for the part that is filled by then, if any still is. */
  async addBlock(partThen: () => OutgoingPart | undefined, signal: CancelSignal): Promise<void> {
    const block = await this.#memory.take(this.#filler, signal);
    const part = partThen();
    if (part === undefined) this.#memory.giveHeld(this.#filler, [block]);
    else this.#giveSmall(part.addBlock(block));
  }

  /** What the part that was filled holds is on its way to the store. */
  send(): void {
    this.#memory.send(this.#filler);
  }

  /** Gives back what a part holds, which `wasSent` or is still the one that is being filled. */
  give(part: OutgoingPart, wasSent: boolean): void {
    const { blocks, small } = part.takeBack();
    this.#giveSmall(small);
    if (wasSent) this.#memory.giveReturning(this.#filler, blocks);
    else this.#memory.giveHeld(this.#filler, blocks);
  }

  /** Idempotent. */
  leave(): void {
    this.#memory.leave(this.#filler);
  }

  #giveSmall(small: ReturnType<OutgoingPart["addBlock"]>): void {
    if (small !== undefined) this.#smallBuffers.give(small);
  }
}
