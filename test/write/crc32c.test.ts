import fc from "fast-check";
import { expect, test } from "vitest";
import { combineCrc32c, crc32cChecksum } from "../../src/write/crc32c.ts";
import { crc32cByBits } from "./store-double.ts";

test("the check value of CRC-32C is spelt as S3 spells it", () => {
  const crc = crc32cByBits(Buffer.from("123456789"), 0);
  expect(crc).toBe(0xe3069283);
  expect(crc32cChecksum(crc)).toEqual({ algorithm: "crc32c", base64: "4waSgw==" });
});

test("the sum of a whole follows from the sums of its pieces", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (a, b) => {
      const whole = crc32cByBits(Buffer.concat([a, b]), 0);
      expect(combineCrc32c(crc32cByBits(a, 0), crc32cByBits(b, 0), b.length)).toBe(whole);
    }),
  );
});

test("pieces may be longer than 4 GiB", () => {
  // Appending n bytes twice is the same as appending 2n bytes.
  const n = 5 * 2 ** 32 + 12_345;
  const crc = 0x1234_5678;
  const twice = combineCrc32c(combineCrc32c(crc, 0, n), 0, n);
  expect(combineCrc32c(crc, 0, 2 * n)).toBe(twice);
  expect(twice).not.toBe(crc);
});
