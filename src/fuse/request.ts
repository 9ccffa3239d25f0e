/**
 * Cuts one request, as read from /dev/fuse, into its arguments.
 *
 * A request is a 40-byte header, one struct that the opcode chooses, then zero, one or two
 * NUL-terminated names, then (for WRITE) the payload. One reader serves all requests of a session:
 * what it returns are values, except the payload, which is a view of the memory that it came into.
 */

import { Buffer, isUtf8 } from "node:buffer";
import type { Caller } from "../base/attributes.ts";
import { EFBIG, EINVAL, EIO, ENOENT } from "../base/errno.ts";
import { IN_HEADER, WRITE_IN } from "./abi.ts";

const TWO_32 = 0x1_0000_0000;
/** The upper word of 2^53: from here on a u64 does not fit a double. */
const HIGH_LIMIT = 0x20_0000;

const SLASH = 0x2f;
const DOT = 0x2e;

/** The kernel sent something that cannot be right, or that we cannot represent. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}

const NO_BYTES = new Uint8Array();

export class RequestReader {
  /** Where requests are received, but for what a WRITE brings. */
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #text: Buffer;
  #payload: Uint8Array = NO_BYTES;
  #byteCount = 0;

  /** `byteCount`, a multiple of four, is that of the largest request. */
  constructor(byteCount: number) {
    // What is not touched is not resident.
    const memory = new ArrayBuffer(byteCount);
    this.bytes = new Uint8Array(memory);
    this.#words = new Uint32Array(memory);
    this.#text = Buffer.from(memory);
  }

  /** A request of `byteCount` (at least 40) bytes was received, into `payload` what a WRITE brings. */
  load(byteCount: number, payload: Uint8Array): void {
    this.#byteCount = byteCount;
    this.#payload = payload;
  }

  /** Whether the header tells the length that was received. */
  get isWhole(): boolean {
    return this.#header(IN_HEADER.len) === this.#byteCount;
  }

  get opcode(): number {
    return this.#header(IN_HEADER.opcode);
  }

  get uniqueLow(): number {
    return this.#header(IN_HEADER.unique);
  }

  get uniqueHigh(): number {
    return this.#header(IN_HEADER.unique + 4);
  }

  /** The inode that the request is about. Throws EIO from 2^53 on: we never gave out such a number. */
  get ino(): number {
    const high = this.#header(IN_HEADER.nodeid + 4);
    return join(this.#header(IN_HEADER.nodeid), high);
  }

  get uid(): number {
    return this.#header(IN_HEADER.uid);
  }

  get pid(): number {
    return this.#header(IN_HEADER.pid);
  }

  caller(): Caller {
    return { uid: this.uid, gid: this.#header(IN_HEADER.gid), pid: this.pid };
  }

  /** Bytes behind the header. */
  get bodyBytes(): number {
    return this.#byteCount - IN_HEADER.bytes;
  }

  /** The field at `offset` of the body, which the caller knows to be there. */
  u32(offset: number): number {
    return this.#header(IN_HEADER.bytes + offset);
  }

  /** An inode or handle number. Throws EIO from 2^53 on: we never gave out such a number. */
  u64(offset: number): number {
    return join(this.u32(offset), this.u32(offset + 4));
  }

  /** A position to read from. No file reaches 2^53, so there anything larger is the end as well. */
  readOffset(offset: number): number {
    const high = this.u32(offset + 4);
    if (high >= HIGH_LIMIT) return Number.MAX_SAFE_INTEGER;
    return high * TWO_32 + this.u32(offset);
  }

  /** A size, or a position to write at. Throws EFBIG from 2^53 on. */
  fileSize(offset: number): number {
    const high = this.u32(offset + 4);
    if (high >= HIGH_LIMIT) throw new RequestError(EFBIG, "file size or offset beyond 2^53");
    return high * TWO_32 + this.u32(offset);
  }

  /** A time, signed seconds at one offset and nanoseconds at another, in milliseconds. */
  timeMs(secondsOffset: number, nanosecondsOffset: number): number {
    const seconds = (this.u32(secondsOffset + 4) | 0) * TWO_32 + this.u32(secondsOffset);
    return seconds * 1000 + this.u32(nanosecondsOffset) / 1e6;
  }

  /** The one name that ends the request. Throws EINVAL for one that no file can have. */
  name(offset: number): string {
    return this.#decode(IN_HEADER.bytes + offset, this.#byteCount - 1, EINVAL);
  }

  /** As `name`, but throws ENOENT for bytes that are not UTF-8: no object can have that name. */
  nameToFind(offset: number): string {
    return this.#decode(IN_HEADER.bytes + offset, this.#byteCount - 1, ENOENT);
  }

  /** Two names, one behind the other: the old and the new one of a rename. */
  twoNames(offset: number): readonly [string, string] {
    const start = IN_HEADER.bytes + offset;
    const end = start + this.#lengthOfName(start);
    return [this.#decode(start, end, EINVAL), this.#decode(end + 1, this.#byteCount - 1, EINVAL)];
  }

  /** The first of the names that end the request. */
  firstName(offset: number): string {
    const start = IN_HEADER.bytes + offset;
    return this.#decode(start, start + this.#lengthOfName(start), EINVAL);
  }

  /** What a WRITE brings: a view of where it was received. */
  payload(): Uint8Array {
    const { buffer, byteOffset } = this.#payload;
    return new Uint8Array(buffer, byteOffset, this.bodyBytes - WRITE_IN.bytes);
  }

  #lengthOfName(start: number): number {
    const length = this.#text.subarray(start, this.#byteCount).indexOf(0);
    if (length === -1) throw new RequestError(EIO, "name without an end");
    return length;
  }

  #header(offset: number): number {
    return this.#words[offset >>> 2] ?? 0;
  }

  /** The name in [start, end), which a NUL at `end` must close. */
  #decode(start: number, end: number, errnoOfMalformed: number): string {
    const { bytes } = this;
    const text = this.#text;
    if (end < start || bytes[end] !== 0) throw new RequestError(EIO, "name without an end");
    let isAscii = true;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === 0 || byte === SLASH) throw new RequestError(EINVAL, "name with NUL or slash");
      if (byte >= 0x80) isAscii = false;
    }
    if (isDots(bytes, start, end)) throw new RequestError(EINVAL, "name is empty or dots");
    if (isAscii) return text.toString("latin1", start, end);
    if (!isUtf8(text.subarray(start, end))) {
      throw new RequestError(errnoOfMalformed, "name is not UTF-8");
    }
    return text.toString("utf8", start, end);
  }
}

/** Whether [start, end) is "", "." or "..": the kernel resolves those by itself. */
function isDots(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > 2) return false;
  for (let at = start; at < end; at += 1) if (bytes[at] !== DOT) return false;
  return true;
}

function join(low: number, high: number): number {
  if (high >= HIGH_LIMIT) throw new RequestError(EIO, "number beyond 2^53");
  return high * TWO_32 + low;
}
