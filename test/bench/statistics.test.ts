/** Medians, intervals and verdicts: what is random follows from a seed, and what is said holds. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { verdictOf } from "../../bench/report/summary.ts";
import { percentilesOf, ratioOf, seededRandom, summarise } from "../../bench/statistics.ts";

const samples = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), {
  minLength: 3,
  maxLength: 12,
});

describe("summarise", () => {
  test("gives median, least and most", () => {
    expect(summarise([5, 1, 3])).toEqual({ count: 3, median: 3, least: 1, most: 5 });
    expect(summarise([4, 1])).toEqual({ count: 2, median: 2.5, least: 1, most: 4 });
    expect(summarise([])).toBeUndefined();
  });
});

describe("ratioOf", () => {
  test("divides medians", () => {
    expect(ratioOf([10, 20, 30], [1, 2, 3])?.value).toBe(10);
  });

  test("claims no interval of fewer than three samples", () => {
    expect(ratioOf([10, 20], [1, 2, 3])).toEqual({ value: 7.5, interval: undefined });
  });

  test("knows nothing without samples, or of a median of zero", () => {
    expect(ratioOf([], [1, 2, 3])).toBeUndefined();
    expect(ratioOf([1, 2, 3], [0, 0, 0])).toBeUndefined();
  });

  test("has an interval around the ratio, within what the extremes allow, the same each time", () => {
    fc.assert(
      fc.property(samples, samples, (own, base) => {
        const ratio = ratioOf(own, base);
        expect(ratio).toEqual(ratioOf(own, base));
        const { low, high } = ratio?.interval ?? { low: Number.NaN, high: Number.NaN };
        expect(low).toBeLessThanOrEqual((ratio?.value ?? 0) * (1 + 1e-9));
        expect(high).toBeGreaterThanOrEqual((ratio?.value ?? 0) * (1 - 1e-9));
        expect(low).toBeGreaterThanOrEqual((Math.min(...own) / Math.max(...base)) * (1 - 1e-9));
        expect(high).toBeLessThanOrEqual((Math.max(...own) / Math.min(...base)) * (1 + 1e-9));
      }),
      { numRuns: 30 },
    );
  });

  test("becomes surer with more rounds of the same spread", () => {
    const widthOf = (rounds: number): number => {
      const random = seededRandom(7);
      const draw = (): number[] => Array.from({ length: rounds }, () => 100 + 20 * random());
      const { low = 0, high = 0 } = ratioOf(draw(), draw())?.interval ?? {};
      return high - low;
    };
    expect(widthOf(40)).toBeLessThan(widthOf(5));
  });
});

describe("verdictOf", () => {
  const ratio = (low: number, high: number) => ({
    value: (low + high) / 2,
    interval: { low, high },
  });

  test("is only for one side when the whole interval is there", () => {
    expect(verdictOf(ratio(1.1, 1.3), "MiB/s")).toBe("better");
    expect(verdictOf(ratio(1.1, 1.3), "s")).toBe("worse");
    expect(verdictOf(ratio(0.7, 0.9), "IOPS")).toBe("worse");
    expect(verdictOf(ratio(0.7, 0.9), "ms")).toBe("better");
    expect(verdictOf(ratio(0.9, 1.1), "MiB")).toBe("even");
    expect(verdictOf({ value: 2, interval: undefined }, "MiB/s")).toBeUndefined();
  });
});

test("a seed decides all that is random", () => {
  const draw = (seed: number): number[] => {
    const random = seededRandom(seed);
    return Array.from({ length: 5 }, random);
  };
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
  for (const number of draw(3)) expect(number).toBeGreaterThanOrEqual(0);
  for (const number of draw(3)) expect(number).toBeLessThan(1);
});

test("percentiles rise", () => {
  const found = percentilesOf(Array.from({ length: 1000 }, (_, index) => index));
  expect(found["50"]).toBeCloseTo(499.5);
  expect(found["99.9"]).toBeGreaterThan(Number(found["99"]));
});
