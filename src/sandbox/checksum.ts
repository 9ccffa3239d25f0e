/**
 * The five checksums that S3 verifies and stores, computed as bytes arrive. Values travel as the
 * base64 of the big-endian digest. CRC-32C and CRC-64/NVME come from the caller, who has them in
 * hardware (`native/`), since this layer may not import it.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { SandboxError } from "./error.ts";

/** Each continues from a value, 0 to begin; unsigned. The addon's functions of these names fit. */
export interface Checksums {
  crc32c(bytes: Uint8Array, crc: number): number;
  crc64nvme(bytes: Uint8Array, crc: bigint): bigint;
}

const DIGEST_BYTES = { CRC32: 4, CRC32C: 4, CRC64NVME: 8, SHA1: 20, SHA256: 32 } as const;

export type ChecksumAlgorithm = keyof typeof DIGEST_BYTES;

/** Whether a checksum covers the object's bytes or the checksums of its parts. */
export type ChecksumType = "FULL_OBJECT" | "COMPOSITE";

export interface StoredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** For a composite checksum with the suffix "-N", N being the number of parts. */
  readonly base64: string;
  readonly type: ChecksumType;
  /** Of a composite checksum: those of the parts. */
  readonly parts?: readonly string[];
}

export const CHECKSUM_ALGORITHMS = Object.keys(DIGEST_BYTES) as readonly ChecksumAlgorithm[];

export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/** The element of the XML documents: "ChecksumCRC32C". */
export function checksumElement(algorithm: ChecksumAlgorithm): string {
  return `Checksum${algorithm}`;
}

/** The algorithm named `name` in any case, or an `InvalidRequest`. */
export function parseAlgorithm(name: string): ChecksumAlgorithm {
  const wanted = name.toUpperCase();
  const algorithm = CHECKSUM_ALGORITHMS.find((known) => known === wanted);
  if (algorithm !== undefined) return algorithm;
  throw new SandboxError("InvalidRequest", `Checksum algorithm provided is unsupported: ${name}`);
}

/** Refuses a value that is not the base64 of a digest of the right length. */
export function assertChecksumShape(algorithm: ChecksumAlgorithm, base64: string): void {
  const bytes = Buffer.from(base64, "base64");
  if (bytes.byteLength === DIGEST_BYTES[algorithm] && bytes.toString("base64") === base64) return;
  const header = checksumHeader(algorithm);
  throw new SandboxError("InvalidRequest", `Value for ${header} header is invalid.`);
}

export interface Digest {
  update(bytes: Uint8Array): void;
  /** Ends the digest; called once. */
  base64(): string;
}

/** `before`, of a CRC: the base64 of the bytes that went before. */
export function createDigest(
  algorithm: ChecksumAlgorithm,
  checksums: Checksums,
  before?: string,
): Digest {
  switch (algorithm) {
    case "CRC32":
      return narrowDigest(crc32, before);
    case "CRC32C":
      return narrowDigest((bytes, crc) => checksums.crc32c(bytes, crc), before);
    case "CRC64NVME":
      return wideDigest(checksums, before);
    case "SHA1":
    case "SHA256": {
      const hash = createHash(algorithm);
      return { update: (bytes) => hash.update(bytes), base64: () => hash.digest("base64") };
    }
  }
}

function narrowDigest(
  continueCrc: (bytes: Uint8Array, crc: number) => number,
  before: string | undefined,
): Digest {
  let crc = before === undefined ? 0 : Buffer.from(before, "base64").readUInt32BE();
  return {
    update(bytes) {
      crc = continueCrc(bytes, crc);
    },
    base64() {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(crc);
      return bytes.toString("base64");
    },
  };
}

function wideDigest(checksums: Checksums, before: string | undefined): Digest {
  let crc = before === undefined ? 0n : Buffer.from(before, "base64").readBigUInt64BE();
  return {
    update(bytes) {
      crc = checksums.crc64nvme(bytes, crc);
    },
    base64() {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(crc);
      return bytes.toString("base64");
    },
  };
}

/** The checksum of the parts' checksums, as S3 stores it for a composite upload. */
export function compositeChecksum(
  algorithm: ChecksumAlgorithm,
  parts: readonly string[],
  checksums: Checksums,
): StoredChecksum {
  const digest = createDigest(algorithm, checksums);
  for (const part of parts) digest.update(Buffer.from(part, "base64"));
  return { algorithm, base64: `${digest.base64()}-${parts.length}`, type: "COMPOSITE", parts };
}
