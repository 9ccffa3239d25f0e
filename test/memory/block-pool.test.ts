import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { type Block, type BlockPool, createBlockPool } from "../../src/memory/index.ts";
import { quiet, testPool } from "./pools.ts";

function takeNow(pool: BlockPool, use: "read" | "write" = "read"): Block {
  const block = pool.take(use);
  if (block instanceof Promise) throw new Error("had to wait");
  return block;
}

function takeAll(pool: BlockPool): Block[] {
  return Array.from({ length: pool.blocksMax }, () => takeNow(pool));
}

function giveAll(pool: BlockPool, blocks: readonly Block[]): void {
  for (const block of blocks) pool.give(block);
}

afterEach(() => {
  vi.useRealTimers();
});

describe("taking blocks", () => {
  test("blocks are 1 MiB each and do not overlap", () => {
    const pool = testPool(40);
    const blocks = takeAll(pool);
    blocks.forEach((block, i) => {
      block.bytes.fill(i);
    });
    blocks.forEach((block, i) => {
      expect(block.bytes.length).toBe(MIB);
      expect(Buffer.from(block.bytes).equals(Buffer.alloc(MIB, i))).toBe(true);
    });
    expect(pool.blocksInUse).toBe(40);
    giveAll(pool, blocks);
  });

  test("memory is mapped in multiples of 2 MiB, as it is needed, within the budget", () => {
    const mapped: number[] = [];
    const pool = createBlockPool({
      budgetBytes: 67 * MIB + 5,
      allocate: (byteCount) => {
        mapped.push(byteCount);
        return new ArrayBuffer(byteCount);
      },
      discard: () => 0,
    });
    expect(mapped).toEqual([]);
    expect(pool.blocksMax).toBe(67);
    const first = takeNow(pool);
    expect(mapped).toEqual([32 * MIB]);
    const rest = Array.from({ length: 66 }, () => takeNow(pool));
    expect(mapped).toEqual([32 * MIB, 32 * MIB, 4 * MIB]);
    giveAll(pool, [first, ...rest]);
  });

  test("the block given back last is taken first, so that few pages are touched", () => {
    const pool = testPool(16);
    const seen = new Set<Block>();
    for (let i = 0; i < 100; i += 1) {
      const block = takeNow(pool);
      seen.add(block);
      pool.give(block);
    }
    expect(seen.size).toBe(1);
  });

  test("a block that is given back twice is a programmer's error", () => {
    const pool = testPool(4);
    const block = takeNow(pool);
    pool.give(block);
    expect(() => pool.give(block)).toThrow("a block is given back once");
  });

  test("when the system refuses memory, the blocks there are go round", async () => {
    let refused = false;
    const pool = createBlockPool({
      budgetBytes: 64 * MIB,
      allocate: (byteCount) => {
        if (refused) throw new RangeError("no memory");
        refused = true;
        return new ArrayBuffer(byteCount);
      },
      discard: () => 0,
    });
    const blocks = Array.from({ length: 32 }, () => takeNow(pool));
    const next = pool.take("read");
    expect(next).toBeInstanceOf(Promise);
    const [given, ...rest] = blocks;
    if (given !== undefined) pool.give(given);
    expect(await next).toBe(given);
    giveAll(pool, [await next, ...rest]);
    expect(pool.blocksInUse).toBe(0);
  });
});

