/**
 * The one block pool of a mount: huge pages cut into blocks, and who may have one next.
 *
 * Address space is mapped in segments as it is needed and never unmapped, but pages that stay unused
 * for a while are given back to the system. Free blocks form a stack, so that a mount that needs
 * twenty blocks touches twenty, whatever its budget.
 *
 *   segment (32 MiB) = 16 pages (2 MiB, what the system gives and takes) = 32 blocks (1 MiB)
 */

import { assert } from "../base/assert.ts";
import type { CancelSignal } from "../base/cancellation.ts";
import { type Deferred, deferred } from "../base/deferred.ts";
import { MIB } from "../base/sizes.ts";
import {
  BLOCK_BYTES,
  type Block,
  type BlockPool,
  type BlockUse,
  type Holder,
} from "./block-pool.ts";
import { MemoryError } from "./error.ts";

/** A huge page of x86-64 and arm64 (4 KiB granule): `allocate` gets multiples of it. */
const PAGE_BYTES = 2 * MIB;
/** Few enough mappings for a large budget, small enough not to matter where memory is short. */
const SEGMENT_BYTES = 32 * MIB;
/** Pages unused for this long go back to the system: an idle mount should be small. */
const TRIM_MS = 60_000;
/** A holder that was not renewed for this long loses its blocks to those who are reading ahead. */
const HOLDER_IDLE_MS = 1000;
/**
 * How long demand waits. Longer than the slowest healthy transfer of a part, shorter than what a
 * person takes for a hang.
 */
const TAKE_TIMEOUT_MS = 30_000;
/** Kept from speculation (and, as the last ones, from writers) so that demand seldom waits. */
const RESERVE_BLOCKS_MAX = 32;
const RESERVE_FRACTION = 8;

function reserveOf(blocksMax: number): number {
  return Math.min(RESERVE_BLOCKS_MAX, Math.floor(blocksMax / RESERVE_FRACTION));
}

/** The most bytes that writers can hold at once in a pool of `budgetBytes`: no part may be larger. */
export function writableBytes(budgetBytes: number): number {
  return writableBlocks(Math.floor(budgetBytes / BLOCK_BYTES)) * BLOCK_BYTES;
}

function writableBlocks(blocksMax: number): number {
  return blocksMax - reserveOf(blocksMax);
}

export interface BlockPoolOptions {
  readonly budgetBytes: number;
  /** Maps zeroed memory aligned to 2 MiB; gets a multiple of 2 MiB. Throws when there is none. */
  readonly allocate: (byteCount: number) => ArrayBuffer;
  /** Gives the pages inside `bytes` back to the system; their content may be lost. */
  readonly discard: (bytes: Uint8Array) => number;
  readonly takeTimeoutMs?: number;
  readonly trimMs?: number;
  /** A monotonic clock in milliseconds. */
  readonly nowMs?: () => number;
}

/** Creates the pool. Nothing is mapped before the first block is taken. */
export function createBlockPool(options: BlockPoolOptions): BlockPool {
  return new Arena(options);
}

interface Page {
  readonly bytes: Uint8Array;
  /** Whether it may be resident. */
  touched: boolean;
  blocksInUse: number;
  /** Blocks of it that are taken beside the budget. */
  spares: number;
  /** Whether a block was taken from it since the last trim. */
  recent: boolean;
}

interface ArenaBlock extends Block {
  readonly page: Page;
  /** Undefined while it is free, or beside the budget. */
  use: BlockUse | undefined;
}

interface Waiter {
  readonly use: BlockUse;
  readonly settled: Deferred<Block>;
  /** Takes it out of the line, without settling. */
  leave(): void;
}

class ShortageHolder implements Holder {
  readonly reclaim: (blocksWanted: number) => number;
  renewedMs: number;
  readonly #line: Set<ShortageHolder>;
  readonly #nowMs: () => number;

  constructor(
    line: Set<ShortageHolder>,
    nowMs: () => number,
    reclaim: (blocksWanted: number) => number,
  ) {
    this.#line = line;
    this.#nowMs = nowMs;
    this.reclaim = reclaim;
    this.renewedMs = nowMs();
    line.add(this);
  }

