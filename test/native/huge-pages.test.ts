/** Huge-page memory, checked against what the kernel says of this process's mappings. */

import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { MIB } from "../../src/base/sizes.ts";
import { addon } from "../../src/native/index.ts";

const PAGE_BYTES = 4096;
const HUGE_PAGE_BYTES = 2 * MIB;

interface Mapping {
  readonly start: number;
  readonly end: number;
  readonly residentBytes: number;
}

/** The mappings of this process that are advised to use huge pages ("hg" among their flags). */
function adviseds(): Mapping[] {
  const blocks = readFileSync("/proc/self/smaps", "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  return blocks.filter((block) => /^VmFlags:.* hg\b/m.test(block)).map(mappingOf);
}

function mappingOf(block: string): Mapping {
  const [, start = "", end = ""] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(block) ?? [];
  const [, residentKib = ""] = /^Rss:\s+(\d+) kB/m.exec(block) ?? [];
  return {
    start: Number.parseInt(start, 16),
    end: Number.parseInt(end, 16),
    residentBytes: Number(residentKib) * 1024,
  };
}

function total(mappings: readonly Mapping[], bytesOf: (mapping: Mapping) => number): number {
  return mappings.reduce((sum, mapping) => sum + bytesOf(mapping), 0);
}

const mappedBytes = () => total(adviseds(), ({ start, end }) => end - start);
const residentBytes = () => total(adviseds(), (mapping) => mapping.residentBytes);

describe("huge-page memory", () => {
  test("is aligned, exactly as long as asked for, and resident only where it was touched", () => {
    const [mappedBefore, residentBefore] = [mappedBytes(), residentBytes()];
    const bytes = new Uint8Array(addon().allocateHuge(32 * MIB));
    expect(bytes.length).toBe(32 * MIB);
    expect(mappedBytes() - mappedBefore).toBe(32 * MIB);
    expect(residentBytes() - residentBefore).toBe(0);
    for (const { start, end } of adviseds()) {
      expect(start % HUGE_PAGE_BYTES).toBe(0);
      expect(end % HUGE_PAGE_BYTES).toBe(0);
    }

    bytes[5 * MIB] = 1;
    const touched = residentBytes() - residentBefore;
    expect(touched).toBeGreaterThanOrEqual(PAGE_BYTES);
    expect(touched).toBeLessThanOrEqual(HUGE_PAGE_BYTES);
    expect(bytes[32 * MIB - 1]).toBe(0);
  });

  test("goes back to the system when it is discarded, and reads as zeroes", () => {
    const before = residentBytes();
    const bytes = new Uint8Array(addon().allocateHuge(8 * MIB)).fill(7);
    expect(residentBytes() - before).toBe(8 * MIB);
    expect(addon().discard(bytes.subarray(2 * MIB, 6 * MIB))).toBe(0);
    expect(residentBytes() - before).toBe(4 * MIB);
    expect(bytes.subarray(2 * MIB, 6 * MIB).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(0, 2 * MIB).every((byte) => byte === 7)).toBe(true);
    expect(bytes.subarray(6 * MIB).every((byte) => byte === 7)).toBe(true);
  });

  test("is discarded by whole pages only", () => {
    const bytes = new Uint8Array(addon().allocateHuge(2 * MIB)).fill(7);
    expect(addon().discard(bytes.subarray(1, 2 * PAGE_BYTES - 1))).toBe(0);
    expect(bytes.every((byte) => byte === 7)).toBe(true);
    expect(addon().discard(bytes.subarray(100, 3 * PAGE_BYTES + 100))).toBe(0);
    const kept = bytes.reduce((count, byte) => count + (byte === 7 ? 1 : 0), 0);
    expect(kept).toBe(2 * MIB - 2 * PAGE_BYTES);
    expect(bytes.subarray(PAGE_BYTES, 3 * PAGE_BYTES).every((byte) => byte === 0)).toBe(true);
    expect(addon().discard(new Uint8Array(0))).toBe(0);
  });

  test("of a wrong size is refused", () => {
    for (const byteCount of [
      0,
      -1,
      1.5,
      MIB,
      3 * MIB,
      2 ** 43,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ])
      expect(() => addon().allocateHuge(byteCount), String(byteCount)).toThrow(RangeError);
    expect(() => addon().allocateHuge("2097152" as unknown as number)).toThrow(TypeError);
  });
});
