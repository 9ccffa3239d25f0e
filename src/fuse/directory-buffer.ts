/**
 * The reply to one READDIR or READDIRPLUS as it fills. Records are struct fuse_dirent, for PLUS
 * behind a struct fuse_entry_out, each padded to eight bytes. The memory is the request's own: the
 * operation that fills it may take its time.
 */

import { Buffer } from "node:buffer";
import { assert } from "../base/assert.ts";
import type { DirectoryEntry, DirectoryWriter } from "../base/attributes.ts";
import { DIRENT, DIRENT_TYPE, ENTRY_OUT, TRANSFER_BYTES_MAX } from "./abi.ts";
import { putEntry, putU64 } from "./encode.ts";

export class DirectoryBuffer implements DirectoryWriter {
  readonly plus: boolean;
  /** The inodes whose lookup this reply counts: what to forget should the reply not arrive. */
  readonly countedInos: number[] = [];
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;
  #usedBytes = 0;

  /** Holds at most `byteCount` bytes, as the request says, and never more than one transfer. */
  constructor(byteCount: number, plus: boolean) {
    this.plus = plus;
    const wholeBytes = Math.min(byteCount, TRANSFER_BYTES_MAX) & ~(DIRENT.align - 1);
    this.#bytes = Buffer.allocUnsafeSlow(wholeBytes);
    this.#words = new Uint32Array(this.#bytes.buffer);
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  add(entry: DirectoryEntry): boolean {
    const start = this.#usedBytes;
    const direntStart = this.plus ? start + ENTRY_OUT.bytes : start;
    const nameStart = direntStart + DIRENT.bytes;
    const nameBytes = this.#putName(entry.name, nameStart);
    if (nameBytes === undefined) return false;
    if (this.plus) this.#addEntryOut(start, entry);
    const word = direntStart >>> 2;
    putU64(this.#words, word + (DIRENT.ino >>> 2), entry.ino);
    putU64(this.#words, word + (DIRENT.off >>> 2), entry.nextOffset);
    this.#words[word + (DIRENT.namelen >>> 2)] = nameBytes;
    this.#words[word + (DIRENT.type >>> 2)] = DIRENT_TYPE[entry.kind];
    this.#usedBytes = paddedEnd(nameStart + nameBytes);
    return true;
  }

  /** Writes `name` and what pads its record. How long it is; undefined if there is no room. */
  #putName(name: string, start: number): number | undefined {
    const bytes = this.#bytes;
    let length = name.length;
    if (paddedEnd(start + length) > bytes.byteLength) return undefined;
    for (let index = 0; index < length; index++) {
      const unit = name.charCodeAt(index);
      bytes[start + index] = unit;
      if (unit < 0x80) continue;
      length = Buffer.byteLength(name);
      if (paddedEnd(start + length) > bytes.byteLength) return undefined;
      bytes.write(name, start, length, "utf8");
      break;
    }
    for (let at = start + length; at < paddedEnd(start + length); at++) bytes[at] = 0;
    return length;
  }

  #addEntryOut(start: number, { entry, name }: DirectoryEntry): void {
    const word = start >>> 2;
    if (entry === undefined) {
      // Node id 0: no attributes, no lookup (fuse_direntplus_link in fs/fuse/readdir.c).
      this.#words.fill(0, word, word + (ENTRY_OUT.bytes >>> 2));
      return;
    }
    assert(name !== "." && name !== "..", "dots are not looked up");
    putEntry(this.#words, word, entry);
    this.countedInos.push(entry.attributes.ino);
  }
}

function paddedEnd(end: number): number {
  return Math.ceil(end / DIRENT.align) * DIRENT.align;
}
