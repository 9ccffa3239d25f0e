/**
 * How large the parts of a file are, so that a file of unknown length never runs out of part numbers:
 * S3 takes 10,000 parts, and 10,000 parts of 8 MiB are only 78 GiB.
 *
 * Parts have the size of --write-part-size until the file has used more of its numbers than a cubic
 * curve to the target allows; from then on each part brings the file back onto the curve. With n of N
 * numbers used, at least
 *
 *     T(n) = max( L (n/N)³,  L - M (N-n) )
 *
 * bytes are sent, L being the bytes to reach and M the largest part that memory allows. Parts of 8 MiB
 * keep their size for the first 9.7 GiB; at 100 GiB they are 114 MiB, at 1 TiB 540 MiB, at 5 TiB
 * 1.5 GiB. Where M is less, the straight line cuts the curve's end off: parts are then of size M. L is
 * 5 TiB, or what leaves at least the first quarter of the numbers to the curve: 16/21 of N parts of M.
 */

import { MIB } from "../base/sizes.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const PARTS_MAX = 10_000;
const PART_BYTES_MAX = 5 * 1024 * MIB;
/** The limit of nearly every store. S3 itself takes 10,000 parts of 5 GiB, if parts begin that large. */
const TARGET_BYTES = 5 * 1024 * 1024 * MIB;
/** A line that meets the curve at x of the numbers goes through (N, L) if L = M N / (x² + x + 1). */
const REACH_FRACTION = 16 / 21;

export interface PartScheduleOptions {
  /** Of the first parts. */
  readonly partBytes: number;
  /** The largest part that there is memory for; no limit when it is less than `partBytes`. */
  readonly memoryBytes: number;
  /** Numbers for tests. */
  readonly partsMax?: number;
  readonly targetBytes?: number;
}

export class PartSchedule {
  /** Of the parts that the file begins with. */
  readonly partBytes: number;
  readonly partsMax: number;
  /** So many bytes fit for sure, if no part is sent before it has its size. */
  readonly reachBytes: number;
  /** Whether it is memory that keeps `reachBytes` below what a store takes. */
  readonly isReachShort: boolean;
  readonly #partBytesMax: number;
  readonly #curveBytes: number;

  constructor(options: PartScheduleOptions) {
    const { memoryBytes, partBytes, partsMax = PARTS_MAX, targetBytes = TARGET_BYTES } = options;
    this.partBytes = partBytes;
    this.partsMax = partsMax;
    this.#partBytesMax = Math.max(partBytes, Math.min(memoryBytes, PART_BYTES_MAX));
    const possibleBytes = Math.floor(REACH_FRACTION * this.#partBytesMax * partsMax);
    this.#curveBytes = Math.min(targetBytes, possibleBytes);
    this.reachBytes = Math.max(this.#curveBytes, partBytes * partsMax);
    this.isReachShort = this.reachBytes < targetBytes;
  }

  /** Why a file cannot have more than `reachBytes`, and what to do about it. */
  get whyTooLarge(): string {
    const { isReachShort, partBytes, partsMax, reachBytes } = this;
    const remedy = isReachShort
      ? "mount with a larger --memory-target or --write-part-size"
      : "objects cannot be larger";
    const parts = `${partsMax} parts that begin with ${partBytes} bytes`;
    return `more than ${reachBytes} bytes do not fit ${parts}: ${remedy}`;
  }

  /** The size of part `partNumber` (from 1) of a file of which `bytesBefore` are in earlier parts. */
  sizeOf(partNumber: number, bytesBefore: number): number {
    const wanted = Math.ceil(this.#bytesAfter(partNumber)) - bytesBefore;
    return Math.min(Math.max(wanted, this.partBytes), this.#partBytesMax);
  }

  #bytesAfter(partCount: number): number {
    const curve = this.#curveBytes * (partCount / this.partsMax) ** 3;
    const line = this.#curveBytes - this.#partBytesMax * (this.partsMax - partCount);
    return Math.max(curve, line);
  }
}