  renew(): void {
    if (!this.#line.delete(this)) return;
    this.renewedMs = this.#nowMs();
    this.#line.add(this);
  }

  end(): void {
    this.#line.delete(this);
  }
}

class Arena implements BlockPool {
  readonly blocksMax: number;
  readonly writeBlocksMax: number;
  readonly #reserveBlocks: number;
  readonly #options: BlockPoolOptions;
  readonly #nowMs: () => number;
  readonly #pages: Page[] = [];
  readonly #free: ArenaBlock[] = [];
  /** In order of arrival. */
  readonly #waiters = new Set<Waiter>();
  /** In order of their last renewal. */
  readonly #holders = new Set<ShortageHolder>();
  #blocksMapped = 0;
  #spares = 0;
  #blocksInUse = 0;
  #blocksWriting = 0;
  /** Blocks that holders said would come back when their transfers have ended. */
  #blocksExpected = 0;
  #trimTimer: NodeJS.Timeout | undefined;

  constructor(options: BlockPoolOptions) {
    this.blocksMax = Math.floor(options.budgetBytes / BLOCK_BYTES);
    assert(this.blocksMax > 0, "the budget holds at least one block");
    this.#reserveBlocks = reserveOf(this.blocksMax);
    this.writeBlocksMax = writableBlocks(this.blocksMax);
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  get blocksInUse(): number {
    return this.#blocksInUse;
  }

  tryTake(use: BlockUse, held: number): Block | undefined {
    if (this.#waiters.size > 0) return undefined;
    const missing = this.#reserveBlocks + held + 1 - (this.blocksMax - this.#blocksInUse);
    if (missing > 0 && this.#reclaim(missing, HOLDER_IDLE_MS) < missing) return undefined;
    // What was promised may not be back yet; then the next try finds it.
    if (this.blocksMax - this.#blocksInUse <= this.#reserveBlocks + held) return undefined;
    return this.#pop(use);
  }

  take(use: BlockUse, signal?: CancelSignal): Block | Promise<Block> {
    signal?.throwIfAborted();
    if (this.#waiters.size === 0) {
      const block = this.#pop(use);
      if (block !== undefined) return block;
    }
    const promise = this.#enqueue(use, signal);
    // A reader need not wait behind writers whose share is used up.
    this.#serveWaiters();
    const missing = this.#waiters.size - this.#blocksExpected;
    if (missing > 0 && this.#allows(use)) this.#reclaim(missing, 0);
    return promise;
  }

  give(block: Block): void {
    const own = block as ArenaBlock;
    assert(own.use !== undefined, "a block is given back once");
    if (own.use === "write") this.#blocksWriting -= 1;
    own.use = undefined;
    own.page.blocksInUse -= 1;
    this.#blocksInUse -= 1;
    this.#blocksExpected = Math.max(0, this.#blocksExpected - 1);
    this.#free.push(own);
    this.#serveWaiters();
  }

  takeSpare(): Block | undefined {
    this.#spares += 1;
    const block = this.#popFree();
    if (block === undefined) this.#spares -= 1;
    else block.page.spares += 1;
    return block;
  }

  giveSpare(block: Block): void {
    const own = block as ArenaBlock;
    assert(own.page.spares > 0, "a spare block is given back once");
    own.page.spares -= 1;
    this.#spares -= 1;
    this.#free.push(own);
    this.#startTrimming();
  }

  exchange(spare: Block, block: Block): void {
    const taken = spare as ArenaBlock;
    const given = block as ArenaBlock;
    assert(
      taken.use === undefined && given.use !== undefined,
      "a spare block is exchanged for another",
    );
    taken.use = given.use;
    taken.page.spares -= 1;
    taken.page.blocksInUse += 1;
    given.use = undefined;
    given.page.blocksInUse -= 1;
    given.page.spares += 1;
  }

  onShortage(reclaim: (blocksWanted: number) => number): Holder {
    return new ShortageHolder(this.#holders, this.#nowMs, reclaim);
  }

  /** Takes the top of the stack for `use`, mapping more memory when there is none. */
  #pop(use: BlockUse): ArenaBlock | undefined {
    if (!this.#allows(use) || this.#blocksInUse === this.blocksMax) return undefined;
    const block = this.#popFree();
    if (block === undefined) return undefined;
    block.use = use;
    block.page.blocksInUse += 1;
    this.#blocksInUse += 1;
    if (use === "write") this.#blocksWriting += 1;
    this.#startTrimming();
    return block;
  }

  #popFree(): ArenaBlock | undefined {
    if (this.#free.length === 0) this.#map();
    const block = this.#free.pop();
    if (block === undefined) return undefined;
    block.page.touched = true;
    block.page.recent = true;
    return block;
  }

  /** Uploads to a server that hangs keep their blocks for long; reading must go on meanwhile. */
  #allows(use: BlockUse): boolean {
    return use === "read" || this.#blocksWriting < this.writeBlocksMax;
  }

  #map(): void {
    const wanted = this.blocksMax + this.#spares - this.#blocksMapped;
    const blocks = Math.min(SEGMENT_BYTES / BLOCK_BYTES, wanted);
    if (blocks <= 0) return;
    // Whole pages: `blocksInUse` keeps to the budget.
    const byteCount = Math.ceil((blocks * BLOCK_BYTES) / PAGE_BYTES) * PAGE_BYTES;
    let segment: ArrayBuffer;
    try {
      segment = this.#options.allocate(byteCount);
    } catch {
      // The system has less than the budget says: live with what is mapped, in line.
      return;
    }
    const mapped: ArenaBlock[] = [];
    for (let offset = 0; offset < byteCount; offset += PAGE_BYTES) {
      const bytes = new Uint8Array(segment, offset, PAGE_BYTES);
      const page: Page = { bytes, touched: false, blocksInUse: 0, spares: 0, recent: false };
      this.#pages.push(page);
      for (let inPage = 0; inPage < PAGE_BYTES; inPage += BLOCK_BYTES) {
        const view = new Uint8Array(segment, offset + inPage, BLOCK_BYTES);
        mapped.push({ bytes: view, page, use: undefined });
      }
    }
    this.#blocksMapped += mapped.length;
    // The lowest address comes off the stack first.
    this.#free.push(...mapped.reverse());
  }

  #enqueue(use: BlockUse, signal: CancelSignal | undefined): Promise<Block> {
    const settled = deferred<Block>();
    const fail = (reason: unknown): void => {
      waiter.leave();
      settled.reject(reason);
    };
    const onAbort = (): void => fail(signal?.reason);
    const timeoutMs = this.#options.takeTimeoutMs ?? TAKE_TIMEOUT_MS;
    const timer = setTimeout(() => fail(this.#exhausted(timeoutMs)), timeoutMs);
    const waiter: Waiter = {
      use,
      settled,
      leave: () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        this.#waiters.delete(waiter);
      },
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#waiters.add(waiter);
    return settled.promise;
  }

  #exhausted(timeoutMs: number): MemoryError {
    return new MemoryError(
      "exhausted",
      `waiting ${timeoutMs} ms for 1 MiB of memory failed: ${this.#blocksInUse} of ` +
        `${this.blocksMax} MiB are in use; raise the memory target or open fewer files at once`,
    );
  }

  #serveWaiters(): void {
    for (const waiter of this.#waiters) {
      const block = this.#pop(waiter.use);
      if (block !== undefined) {
        waiter.leave();
        waiter.settled.resolve(block);
      } else if (this.#allows(waiter.use)) {
        return;
      }
      // Else too many writers hold blocks: a reader behind this one may still be served.
    }
  }

  /** Asks holders that have been idle for `idleMs` for `wanted` blocks. Returns how many will come. */
  #reclaim(wanted: number, idleMs: number): number {
    const idleSinceMs = this.#nowMs() - idleMs;
    let promised = 0;
    for (const holder of this.#holders) {
      if (promised >= wanted || holder.renewedMs > idleSinceMs) break;
      const inUse = this.#blocksInUse;
      const waiting = this.#waiters.size;
      const count = holder.reclaim(wanted - promised);
      const atOnce = inUse - this.#blocksInUse + (waiting - this.#waiters.size);
      this.#blocksExpected += Math.max(0, count - atOnce);
      promised += count;
    }
    return promised;
  }

  #startTrimming(): void {
    this.#trimTimer ??= setInterval(() => this.#trim(), this.#options.trimMs ?? TRIM_MS).unref();
  }

  #trim(): void {
    let resident = 0;
    let trimmed = 0;
    for (const page of this.#pages) {
      const isFree = page.blocksInUse + page.spares === 0;
      if (page.touched && isFree && !page.recent) {
        page.touched = false;
        trimmed += 1;
        this.#options.discard(page.bytes);
      }
      page.recent = false;
      // A spare block may be kept for ever.
      if (page.touched && (isFree || page.blocksInUse > 0)) resident += 1;
    }
    if (trimmed > 0) this.#free.sort((a, b) => Number(a.page.touched) - Number(b.page.touched));
    if (resident > 0) return;
    clearInterval(this.#trimTimer);
    this.#trimTimer = undefined;
  }
}
