/**
 * Messages that we send to the kernel unasked, to make it drop what it remembers. They must not be
 * written by the thread that serves: the kernel may wait for a READ that this thread has to answer.
 */

import { Buffer } from "node:buffer";
import { EXPIRE_ONLY, NOTIFY, NOTIFY_INVAL_ENTRY, NOTIFY_INVAL_INODE, OUT_HEADER } from "./abi.ts";
import { putU64 } from "./encode.ts";

const BODY = OUT_HEADER.bytes / 4;

/**
 * Drops the attributes of `ino` and the pages from `offset` on: `byteCount` bytes of them, or all
 * with 0. A negative `offset` drops the attributes alone.
 */
export function invalidateInodeMessage(ino: number, offset: number, byteCount: number): Uint8Array {
  const words = compose(NOTIFY.invalInode, NOTIFY_INVAL_INODE.bytes);
  putU64(words, BODY + (NOTIFY_INVAL_INODE.ino >>> 2), ino);
  putU64(words, BODY + (NOTIFY_INVAL_INODE.off >>> 2), offset);
  putU64(words, BODY + (NOTIFY_INVAL_INODE.len >>> 2), byteCount);
  return new Uint8Array(words.buffer, 0, words[0]);
}

/** Drops `name` in `parent`; with `expireOnly` it is asked for again, and stays what it was if so. */
export function invalidateEntryMessage(
  parent: number,
  name: string,
  expireOnly: boolean,
): Uint8Array {
  const nameBytes = Buffer.byteLength(name);
  const words = compose(NOTIFY.invalEntry, NOTIFY_INVAL_ENTRY.bytes + nameBytes + 1);
  putU64(words, BODY + (NOTIFY_INVAL_ENTRY.parent >>> 2), parent);
  words[BODY + (NOTIFY_INVAL_ENTRY.namelen >>> 2)] = nameBytes;
  words[BODY + (NOTIFY_INVAL_ENTRY.flags >>> 2)] = expireOnly ? EXPIRE_ONLY : 0;
  const nameStart = OUT_HEADER.bytes + NOTIFY_INVAL_ENTRY.bytes;
  Buffer.from(words.buffer).write(name, nameStart, nameBytes, "utf8");
  return new Uint8Array(words.buffer, 0, words[0]);
}

/** A header with unique 0, and room for the body. */
function compose(code: number, bodyBytes: number): Uint32Array<ArrayBuffer> {
  const byteCount = OUT_HEADER.bytes + bodyBytes;
  const words = new Uint32Array(Math.ceil(byteCount / 4));
  words[OUT_HEADER.len >>> 2] = byteCount;
  words[OUT_HEADER.error >>> 2] = code;
  return words;
}
