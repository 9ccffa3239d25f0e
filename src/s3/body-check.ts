/**
 * Verifies a whole object while it arrives: stands between the transport and the caller's sink and
 * computes the checksum that the answer announces, over bytes that are still in the processor's cache.
 */

import { crc32 } from "node:zlib";

import type { BodySink } from "./object-client.ts";
import type { Headers } from "./response-head.ts";

/** The two checksums that Node lacks; the addon has them. */
export interface Checksums {
  /** CRC-32C of `bytes` continued from `crc` (0 to begin); unsigned. */
  crc32c(bytes: Uint8Array, crc: number): number;
  /** CRC-64/NVME of `bytes` continued from `crc` (0n to begin); unsigned. */
  crc64nvme(bytes: Uint8Array, crc: bigint): bigint;
}

/** A checksum under way: takes the bytes in order, and says whether they were the right ones. */
interface RunningChecksum {
  update(bytes: Uint8Array): void;
  matches(): boolean;
}

/**
 * The checksum of the whole object that the header of a whole answer announces, or undefined. That of a
 * multipart upload may be a checksum of checksums, which says nothing of the bytes.
 */
export function announcedChecksum(
  headers: Headers,
  checksums: Checksums | undefined,
): RunningChecksum | undefined {
  const type = headers["x-amz-checksum-type"];
  const composite =
    type === undefined ? /-\d+"?$/.test(headers["etag"] ?? "") : type !== "FULL_OBJECT";
  if (composite) return undefined;
  const expected64 = headers["x-amz-checksum-crc64nvme"];
  if (expected64 !== undefined && checksums !== undefined) {
    let crc = 0n;
    return {
      update: (bytes) => {
        crc = checksums.crc64nvme(bytes, crc);
      },
      matches: () => base64Of(crc, 8) === expected64,
    };
  }
  const expectedC = headers["x-amz-checksum-crc32c"];
  if (expectedC !== undefined && checksums !== undefined) {
    return running32((bytes, crc) => checksums.crc32c(bytes, crc), expectedC);
  }
  const expected = headers["x-amz-checksum-crc32"];
  return expected === undefined ? undefined : running32(crc32, expected);
}

function running32(
  continued: (bytes: Uint8Array, crc: number) => number,
  expected: string,
): RunningChecksum {
  let crc = 0;
  return {
    update: (bytes) => {
      crc = continued(bytes, crc);
    },
    matches: () => base64Of(BigInt(crc), 4) === expected,
  };
}

function base64Of(crc: bigint, byteCount: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(crc);
  return bytes.subarray(8 - byteCount).toString("base64");
}

const NOTHING = new Uint8Array();

/** Counts what goes into `sink`, and checks it once an answer has announced a checksum. */
export class CheckedSink implements BodySink {
  readonly #sink: BodySink;
  #target: Uint8Array = NOTHING;
  #checksum: RunningChecksum | undefined;
  #byteCount = 0;

  constructor(sink: BodySink) {
    this.#sink = sink;
  }

  /** Bytes since the beginning or the last restart. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /** Before the first byte: the checksum to hold the bytes against. */
  expect(checksum: RunningChecksum | undefined): void {
    this.#checksum = checksum;
  }

  /** Whether all bytes match what was announced, if anything was. */
  get sound(): boolean {
    return this.#checksum?.matches() ?? true;
  }

  target(): Uint8Array {
    this.#target = this.#sink.target();
    return this.#target;
  }

  filled(byteCount: number): void {
    this.#checksum?.update(this.#target.subarray(0, byteCount));
    this.#byteCount += byteCount;
    this.#sink.filled(byteCount);
  }

  restart(): void {
    this.#checksum = undefined;
    this.#byteCount = 0;
    this.#sink.restart();
  }
}
