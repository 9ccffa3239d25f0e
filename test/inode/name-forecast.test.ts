/** How names are guessed to go on. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { compareKeys } from "../../src/inode/name.ts";
import { NameForecast } from "../../src/inode/name-forecast.ts";

function page(count: number, name: (index: number) => string): string[] {
  return Array.from({ length: count }, (_, index) => name(index));
}

function numbered(index: number): string {
  return String(index).padStart(6, "0");
}

describe("numbered names", () => {
  for (const [begin, end] of [
    ["", ""],
    ["file-", ""],
    ["file", ".txt"],
    ["2024-11-03T", "Z-v01.json"],
    ["é😀", "😀"],
  ]) {
    test(`${begin}000000${end} and so on are told exactly`, () => {
      const names = page(1000, (index) => `${begin}${numbered(index)}${end}`);
      const forecast = NameForecast.from(names, names.length);
      expect(forecast?.isNumbered).toBe(true);
      for (const count of [1, 1000, 4000, 32_000]) {
        expect(forecast?.ahead(count)).toBe(`${begin}${numbered(999 + count)}${end}`);
      }
    });
  }

  test("are told from a sample of several pages, across a carry", () => {
    const names = page(4000, (index) => numbered(95_000 + index));
    const sample = names.filter((_, index) => index % 17 === 0 || index === 3999);
    expect(NameForecast.from(sample, 4000)?.ahead(4000)).toBe("102999");
  });

  test("in hexadecimal", () => {
    const names = page(1000, (index) => (0x10000 + index).toString(16));
    expect(NameForecast.from(names, 1000)?.ahead(1000)).toBe((0x10000 + 1999).toString(16));
  });

  test("that leave numbers out are spread evenly", () => {
    const names = page(1000, (index) => numbered(index * 7));
    const forecast = NameForecast.from(names, 1000);
    expect(forecast?.isNumbered).toBe(false);
    expect(forecast?.ahead(1000)).toBe(numbered(1999 * 7));
  });

  test("end with the greatest number", () => {
    const names = page(1000, (index) => `a-${numbered(999_000 + index)}`);
    expect(NameForecast.from(names, 1000)?.ahead(1)).toBeUndefined();
  });
});

test("names of which nothing can be made are not guessed", () => {
  expect(NameForecast.from([], 0)).toBeUndefined();
  expect(NameForecast.from(["one"], 1)).toBeUndefined();
  expect(NameForecast.from(["é", "ü"], 2)).toBeUndefined();
  expect(NameForecast.from(["-", "."], 2)).toBeUndefined();
  // In no order.
  expect(NameForecast.from(["9", "1"], 2)).toBeUndefined();
});

const anyName = fc.string({
  unit: fc.constantFrom("0", "9", "a", "F", "z", "-", "é", "😀", "\ud800"),
  maxLength: 12,
});

test("what is guessed comes behind the names that are known, the further the more are counted", () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyName, { maxLength: 30 }), fc.nat(10_000), (names, more) => {
      const sorted = names.toSorted(compareKeys);
      const forecast = NameForecast.from(sorted, sorted.length + more);
      const [near, far] = [forecast?.ahead(100), forecast?.ahead(10_000)];
      if (near !== undefined) {
        expect(compareKeys(near, sorted.at(-1) ?? "")).toBeGreaterThan(0);
        expect(near).not.toContain("/");
        if (far !== undefined) expect(compareKeys(far, near)).toBeGreaterThanOrEqual(0);
      }
    }),
    { numRuns: 1000 },
  );
});
