/**
 * Checksums as S3 spells them: an algorithm and the base64 of the big-endian value.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */

import type { Headers } from "./response-head.ts";

const ALGORITHMS = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"] as const;

export type ChecksumAlgorithm = (typeof ALGORITHMS)[number];

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly base64: string;
}

/** Header and value of a checksum that S3 is to compare with what arrives. */
export function checksumHeader(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [`x-amz-checksum-${checksum.algorithm}`]: checksum.base64 };
}

/** Has S3 tell the checksum that it has of an object: a header to sign. */
export const TELL_CHECKSUM = { "x-amz-checksum-mode": "ENABLED" } as const;

/** What `headers` tell of an object's checksum, by `algorithm` or by any. */
export function toldChecksum(
  headers: Headers,
  algorithm: ChecksumAlgorithm | undefined,
): Checksum | undefined {
  for (const each of algorithm === undefined ? ALGORITHMS : [algorithm]) {
    const base64 = headers[`x-amz-checksum-${each}`];
    if (base64 !== undefined) return { algorithm: each, base64 };
  }
  return undefined;
}
