/**
 * Who among the writers of a mount gets the next block, so that any number of them get on with memory
 * for few.
 *
 * Only a part of at least 5 MiB can be sent before its file ends, so that writers who share the last
 * blocks among them, a little each, would all be stuck. As a banker lends, a block is granted only if
 * what is left, or comes back from parts under way, suffices for the one nearest to a part to finish
 * it: its blocks come back then and suffice for the next. Those who wait are served in that order,
 * nearest first, then first come first served. A writer who has a part but does not go on is asked to
 * send it, and one who has less to put that on disk. Only when there is no disk and nothing moves for
 * a while, because all memory is with files that nobody writes on, the newest to wait is refused.
 *
 *     free ──tryTake, take──▶ held by the part being filled ──send──▶ returning ──give──▶ free
 */

import type { CancelSignal } from "../base/cancellation.ts";
import { type Deferred, deferred } from "../base/deferred.ts";
import { MIB } from "../base/sizes.ts";
import { BLOCK_BYTES, type Block, type BlockPool, MemoryError } from "../memory/index.ts";

/** The least that S3 takes as a part but the last. */
export const SENDABLE_BYTES: number = 5 * MIB;
/** A writer who has not written for this long is not counted on to finish its part. */
const IDLE_MS = 1000;
/** A part that was not written on for this long may be put on disk. */
const QUIET_MS = 100;
/** For so long after that, any may be: somebody writes to files in turn. */
const IN_TURN_MS = 1000;
/** So many blocks are put there at once, as the disk likes it. */
const SPILL_BLOCKS = 16;
/** How long nothing may move before somebody is refused: less than a person takes for a hang. */
const STUCK_MS = 30_000;
/**
 * A write that waits keeps its payload, of up to a block, outside the pool. So many there is room for
 * besides; of more writers, each one takes a block from the share for writing, down to half of it.
 */
const WAITING_WRITES = 64;
export interface PartMemoryOptions {
  readonly pool: BlockPool;
  /** The size of parts that are not early. */
  readonly partBytes: number;
  readonly stuckMs?: number | undefined;
  /** Why parts cannot be put on disk at present, if they cannot. */
  readonly spillRefusal?: () => string | undefined;
  /** A monotonic clock in milliseconds. */
  readonly nowMs?: () => number;
}

interface Waiter {
  readonly settled: Deferred<Block>;
  readonly sinceMs: number;
  readonly leave: () => void;
}

/** Who fills a part, as it is asked for the part's memory. */
export interface PartOwner {
  /** Sends the part, if it may be one, and says whether it did. */
  sendEarly(): boolean;
  /** Puts the part on disk. Returns how many blocks come back from there. */
  spill(): number;
}

/** The account of one upload: `PartMemory` keeps it. */
export class Filler {
  /** Blocks of the part that is being filled. */
  heldBlocks = 0;
  /** Blocks of parts under way. */
  returningBlocks = 0;
  writtenMs = 0;
  /** While it stands in line. */
  waiter: Waiter | undefined;
  /** Undefined for who fills no part. */
  readonly owner: PartOwner | undefined;

  constructor(owner: PartOwner | undefined) {
    this.owner = owner;
  }
}

