import { describe, expect, test } from "vitest";
import { GIB, MIB } from "../../src/base/sizes.ts";
import { testPool } from "../memory/pools.ts";
import { type Outcome, type SimulationOptions, simulate } from "./simulated-server.ts";

/** Megabytes per second, as bytes per millisecond. */
const MB_PER_S = 1000;

function run(options: Omit<SimulationOptions, "pool">, blocks = 768): Promise<Outcome> {
  return simulate({ ...options, pool: (nowMs) => testPool(blocks, { nowMs }) });
}

describe("a sequential reader", () => {
  test.each([
    ["beside a fast server", 0.3, 1500, Number.POSITIVE_INFINITY, 2],
    ["who is slow, beside a fast server", 0.3, 1500, 300, 1],
    ["in the same zone", 5, 1000, Number.POSITIVE_INFINITY, 2],
    ["in the same region", 20, 1000, Number.POSITIVE_INFINITY, 3],
    ["of a narrow link", 20, 100, Number.POSITIVE_INFINITY, 1],
    ["who is slow, in the same region", 20, 1000, 200, 2],
    ["of a link of 50 ms", 50, 500, Number.POSITIVE_INFINITY, 3],
    ["of a fat link across the ocean", 100, 1000, Number.POSITIVE_INFINITY, 6],
    ["of a thin link across the ocean", 100, 100, Number.POSITIVE_INFINITY, 1],
    ["who is slow, far away", 200, 1000, 200, 4],
  ])("%s: %d ms, %d MB/s, reading at %d MB/s", async (_, latencyMs, link, reader, gib) => {
    const outcome = await run({
      link: { latencyMs, bandwidth: link * MB_PER_S },
      readerSpeed: reader * MB_PER_S,
      objectBytes: gib * GIB,
    });
    const possible = Math.min(link, reader) * MB_PER_S;
    expect(outcome.throughput).toBeGreaterThan(0.9 * possible);
    // Throughput × latency, and the part that is being received; two parts at least.
    const neededMiB = Math.max(16, (possible * latencyMs) / MIB + 8);
    // Besides the window there are 4 MiB behind the reader.
    expect(outcome.blocksMedian).toBeLessThanOrEqual(2 * neededMiB + 5);
    expect(outcome.blocksMost).toBeLessThanOrEqual(4 * neededMiB + 5);
  });

  test("holds 36 MiB at most beside a fast server, trials included", async () => {
    const outcome = await run({
      link: { latencyMs: 1, bandwidth: 1500 * MB_PER_S },
      readerSpeed: Number.POSITIVE_INFINITY,
      objectBytes: 8 * GIB,
    });
    expect(outcome.blocksMost).toBeLessThanOrEqual(36);
  });

  test("gives back what a link needed that got shorter", async () => {
    const outcome = await run({
      link: { latencyMs: 60, bandwidth: 1000 * MB_PER_S },
      linkLater: { latencyMs: 1, bandwidth: 1000 * MB_PER_S },
      readerSpeed: Number.POSITIVE_INFINITY,
      objectBytes: 8 * GIB,
    });
    expect(outcome.blocksMedian).toBeLessThanOrEqual(36);
    expect(outcome.throughput).toBeGreaterThan(0.95 * 1000 * MB_PER_S);
  });

  test("makes do with the share that a small pool leaves it", async () => {
    const outcome = await run(
      {
        link: { latencyMs: 20, bandwidth: 1000 * MB_PER_S },
        readerSpeed: Number.POSITIVE_INFINITY,
        objectBytes: GIB,
      },
      32,
    );
    expect(outcome.blocksMost).toBeLessThanOrEqual(16);
    // A window of 8 to 12 MiB in each 20 ms.
    expect(outcome.throughput).toBeGreaterThan(300 * MB_PER_S);
  });
});
