/**
 * CONTRACT (to be implemented): one byte budget for the bytes of objects, in blocks of 1 MiB.
 */

import { MIB } from "../base/sizes.ts";

export const BLOCK_BYTES: number = MIB;

/** 1 MiB of huge-page memory, owned by whoever took it until given back, exactly once. */
export interface Block {
  readonly bytes: Uint8Array;
}

export interface BlockPool {
  readonly blocksMax: number;
  readonly blocksInUse: number;
  /**
   * Takes a block for speculation (reading ahead), or undefined when that would leave less than the
   * reserve that keeps demand alive. Never waits, never reclaims.
   */
  tryTake(): Block | undefined;
  /**
   * Takes a block that somebody waits for. When none is free, asks the reclaimers to give up
   * speculation, then waits in line (first come, first served) until one is given back.
   * Rejects with MemoryError kind "exhausted" after `timeoutMs`, or with the signal's reason.
   */
  take(signal?: AbortSignal): Block | Promise<Block>;
  give(block: Block): void;
  /**
   * Registers somebody who holds blocks that nobody waits for. `reclaim(wanted)` gives back up to
   * `wanted` of them at once and returns how many. The returned function unregisters.
   */
  onShortage(reclaim: (blocksWanted: number) => number): () => void;
}
