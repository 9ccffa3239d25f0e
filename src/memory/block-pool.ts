/**
 * The contract of the block pool: one byte budget for the bytes of objects, in blocks of 1 MiB.
 *
 * Two kinds of callers share it. *Demand* is a request that somebody waits for; it may wait in line,
 * and always gets its turn. *Speculation* (reading ahead, parts in flight behind a writer) only takes
 * what is plentiful, and what it took to read ahead is asked back when demand finds nothing.
 */

import type { CancelSignal } from "../base/cancellation.ts";
import { MIB } from "../base/sizes.ts";

/** The largest request of the kernel (max_pages 256), so that one block answers one request. */
export const BLOCK_BYTES: number = MIB;

/** Readers and writers are told apart so that blocked uploads cannot take the last block for reading. */
export type BlockUse = "read" | "write";

/** 1 MiB of huge-page memory, owned by whoever took it until given back, exactly once. */
export interface Block {
  readonly bytes: Uint8Array;
}

export interface BlockPool {
  readonly blocksMax: number;
  /** As many of them as writers can hold at once. */
  readonly writeBlocksMax: number;
  /** Taken and not yet given back: 0 after everything is closed. */
  readonly blocksInUse: number;
  /**
   * Takes a block for speculation by somebody who speculates with `held` blocks already, or returns
   * undefined. It is granted while more than `held` blocks are free beyond the reserve, so that n
   * greedy callers come to hold 1/(n+1) of the pool each and a newcomer finds some. Never waits;
   * holders that have been idle for a while are asked to give theirs back first.
   */
  tryTake(use: BlockUse, held: number): Block | undefined;
  /**
   * Takes a block that somebody waits for. When none is free, asks for speculation back, longest
   * idle holder first, and waits in line (first come, first served) until a block is given back.
   * Rejects with MemoryError "exhausted" after a time, or with the signal's reason.
   */
  take(use: BlockUse, signal?: CancelSignal): Block | Promise<Block>;
  give(block: Block): void;
  /** Takes a block beside the budget, or returns undefined when the system has none. */
  takeSpare(): Block | undefined;
  giveSpare(block: Block): void;
  /** `block`, which somebody took, is a spare one from now on, and `spare` is his in its place. */
  exchange(spare: Block, block: Block): void;
  /**
   * Registers somebody who may hold blocks that nobody waits for. `reclaim(wanted)` gives about
   * `wanted` of them back, at once or as soon as the transfers it aborts have ended, and returns how
   * many those are.
   */
  onShortage(reclaim: (blocksWanted: number) => number): Holder;
}

/** A registration with `onShortage`. */
export interface Holder {
  /** Says that the holder is in use: it will be asked after those that were renewed earlier. */
  renew(): void;
  /** Ends the registration. Idempotent. */
  end(): void;
}
