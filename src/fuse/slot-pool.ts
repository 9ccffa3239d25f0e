/**
 * The buffers that requests are received into. One is always the session's own; a WRITE whose
 * operation takes its time keeps the slot it came in, so that its payload need not be copied.
 *
 *     received into ──▶ answered ──▶ received into again
 *            └──▶ kept by a WRITE ──▶ returned ──▶ free, the last one first
 */

import { assert } from "../base/assert.ts";
import { IN_HEADER, SLOT_BYTES, WRITE_IN } from "./abi.ts";
import { Slot } from "./request.ts";

/** As many as requests may be in flight in the background: more WRITEs the kernel seldom sends. */
const SLOTS_KEPT = 64;
/**
 * A program that writes to hundreds of files at once, each with a thread of its own, has as many WRITEs
 * waiting for memory. They must not keep those from being received that memory is waiting for.
 */
const SLOTS_MAX = 512;

/**
 * How many are allocated together. All of them at once are more than V8 takes without collecting its
 * garbage at once, which a mount that is about to answer would wait for.
 */
const SLAB_SLOTS = 8;

/**
 * Where in its pages a request begins, so that the payload of a WRITE begins with a page: the kernel
 * copies a page at a time, and looks up each page that it copies to.
 */
const REQUEST_START = 4096 - IN_HEADER.bytes - WRITE_IN.bytes;

/** What so many slots need, in the unit that huge pages come in. */
const HUGE_PAGE_BYTES = 2 * 1024 * 1024;
const SLAB_BYTES = Math.ceil((SLAB_SLOTS * SLOT_BYTES) / HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES;

export class SlotPool {
  readonly #allocate: (byteCount: number) => ArrayBuffer;
  /** Where the next kept slot is, unless it begins another. */
  #slab: ArrayBuffer = new ArrayBuffer(0);
  readonly #free: Slot[] = [];
  /** Beyond those kept: given up once few are needed again. */
  #freeExtra: Slot[] = [];
  #keptCount = 0;
  #takenCount = 0;

  /** `allocate` gives memory that is resident only once touched: most slots never are. */
  constructor(allocate: (byteCount: number) => ArrayBuffer) {
    this.#allocate = allocate;
  }

  /** Slots that were taken and not given back. */
  get takenCount(): number {
    return this.#takenCount;
  }

  /** A slot, or undefined when all are taken. */
  take(): Slot | undefined {
    if (this.#takenCount === SLOTS_MAX) return undefined;
    this.#takenCount += 1;
    const free = this.#free.pop() ?? this.#freeExtra.pop();
    if (free !== undefined) return free;
    // As large as its request, in effect: what is not touched is not resident.
    if (this.#keptCount === SLOTS_KEPT) return new Slot(new ArrayBuffer(SLOT_BYTES), 0, SLOT_BYTES);
    return this.#makeKept();
  }

  give(slot: Slot): void {
    assert(this.#takenCount > 0, "a slot that is given back was taken");
    this.#takenCount -= 1;
    // Others have memory of their own size.
    const isKept = slot.bytes.buffer.byteLength === SLAB_BYTES;
    (isKept ? this.#free : this.#freeExtra).push(slot);
    if (this.#takenCount < SLOTS_KEPT / 2) this.#freeExtra = [];
  }

  #makeKept(): Slot {
    const index = this.#keptCount % SLAB_SLOTS;
    const slab = index === 0 ? this.#allocate(SLAB_BYTES) : this.#slab;
    this.#slab = slab;
    this.#keptCount += 1;
    const start = index * SLOT_BYTES + REQUEST_START;
    return new Slot(slab, start, SLOT_BYTES - REQUEST_START);
  }
}
