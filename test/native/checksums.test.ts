/** The checksums: published check values, and instructions against tables for whatever is thrown at them. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { addon, portable } from "../../src/native/index.ts";

const native = addon();

const crc32c = [
  ["by the best means", native.crc32c],
  ["by tables", native.crc32cPortable],
  ["without the addon", portable.crc32c],
] as const;

const crc64nvme = [
  ["by the best means", native.crc64nvme],
  ["by tables", native.crc64nvmePortable],
  ["without the addon", portable.crc64nvme],
] as const;

/** Repeatable bytes that are not periodic. */
function noise(byteCount: number): Uint8Array {
  let state = 0x9e3779b9;
  return Uint8Array.from({ length: byteCount }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

const pool = noise(300_000);

/** A view into `pool` of any alignment; lengths around every size that the code treats apart. */
const views = fc
  .record({
    offset: fc.nat(70),
    byteCount: fc.oneof(
      fc.nat(600),
      fc.integer({ min: 700, max: 2_000 }),
      fc.integer({ min: 12_200, max: 13_200 }),
      fc.nat(250_000),
    ),
  })
  .map(({ offset, byteCount }) => pool.subarray(offset, offset + byteCount));

describe.for(crc32c)("CRC-32C %s", ([, crc]) => {
  // The catalogue's check value, and the examples of RFC 3720, appendix B.4.
  test.for([
    ["nothing", Buffer.alloc(0), 0],
    ["123456789", Buffer.from("123456789"), 0xe3069283],
    ["32 zeroes", Buffer.alloc(32), 0x8a9136aa],
    ["32 ones", Buffer.alloc(32, 0xff), 0x62a8ab43],
    ["0 to 31", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ["31 to 0", Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ] as const)("of %s is the published one", ([, bytes, expected]) => {
    expect(crc(bytes, 0)).toBe(expected);
  });

  test("is the same in one go and in two", () => {
    fc.assert(
      fc.property(views, fc.nat(250_000), (bytes, anywhere) => {
        const cut = anywhere % (bytes.length + 1);
        expect(crc(bytes.subarray(cut), crc(bytes.subarray(0, cut), 0))).toBe(crc(bytes, 0));
      }),
    );
  });
});

describe.for(crc64nvme)("CRC-64/NVME %s", ([, crc]) => {
  // The catalogue's check value, and the examples of the NVM Command Set specification, 5.2.1.3.4.
  test.for([
    ["nothing", Buffer.alloc(0), 0n],
    ["123456789", Buffer.from("123456789"), 0xae8b14860a799888n],
    ["4096 zeroes", Buffer.alloc(4096), 0x6482d367eb22b64en],
    ["4096 ones", Buffer.alloc(4096, 0xff), 0xc0ddba7302eca3acn],
    ["0 to 255, 16 times", Uint8Array.from({ length: 4096 }, (_, i) => i), 0x3e729f5f6750449cn],
  ] as const)("of %s is the published one", ([, bytes, expected]) => {
    expect(crc(bytes, 0n)).toBe(expected);
  });

  test("is the same in one go and in two", () => {
    fc.assert(
      fc.property(views, fc.nat(250_000), (bytes, anywhere) => {
        const cut = anywhere % (bytes.length + 1);
        expect(crc(bytes.subarray(cut), crc(bytes.subarray(0, cut), 0n))).toBe(crc(bytes, 0n));
      }),
    );
  });
});

test("instructions, tables and the fallback agree on any bytes, alignment and seed", () => {
  fc.assert(
    fc.property(views, fc.nat(0xffff_ffff), fc.bigInt(0n, 2n ** 64n - 1n), (bytes, seed, wide) => {
      expect(native.crc32c(bytes, seed)).toBe(native.crc32cPortable(bytes, seed));
      expect(portable.crc32c(bytes, seed)).toBe(native.crc32cPortable(bytes, seed));
      expect(native.crc64nvme(bytes, wide)).toBe(native.crc64nvmePortable(bytes, wide));
      expect(portable.crc64nvme(bytes, wide)).toBe(native.crc64nvmePortable(bytes, wide));
    }),
  );
});

test("the engine is one that the contract names", () => {
  expect(["sse4.2+pclmul", "armv8-crc+pmull", "portable"]).toContain(native.checksumEngine);
});

test("a wrong type or seed is refused", () => {
  const bytes = new Uint8Array(8);
  expect(() => native.crc32c(new Uint16Array(8) as unknown as Uint8Array, 0)).toThrow(TypeError);
  expect(() => native.crc32c(bytes, -1)).toThrow(RangeError);
  expect(() => native.crc32c(bytes, 2 ** 32)).toThrow(RangeError);
  expect(() => native.crc32c(bytes, 0.5)).toThrow(RangeError);
  expect(() => native.crc32c(bytes, Number.NaN)).toThrow(RangeError);
  expect(() => native.crc64nvme(bytes, 0 as unknown as bigint)).toThrow(TypeError);
  expect(() => native.crc64nvme(bytes, 2n ** 64n)).toThrow(RangeError);
  expect(() => native.crc64nvme(bytes, -1n)).toThrow(RangeError);
});
