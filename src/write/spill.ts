/**
 * The part that one upload is filling, as far as it waits on disk: written there by `begin`, when
 * others need its memory, and brought back before it is sent.
 */

import type { CancelSignal } from "../base/cancellation.ts";
import type { Block } from "../memory/index.ts";
import { WriteError } from "./error.ts";
import type { OutgoingPart } from "./outgoing-part.ts";
import type { Filler, PartMemory } from "./part-memory.ts";
import type { SpillFile } from "./spill-file.ts";

export class Spill {
  readonly #file: SpillFile;
  readonly #memory: PartMemory;
  readonly #filler: Filler;
  #slot: number | undefined;
  /** Never rejects. */
  #moving: Promise<void> | undefined;

  constructor(file: SpillFile, memory: PartMemory, filler: Filler) {
    this.#file = file;
    this.#memory = memory;
    this.#filler = filler;
  }

  /** Whether some of `part` is on disk or on its way to or from there. */
  isAway(part: OutgoingPart): boolean {
    return this.#moving !== undefined || part.spilledBytes > 0;
  }

  /** Begins to write what memory holds of `part`. Undefined if that cannot be; never rejects. */
  begin(part: OutgoingPart): Promise<void> | undefined {
    if (this.#moving !== undefined || this.#filler.heldBlocks === 0) return undefined;
    if (part.byteCount === part.spilledBytes) return undefined;
    if (this.#file.refusal !== undefined) return undefined;
    this.#slot ??= this.#file.takeSlot();
    const written = this.#write(part, this.#slot, this.#filler.heldBlocks);
    this.#memory.send(this.#filler);
    return this.#move(written);
  }

  /** It has all its bytes in memory when this resolves. Rejects with WriteError "spill-lost" and as `take`. */
  async bringBack(part: OutgoingPart, signal: CancelSignal): Promise<void> {
    while (this.#moving !== undefined) await this.#moving;
    const read = this.#read(part, signal);
    await Promise.all([read, this.#move(read.catch(() => {}))]);
  }

  /** Gives back what it has on disk. Nothing may be moving any more. Idempotent. */
  end(): void {
    if (this.#slot !== undefined) this.#file.giveSlot(this.#slot);
    this.#slot = undefined;
  }

  async #move(work: Promise<void>): Promise<void> {
    this.#moving = work;
    await work;
    if (this.#moving === work) this.#moving = undefined;
  }

  async #write(part: OutgoingPart, slot: number, blockCount: number): Promise<void> {
    const { byteCount, spilledBytes } = part;
    let released: readonly Block[] = [];
    try {
      await this.#file.write(slot, spilledBytes, part.body());
      released = part.release(byteCount);
    } catch {
      // The file has said why. The part stays where it is.
    }
    this.#memory.keep(this.#filler, blockCount - released.length);
    this.#memory.giveReturning(this.#filler, released);
  }

  async #read(part: OutgoingPart, signal: CancelSignal): Promise<void> {
    while (part.missesBlock) {
      const block = this.#memory.tryTake(this.#filler);
      part.restoreBlock(block ?? (await this.#memory.take(this.#filler, signal)));
    }
    if (part.spilledBytes > 0 && this.#slot !== undefined) {
      try {
        await this.#file.read(this.#slot, part.spilledViews());
      } catch (cause) {
        const why = "what waited on disk for memory cannot be read";
        throw new WriteError("spill-lost", `bringing back a part failed: ${why}`, { cause });
      }
      part.endRestoring();
    }
    this.end();
  }
}
