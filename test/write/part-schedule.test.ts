/** Part sizes, for all numbers that a mount may have. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GIB, MIB } from "../../src/base/sizes.ts";
import { PartSchedule, type PartScheduleOptions } from "../../src/write/part-schedule.ts";

const TIB = 1024 * GIB;

/** The sizes of all parts of a file that never ends. */
function sizesOf(options: PartScheduleOptions): number[] {
  const schedule = new PartSchedule(options);
  const sizes: number[] = [];
  let sentBytes = 0;
  for (let partNumber = 1; partNumber <= schedule.partsMax; partNumber += 1) {
    const size = schedule.sizeOf(partNumber, sentBytes);
    sizes.push(size);
    sentBytes += size;
  }
  return sizes;
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

describe("5 TiB are reached in 10,000 parts", () => {
  test.each([5, 8, 16, 64, 512])("that begin with %d MiB", (partMib) => {
    const options = { partBytes: partMib * MIB, memoryBytes: 5 * GIB };
    const sizes = sizesOf(options);
    expect(sizes).toHaveLength(10_000);
    expect(sum(sizes)).toBeGreaterThanOrEqual(5 * TIB);
    expect(new PartSchedule(options).reachBytes).toBe(5 * TIB);
    expect(Math.max(...sizes)).toBeLessThan(1600 * MIB);
  });

  test.each([690, 1000, 1500])("of at most %d MiB", (memoryMib) => {
    const sizes = sizesOf({ partBytes: 8 * MIB, memoryBytes: memoryMib * MIB });
    expect(sum(sizes)).toBeGreaterThanOrEqual(5 * TIB);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(memoryMib * MIB);
  });
});

test("parts of 8 MiB keep their size for 9 GiB, whatever the memory", () => {
  for (const memoryMib of [176, 690, 5000]) {
    const sizes = sizesOf({ partBytes: 8 * MIB, memoryBytes: memoryMib * MIB });
    expect(new Set(sizes.slice(0, 1152))).toEqual(new Set([8 * MIB]));
  }
});

test("where memory is short, more than a TiB is reached, and it is said that it is memory", () => {
  const schedule = new PartSchedule({ partBytes: 8 * MIB, memoryBytes: 176 * MIB });
  expect(schedule.isReachShort).toBe(true);
  expect(schedule.reachBytes).toBeGreaterThan(TIB);
});

test("parts that begin large reach as far as there are numbers", () => {
  const schedule = new PartSchedule({ partBytes: 5 * GIB, memoryBytes: GIB });
  expect(schedule.reachBytes).toBe(10_000 * 5 * GIB);
  expect(schedule.isReachShort).toBe(false);
});

test("whatever the numbers, the reach is kept, within the largest part", () => {
  const numbers = fc.record({
    partBytes: fc.integer({ min: 1, max: 5000 }),
    memoryBytes: fc.integer({ min: 1, max: 100_000 }),
    partsMax: fc.integer({ min: 1, max: 300 }),
    targetBytes: fc.integer({ min: 1, max: 10_000_000 }),
  });
  fc.assert(
    fc.property(numbers, (options) => {
      const sizes = sizesOf(options);
      expect(sum(sizes)).toBeGreaterThanOrEqual(new PartSchedule(options).reachBytes);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(
        Math.max(options.partBytes, options.memoryBytes),
      );
      expect(Math.min(...sizes)).toBeGreaterThanOrEqual(options.partBytes);
    }),
    { numRuns: 1000 },
  );
});

test("a file whose parts were sent early is brought back onto the curve", () => {
  const schedule = new PartSchedule({ partBytes: 8 * MIB, memoryBytes: 5 * GIB });
  let sentBytes = 0;
  for (let partNumber = 1; partNumber <= 10_000; partNumber += 1) {
    const size = schedule.sizeOf(partNumber, sentBytes);
    sentBytes += partNumber <= 3000 ? 5 * MIB : size;
  }
  expect(sentBytes).toBeGreaterThanOrEqual(5 * TIB);
});
