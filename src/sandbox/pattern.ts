/**
 * The bytes of virtual objects: a fixed block of pseudo-random bytes, repeated. Its length is a prime
 * just under 1 MiB, so that bytes from a wrong block, page or part never look right (nothing that
 * file systems count in is a multiple of it), and serving them costs no computation and no copy: any
 * run of up to 1 MiB is a view of one table.
 */

import { assert } from "../base/assert.ts";
import { MIB } from "../base/sizes.ts";

/** The largest prime below 2^20. */
const PERIOD_BYTES = 1_048_573;

/** The longest run that `patternView` gives. */
const PATTERN_VIEW_BYTES_MAX = MIB;

let table: Buffer | undefined;

/** One period and a view's length beyond it, made at the first use. */
function patternTable(): Buffer {
  if (table !== undefined) return table;
  const bytes = Buffer.allocUnsafeSlow(PERIOD_BYTES + PATTERN_VIEW_BYTES_MAX);
  let state = 0x9e37_79b9;
  for (let at = 0; at < PERIOD_BYTES; at++) {
    // xorshift32: https://www.jstatsoft.org/article/view/v008i14
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state >>> 11;
  }
  bytes.copyWithin(PERIOD_BYTES, 0, PATTERN_VIEW_BYTES_MAX);
  table = bytes;
  return bytes;
}

/**
 * At most `byteCount` (and at most 1 MiB) of the pattern of `seed` from `offset`, as a view of a
 * shared table: not to be written to. Two seeds give the same bytes at different offsets.
 */
export function patternView(seed: number, offset: number, byteCount: number): Uint8Array {
  assert(offset >= 0 && byteCount >= 0, "a run of the pattern lies at or after its start");
  const phase = Math.imul(seed | 0, 0x85eb_ca6b) >>> 0;
  const start = (phase + offset) % PERIOD_BYTES;
  return patternTable().subarray(start, start + Math.min(byteCount, PATTERN_VIEW_BYTES_MAX));
}

/** Fills `target` with the pattern of `seed` from `offset`: what a reader must have received. */
export function fillPattern(target: Uint8Array, seed: number, offset: number): void {
  for (let done = 0; done < target.byteLength; ) {
    const view = patternView(seed, offset + done, target.byteLength - done);
    target.set(view, done);
    done += view.byteLength;
  }
}
