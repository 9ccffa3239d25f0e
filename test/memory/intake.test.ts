/** Where payloads are received: what is kept, what is exchanged, and that nobody writes over either. */

import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { type Block, type BlockPool, createBlockPool, Intake } from "../../src/memory/index.ts";
import { testPool } from "./pools.ts";

const KEPT_MAX = 512;

function takeNow(pool: BlockPool): Block {
  const block = pool.take("write");
  if (block instanceof Promise) throw new Error("had to wait");
  return block;
}

/** Lets `value` come in, as so many equal bytes. */
function receive(intake: Intake, value: number, byteCount = 100): Uint8Array {
  const { bytes } = intake;
  if (bytes === undefined) throw new Error("nothing can come in");
  return bytes.subarray(0, byteCount).fill(value);
}

afterEach(() => {
  vi.useRealTimers();
});

describe("an intake", () => {
  test("takes nothing of the budget, and has room for the largest request", () => {
    const pool = testPool(1);
    const intake = new Intake(pool);
    expect(intake.bytes?.length).toBe(MIB);
    expect(intake.bytes).toBe(intake.bytes);
    expect(pool.blocksInUse).toBe(0);
    pool.give(takeNow(pool));
  });

  test("keeps what came until it is released, and receives elsewhere meanwhile", () => {
    const intake = new Intake(testPool(1));
    const first = receive(intake, 1);
    const release = intake.keep();
    expect(intake.keptCount).toBe(1);
    receive(intake, 2);
    expect(new Set(first)).toEqual(new Set([1]));
    release();
    expect(intake.keptCount).toBe(0);
  });

  test("receives nothing while too much is kept, and then again", () => {
    const intake = new Intake(testPool(1));
    const kept: Uint8Array[] = [];
    const releases: (() => void)[] = [];
    for (let count = 0; count < KEPT_MAX; count += 1) {
      kept.push(receive(intake, count % 251, 8));
      releases.push(intake.keep());
    }
    expect(intake.bytes).toBeUndefined();
    kept.forEach((bytes, count) => {
      expect([...bytes]).toEqual(new Array(8).fill(count % 251));
    });
    releases.pop()?.();
    expect(intake.bytes).toBeDefined();
    for (const release of releases) release();
    expect(intake.keptCount).toBe(0);
  });

  test("lets go of the memory that was needed once", () => {
    vi.useFakeTimers();
    let discardedBytes = 0;
    const pool = createBlockPool({
      budgetBytes: MIB,
      allocate: (byteCount) => new ArrayBuffer(byteCount),
      discard: (bytes) => {
        discardedBytes += bytes.length;
        return 0;
      },
      trimMs: 1000,
    });
    const intake = new Intake(pool);
    expect(intake.bytes).toBeDefined();
    expect(vi.getTimerCount()).toBe(0);
    const releases = Array.from({ length: 8 }, () => {
      receive(intake, 1);
      const release = intake.keep();
      expect(intake.bytes).toBeDefined();
      return release;
    });
    for (const release of releases) release();
    vi.advanceTimersByTime(3000);
    expect(discardedBytes).toBe(8 * MIB);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("an exchange", () => {
  test("leaves what came where it is, for a block that the next comes into", () => {
    const pool = testPool(2);
    const intake = new Intake(pool);
    const data = receive(intake, 7);
    const block = takeNow(pool);
    const own = intake.exchange(data, block);
    expect(own?.bytes.subarray(0, data.length)).toEqual(data);
    expect(own?.bytes.buffer).toBe(data.buffer);
    expect(intake.bytes).toBe(block.bytes);
    expect(pool.blocksInUse).toBe(1);
    receive(intake, 8, MIB);
    expect(new Set(data)).toEqual(new Set([7]));
    if (own !== undefined) pool.give(own);
  });

  test("is for what came last, from its beginning", () => {
    const pool = testPool(1);
    const intake = new Intake(pool);
    const block = takeNow(pool);
    expect(intake.exchange(new Uint8Array(100), block)).toBeUndefined();
    const first = receive(intake, 1);
    expect(intake.exchange(first.subarray(1), block)).toBeUndefined();
    const release = intake.keep();
    receive(intake, 2);
    expect(intake.exchange(first, block)).toBeUndefined();
    release();
    pool.give(block);
  });
});

test("whatever is received, kept, exchanged and given back, nobody's bytes change", () => {
  const kinds = ["receive", "keep", "release", "exchange", "give"] as const;
  const step = fc.record({ kind: fc.constantFrom(...kinds), index: fc.nat(50) });
  const property = fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const pool = createBlockPool({
      budgetBytes: 5 * MIB,
      allocate: (byteCount) => new ArrayBuffer(byteCount),
      discard: () => 0,
    });
    const intake = new Intake(pool);
    const kept: { data: Uint8Array; value: number; release: () => void }[] = [];
    const held: { block: Block; value: number }[] = [];
    let value = 1;
    let data = receive(intake, value);
    for (const { index, kind } of steps) {
      if (kind === "keep" && kept.length < KEPT_MAX) {
        kept.push({ data, value, release: intake.keep() });
      } else if (kind === "release") {
        kept.splice(index, 1)[0]?.release();
      } else if (kind === "exchange" && pool.blocksInUse < pool.writeBlocksMax) {
        const block = intake.exchange(data, takeNow(pool));
        // Beyond 64 that are kept, what comes in lies beside the pool; here there are never so many.
        if (block !== undefined) held.push({ block, value });
      } else if (kind === "give") {
        const [given] = held.splice(index, 1);
        if (given !== undefined) pool.give(given.block);
      }
      value = (value % 250) + 1;
      data = receive(intake, value);
      for (const each of kept) expect(each.data[99]).toBe(each.value);
      for (const each of held) expect(each.block.bytes[99]).toBe(each.value);
      expect(pool.blocksInUse).toBe(held.length);
      expect(intake.keptCount).toBe(kept.length);
    }
  });
  fc.assert(property, { numRuns: 50 });
});
