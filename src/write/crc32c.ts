/**
 * CRC-32C of a whole from the CRC-32Cs of its pieces, so that a stream's own checksum can be compared
 * with those of its parts. The bytes themselves are summed by the addon.
 *
 * A CRC is a polynomial over GF(2), here with the highest power in the lowest bit; appending n bytes
 * multiplies it by x^(8n), modulo the generator.
 */

import type { Checksum } from "../s3/index.ts";

/** The Castagnoli generator without its x^32, bit-reversed (RFC 3720, appendix B.4). */
const GENERATOR = 0x82f63b78;
/** The polynomials 1 and x^8. */
const ONE = 0x8000_0000;
const X_TO_THE_8 = 0x0080_0000;

/** The CRC of two pieces in a row, of which the second is `secondBytes` long. */
export function combineCrc32c(first: number, second: number, secondBytes: number): number {
  let shift = ONE;
  let square = X_TO_THE_8;
  for (let left = secondBytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) shift = multiply(square, shift);
    square = multiply(square, square);
  }
  return (multiply(shift, first) ^ second) >>> 0;
}

/** As S3 spells it. */
export function crc32cChecksum(crc: number): Checksum {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return { algorithm: "crc32c", base64: bytes.toString("base64") };
}

function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit -= 1) {
    if (((a >>> bit) & 1) === 1) product ^= shifted;
    shifted = (shifted & 1) === 1 ? (shifted >>> 1) ^ GENERATOR : shifted >>> 1;
  }
  return product >>> 0;
}