describe("waiting for blocks", () => {
  test("those who wait are served in the order in which they came", async () => {
    const pool = testPool(4);
    const blocks = takeAll(pool);
    const order: number[] = [];
    const waiting = [0, 1, 2].map(async (i) => {
      const block = await pool.take("read");
      order.push(i);
      return block;
    });
    giveAll(pool, blocks.splice(0, 3));
    giveAll(pool, [...blocks, ...(await Promise.all(waiting))]);
    expect(order).toEqual([0, 1, 2]);
  });

  test("nobody overtakes the line, not even with a block just given back", async () => {
    const pool = testPool(8);
    const blocks = takeAll(pool);
    const first = pool.take("read");
    giveAll(pool, blocks.splice(0, 1));
    expect(pool.tryTake("read", 0)).toBeUndefined();
    const second = pool.take("read");
    expect(second).toBeInstanceOf(Promise);
    giveAll(pool, blocks);
    giveAll(pool, [await first, await second]);
  });

  test("waiting ends with an error that says what is in use", async () => {
    vi.useFakeTimers();
    const pool = testPool(4, { takeTimeoutMs: 30_000 });
    const blocks = takeAll(pool);
    const outcome = expect(pool.take("read")).rejects.toMatchObject({
      name: "MemoryError",
      kind: "exhausted",
      message: expect.stringContaining("4 of 4 MiB are in use"),
    });
    await vi.advanceTimersByTimeAsync(30_000);
    await outcome;
    giveAll(pool, blocks);
    expect(vi.getTimerCount()).toBe(1); // the trim timer
    vi.useRealTimers();
  });

  test("an aborted signal takes a waiter out of the line", async () => {
    const pool = testPool(4);
    const blocks = takeAll(pool);
    const controller = new AbortController();
    const aborted = pool.take("read", controller.signal);
    const next = pool.take("read");
    const reason = new Error("closed");
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    giveAll(pool, blocks);
    pool.give(await next);
    expect(() => pool.take("read", controller.signal)).toThrow(reason);
  });
});

describe("speculation", () => {
  test("a reserve stays for demand", () => {
    const pool = testPool(16);
    const blocks = Array.from({ length: 14 }, () => takeNow(pool));
    expect(pool.tryTake("read", 0)).toBeUndefined();
    giveAll(pool, [...blocks, takeNow(pool), takeNow(pool)]);
  });

  test("greedy holders come to equal shares, and a newcomer finds some", () => {
    const pool = testPool(256);
    const holders: Block[][] = [[], [], []];
    for (let round = 0; round < 256; round += 1) {
      for (const held of holders) {
        const block = pool.tryTake("read", held.length);
        if (block !== undefined) held.push(block);
      }
    }
    // 256 blocks, 32 in reserve: each of three, and whoever comes next, has a quarter.
    expect(holders.map((held) => held.length)).toEqual([56, 56, 56]);
    const block = pool.tryTake("read", 0);
    expect(block).toBeDefined();
    if (block !== undefined) pool.give(block);
    for (const held of holders) giveAll(pool, held);
  });

  test("demand asks the holder that was idle longest first", async () => {
    const pool = testPool(8);
    const blocks = takeAll(pool);
    const asked: string[] = [];
    const holder = (name: string) =>
      pool.onShortage((wanted) => {
        asked.push(`${name} ${wanted}`);
        giveAll(pool, blocks.splice(0, 1));
        return 1;
      });
    const a = holder("a");
    const b = holder("b");
    const c = holder("c");
    a.renew();
    c.end();
    c.renew();
    const taken = [await pool.take("read")];
    expect(asked).toEqual(["b 1"]);
    b.renew();
    taken.push(await pool.take("read"));
    expect(asked).toEqual(["b 1", "a 1"]);
    giveAll(pool, [...blocks, ...taken]);
  });

  test("what is on its way back is not asked for twice", async () => {
    const pool = testPool(8);
    const blocks = takeAll(pool);
    let calls = 0;
    pool.onShortage(() => {
      calls += 1;
      return 8; // when its transfers have ended
    });
    const waiting = Array.from({ length: 8 }, () => pool.take("read"));
    expect(calls).toBe(1);
    giveAll(pool, blocks);
    giveAll(pool, await Promise.all(waiting));
  });

  test("somebody who reads ahead takes from holders that are idle, never from active ones", () => {
    let nowMs = 0;
    const pool = testPool(16, { nowMs: () => nowMs });
    const blocks = takeAll(pool);
    const holder = pool.onShortage((wanted) => {
      const given = blocks.splice(0, wanted);
      giveAll(pool, given);
      return given.length;
    });
    nowMs = 900;
    expect(pool.tryTake("read", 0)).toBeUndefined();
    nowMs = 1000;
    const block = pool.tryTake("read", 0);
    expect(block).toBeDefined();
    holder.end();
    giveAll(pool, block === undefined ? blocks : [...blocks, block]);
  });
});

