/** Test data: bytes that look random, are the same in every run, and come fast. */

import { createCipheriv, createHash } from "node:crypto";
import { expect } from "vitest";

/** `byteCount` bytes that depend on `seed` alone: the AES-CTR key stream of that seed. */
export function pattern(seed: number, byteCount: number): Buffer {
  const key = createHash("md5").update(`pattern ${seed}`).digest();
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(byteCount));
}

export function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Fails unless they are the same, and prints neither of them. */
export function expectBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  expect(actual?.length, "the number of bytes").toBe(expected.length);
  expect(Buffer.compare(actual ?? Buffer.alloc(0), expected), "how they compare").toBe(0);
}

/** In the order of their UTF-8 bytes, which is S3's. */
export function sorted(names: readonly string[]): readonly string[] {
  return [...names].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}
