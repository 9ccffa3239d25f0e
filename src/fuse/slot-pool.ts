/**
 * The buffers that requests are received into. One is always the session's own; a WRITE whose
 * operation takes its time keeps the slot it came in, so that its payload need not be copied.
 *
 *     received into ──▶ answered ──▶ received into again
 *            └──▶ kept by a WRITE ──▶ returned ──▶ free, the last one first
 */

import { assert } from "../base/assert.ts";
import { SLOT_BYTES } from "./abi.ts";
import { Slot } from "./request.ts";

/** As many as requests may be in flight in the background: more WRITEs the kernel seldom sends. */
const SLOTS_MAX = 64;

/** What all slots need, in the unit that huge pages come in. */
const HUGE_PAGE_BYTES = 2 * 1024 * 1024;
const POOL_BYTES = Math.ceil((SLOTS_MAX * SLOT_BYTES) / HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES;

export class SlotPool {
  readonly #memory: ArrayBuffer;
  readonly #free: Slot[] = [];
  #madeCount = 0;

  /** `allocate` gives memory that is resident only once touched: most slots never are. */
  constructor(allocate: (byteCount: number) => ArrayBuffer) {
    this.#memory = allocate(POOL_BYTES);
  }

  /** Slots that were taken and not given back. */
  get takenCount(): number {
    return this.#madeCount - this.#free.length;
  }

  /** A slot, or undefined when all are taken. */
  take(): Slot | undefined {
    const free = this.#free.pop();
    if (free !== undefined || this.#madeCount === SLOTS_MAX) return free;
    const offset = this.#madeCount * SLOT_BYTES;
    this.#madeCount += 1;
    return new Slot(this.#memory, offset, SLOT_BYTES);
  }

  give(slot: Slot): void {
    assert(this.takenCount > 0, "a slot that is given back was taken");
    this.#free.push(slot);
  }
}