export class PartMemory {
  readonly #pool: BlockPool;
  /** Blocks that make a part which can be sent. */
  readonly #sendableBlocks: number;
  readonly #stuckMs: number;
  readonly #spillRefusal: () => string | undefined;
  readonly #nowMs: () => number;
  readonly #fillers = new Set<Filler>();
  /** In order of arrival. */
  readonly #line = new Set<Filler>();
  #heldBlocks = 0;
  #returningBlocks = 0;
  /** Blocks that were granted and that the pool has to wait for. */
  #grantedBlocks = 0;
  /** Until when who waits is believed to write to files in turn. */
  #inTurnUntilMs = 0;
  /** When a block last changed its owner. */
  #movedMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PartMemoryOptions) {
    const { nowMs = () => performance.now(), partBytes, pool, stuckMs = STUCK_MS } = options;
    this.#pool = pool;
    const sendableBytes = Math.min(partBytes, SENDABLE_BYTES);
    this.#sendableBlocks = Math.min(Math.ceil(sendableBytes / BLOCK_BYTES), pool.writeBlocksMax);
    this.#stuckMs = stuckMs;
    this.#spillRefusal = options.spillRefusal ?? (() => undefined);
    this.#nowMs = nowMs;
  }

  join(owner?: PartOwner): Filler {
    const filler = new Filler(owner);
    this.#fillers.add(filler);
    return filler;
  }

  /** Idempotent. */
  leave(filler: Filler): void {
    if (this.#fillers.delete(filler)) this.#serve();
  }

  /** `filler` is being written on. */
  noteWrite(filler: Filler): void {
    filler.writtenMs = this.#nowMs();
  }

  /** A block for somebody who need not have it: one that leaves enough for those who need one. */
  tryTake(filler: Filler): Block | undefined {
    const held = filler.heldBlocks + filler.returningBlocks;
    return this.#tryTake(filler, this.#limitBlocks, held);
  }

  /** The same for what many files share, which need not be fair to one. */
  tryTakeShared(filler: Filler): Block | undefined {
    return this.#tryTake(filler, this.#pool.writeBlocksMax, 0);
  }

  #tryTake(filler: Filler, limitBlocks: number, held: number): Block | undefined {
    const free = this.#freeBlocks(limitBlocks);
    if (this.#line.size > 0 || free === 0) return undefined;
    if (this.#leftAfterGrant(free) < this.#sendableBlocks) return undefined;
    const block = this.#pool.tryTake("write", held);
    if (block !== undefined) this.#hold(filler);
    return block;
  }

  /** A block for somebody who waits. Rejects with MemoryError "exhausted" or the signal's reason. */
  async take(filler: Filler, signal: CancelSignal): Promise<Block> {
    signal.throwIfAborted();
    const settled = deferred<Block>();
    const onAbort = (): void => {
      waiter.leave();
      settled.reject(signal.reason);
      this.#serve();
    };
    const waiter: Waiter = {
      settled,
      sinceMs: this.#nowMs(),
      leave: () => {
        signal.removeEventListener("abort", onAbort);
        this.#line.delete(filler);
        filler.waiter = undefined;
      },
    };
    signal.addEventListener("abort", onAbort, { once: true });
    filler.waiter = waiter;
    this.#line.add(filler);
    this.#serve();
    return await settled.promise;
  }

  /** What `filler` held is on its way, and comes back by `giveReturning` or stays by `keep`. */
  send(filler: Filler): void {
    this.#heldBlocks -= filler.heldBlocks;
    this.#returningBlocks += filler.heldBlocks;
    filler.returningBlocks += filler.heldBlocks;
    filler.heldBlocks = 0;
    this.#movedMs = this.#nowMs();
  }

  /** So many of the blocks on their way do not leave `filler` after all. */
  keep(filler: Filler, blockCount: number): void {
    filler.returningBlocks -= blockCount;
    this.#returningBlocks -= blockCount;
    filler.heldBlocks += blockCount;
    this.#heldBlocks += blockCount;
    this.#serve();
  }

  giveHeld(filler: Filler, blocks: readonly Block[]): void {
    filler.heldBlocks -= blocks.length;
    this.#heldBlocks -= blocks.length;
    this.#give(blocks);
  }

  giveReturning(filler: Filler, blocks: readonly Block[]): void {
    filler.returningBlocks -= blocks.length;
    this.#returningBlocks -= blocks.length;
    this.#give(blocks);
  }

  #give(blocks: readonly Block[]): void {
    if (blocks.length === 0) return;
    for (const block of blocks) this.#pool.give(block);
    this.#movedMs = this.#nowMs();
    this.#serve();
  }

  /** How many blocks writers may hold while there is another way to get on. */
  get #limitBlocks(): number {
    const { writeBlocksMax } = this.#pool;
    const payloads = Math.max(0, this.#fillers.size - WAITING_WRITES);
    return Math.max(Math.ceil(writeBlocksMax / 2), writeBlocksMax - payloads);
  }

  #freeBlocks(limitBlocks: number): number {
    const used = this.#heldBlocks + this.#returningBlocks + this.#grantedBlocks;
    return Math.max(0, limitBlocks - used);
  }

  /** What is there of `free`, now or soon, for others once one block more is granted. */
  #leftAfterGrant(free: number): number {
    return free - 1 + this.#returningBlocks;
  }

  #hold(filler: Filler): void {
    filler.heldBlocks += 1;
    this.#heldBlocks += 1;
    filler.writtenMs = this.#nowMs();
    this.#movedMs = filler.writtenMs;
  }

  #serve(): void {
    while (this.#line.size > 0) {
      const next = this.#nearest();
      if (next === undefined || !this.#mayGrant(next)) break;
      this.#grant(next);
    }
    if (this.#line.size === 0 || this.#isMoving) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    } else {
      this.#timer ??= setTimeout(() => this.#lookAgain(), Math.min(QUIET_MS, this.#stuckMs));
    }
  }

  /** Who in line lacks the fewest blocks to a part that can be sent. */
  #nearest(): Filler | undefined {
    let nearest: Filler | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    for (const filler of this.#line) {
      const missing = this.#sendableBlocks - filler.heldBlocks;
      // Who has enough already wants to have more than it needs.
      const lacking = missing > 0 ? missing : this.#sendableBlocks;
      if (lacking < fewest) {
        nearest = filler;
        fewest = lacking;
      }
    }
    return nearest;
  }

  #mayGrant(filler: Filler): boolean {
    if (this.#isSafe(filler, this.#limitBlocks)) return true;
    if (this.#isMoving || this.#askForMemory() || this.#canSomebodyFinish()) return false;
    return this.#isSafe(filler, this.#pool.writeBlocksMax);
  }

  /** Whether one block more for `filler` leaves enough for somebody to finish a part. */
  #isSafe(filler: Filler, limitBlocks: number): boolean {
    const free = this.#freeBlocks(limitBlocks);
    if (free === 0) return false;
    const left = this.#leftAfterGrant(free);
    if (left >= this.#sendableBlocks) return true;
    const heldMost = Math.max(filler.heldBlocks + 1, this.#heldMostBlocks());
    return left >= this.#sendableBlocks - heldMost;
  }

  /** Whether the one nearest to a part needs nothing but to go on. */
  #canSomebodyFinish(): boolean {
    const free = this.#freeBlocks(this.#limitBlocks);
    return free >= this.#sendableBlocks - this.#heldMostBlocks();
  }

  /** Of those who fill a part and are not idle. */
  #heldMostBlocks(): number {
    const idleSinceMs = this.#nowMs() - IDLE_MS;
    let heldMost = 0;
    for (const { heldBlocks, owner, waiter, writtenMs } of this.#fillers) {
      const isIdle = waiter === undefined && writtenMs < idleSinceMs;
      if (owner !== undefined && !isIdle) heldMost = Math.max(heldMost, heldBlocks);
    }
    return heldMost;
  }

  #grant(filler: Filler): void {
    const { waiter } = filler;
    if (waiter === undefined) return;
    waiter.leave();
    const taken = this.#pool.take("write");
    if (!(taken instanceof Promise)) {
      this.#hold(filler);
      waiter.settled.resolve(taken);
      return;
    }
    this.#grantedBlocks += 1;
    const onBlock = (block: Block): void => {
      this.#grantedBlocks -= 1;
      this.#hold(filler);
      waiter.settled.resolve(block);
    };
    const onFailure = (error: unknown): void => {
      this.#grantedBlocks -= 1;
      waiter.settled.reject(error);
      this.#serve();
    };
    taken.then(onBlock, onFailure);
  }

  get #isMoving(): boolean {
    return this.#returningBlocks + this.#grantedBlocks > 0;
  }

  /**
   * Has the part of somebody sent, of those who have one that of who has not written for longest; or,
   * if nobody has, parts that nobody writes on put on disk. Returns whether anything comes back.
   */
  #askForMemory(): boolean {
    const byAge = [...this.#fillers].sort((a, b) => a.writtenMs - b.writtenMs);
    if (byAge.some(({ owner }) => owner?.sendEarly() === true)) return true;
    const nowMs = this.#nowMs();
    const quietSinceMs = nowMs < this.#inTurnUntilMs ? nowMs : nowMs - QUIET_MS;
    let blockCount = 0;
    for (const { owner, waiter, writtenMs } of byAge) {
      if (writtenMs > quietSinceMs || blockCount >= SPILL_BLOCKS) break;
      if (waiter === undefined) blockCount += owner?.spill() ?? 0;
    }
    if (blockCount === 0) return false;
    this.#inTurnUntilMs = nowMs + IN_TURN_MS;
    return true;
  }

  /** Somebody may have become quiet meanwhile, or everybody been stuck for too long. */
  #lookAgain(): void {
    this.#timer = undefined;
    const sinceMs = this.#nowMs() - this.#stuckMs;
    if (!this.#isMoving && this.#movedMs <= sinceMs) this.#refuseOne(sinceMs);
    this.#serve();
  }

  #refuseOne(sinceMs: number): void {
    const late = [...this.#line]
      .reverse()
      .filter(({ waiter }) => waiter !== undefined && waiter.sinceMs <= sinceMs);
    // Who holds something frees it for the others.
    const refused = late.find(({ heldBlocks }) => heldBlocks > 0) ?? late[0];
    const waiter = refused?.waiter;
    waiter?.leave();
    waiter?.settled.reject(this.#exhausted());
  }

  #exhausted(): MemoryError {
    const refusal = this.#spillRefusal();
    const noDisk = refusal === undefined ? "" : `, and cannot wait on disk (${refusal})`;
    return new MemoryError(
      "exhausted",
      `waiting ${this.#stuckMs} ms for 1 MiB of memory failed: the files that are being written hold ` +
        `${this.#heldBlocks} of ${this.#pool.writeBlocksMax} MiB, each less than can be sent before it is ` +
        `closed, and none was written on meanwhile${noDisk}; raise the memory target or write fewer files ` +
        "at once",
    );
  }
}
