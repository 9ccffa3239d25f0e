/** Pools over plain memory, and the promise that every block comes back. */

import { afterEach, expect } from "vitest";
import { BLOCK_BYTES, type BlockPool, createBlockPool } from "../../src/memory/index.ts";

const pools: BlockPool[] = [];

/** A pool of `blocks` blocks whose gauge must be 0 after the test. */
export function testPool(
  blocks: number,
  options: { readonly takeTimeoutMs?: number; readonly nowMs?: () => number } = {},
): BlockPool {
  const pool = createBlockPool({
    budgetBytes: blocks * BLOCK_BYTES,
    allocate: (byteCount) => new ArrayBuffer(byteCount),
    discard: () => 0,
    ...options,
  });
  pools.push(pool);
  return pool;
}

/** Lets everything run that is ready to run, I/O callbacks included. */
export function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

afterEach(async () => {
  await quiet();
  for (const pool of pools.splice(0)) expect(pool.blocksInUse).toBe(0);
});