describe("writers and readers", () => {
  test("writers together never take the last blocks, and a reader behind them is served", async () => {
    const pool = testPool(16);
    const writing = Array.from({ length: 14 }, () => takeNow(pool, "write"));
    const writer = pool.take("write");
    expect(writer).toBeInstanceOf(Promise);
    expect(pool.tryTake("write", 0)).toBeUndefined();
    const reader = await pool.take("read");
    pool.give(reader);
    giveAll(pool, writing);
    pool.give(await writer);
  });

  test("a writer in line gets its turn among readers", async () => {
    const pool = testPool(16);
    const reading = takeAll(pool);
    const writer = pool.take("write");
    const reader = pool.take("read");
    giveAll(pool, reading.splice(0, 1));
    giveAll(pool, [await writer]);
    giveAll(pool, [...reading, await reader]);
  });
});

describe("an idle pool", () => {
  test("gives pages back to the system once they were unused for a while, and stops its timer", () => {
    vi.useFakeTimers();
    const discarded: Uint8Array[] = [];
    const pool = createBlockPool({
      budgetBytes: 64 * MIB,
      allocate: (byteCount) => new ArrayBuffer(byteCount),
      discard: (bytes) => discarded.push(bytes),
      trimMs: 1000,
    });
    const [a, b, c] = [takeNow(pool), takeNow(pool), takeNow(pool)];
    giveAll(pool, [b, c]);
    vi.advanceTimersByTime(1000);
    expect(discarded).toHaveLength(0);
    vi.advanceTimersByTime(1000);
    // The second page is free; the first still has a block in use.
    expect(discarded.map((bytes) => bytes.byteOffset)).toEqual([2 * MIB]);
    expect(discarded[0]?.byteLength).toBe(2 * MIB);
    // What is still resident is used before what was discarded.
    const next = takeNow(pool);
    expect(next).toBe(b);
    giveAll(pool, [a, next]);
    vi.advanceTimersByTime(2000);
    expect(discarded.map((bytes) => bytes.byteOffset)).toEqual([2 * MIB, 0]);
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
});

test("whatever is taken, given and waited for, the gauge and the line stay right", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("take" as const), use: fc.constantFrom("read", "write") }),
    fc.record({ kind: fc.constant("try" as const), held: fc.nat(4) }),
    fc.record({ kind: fc.constant("give" as const), index: fc.nat(20) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const pool = testPool(9);
      const held: Block[] = [];
      let waiting = 0;
      const take = async (use: "read" | "write"): Promise<void> => {
        waiting += 1;
        const block = await pool.take(use);
        waiting -= 1;
        expect(held.includes(block)).toBe(false);
        held.push(block);
      };
      const takes: Promise<void>[] = [];
      for (const step of steps) {
        if (step.kind === "take") takes.push(take(step.use));
        if (step.kind === "try") {
          const block = pool.tryTake("read", step.held);
          if (block !== undefined) held.push(block);
        }
        const [given] = step.kind === "give" ? held.splice(step.index % 9, 1) : [];
        if (given !== undefined) pool.give(given);
        await quiet();
        expect(pool.blocksInUse).toBe(held.length);
        // Only writers beyond their share may wait while a block is free.
        if (waiting > 0) expect(held.length).toBeGreaterThanOrEqual(8);
      }
      while (held.length > 0 || waiting > 0) {
        giveAll(pool, held.splice(0));
        await quiet();
      }
      await Promise.all(takes);
    }),
    { numRuns: 60 },
  );
});
