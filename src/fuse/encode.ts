/**
 * Writes the structs of replies into 32-bit words. Every function takes the word at which its
 * struct begins and fills the whole struct, so that nothing of an earlier reply shows through.
 */

import { assert } from "../base/assert.ts";
import type {
  Attributes,
  AttributesReply,
  Entry,
  FileSystemStatistics,
  Opened,
} from "../base/attributes.ts";
import { ATTR, ATTR_OUT, ENTRY_OUT, FOPEN, MODE_TYPE, OPEN_OUT, STATFS_OUT } from "./abi.ts";

const TWO_32 = 0x1_0000_0000;
/** What stat(2) recommends for I/O: Mountpoint's value. */
const BLOCK_BYTES = 4096;
/** The unit of st_blocks, whatever the block size (stat(2)). */
const SECTOR_BYTES = 512;
/** 68 years: as good as for ever, and far from what overflows the kernel's jiffies. */
const VALID_SECONDS_MAX = 0x7fff_ffff;

/** Puts an integer of at most 53 bits, negative ones in two's complement, into two words. */
export function putU64(words: Uint32Array, word: number, value: number): void {
  words[word] = value;
  words[word + 1] = Math.floor(value / TWO_32);
}

/** struct fuse_attr. */
function putAttributes(words: Uint32Array, word: number, attributes: Attributes): void {
  const at = (offset: number): number => word + (offset >>> 2);
  putU64(words, at(ATTR.ino), attributes.ino);
  putU64(words, at(ATTR.size), attributes.sizeBytes);
  putU64(words, at(ATTR.blocks), Math.ceil(attributes.sizeBytes / SECTOR_BYTES));
  putTime(words, at(ATTR.atime), at(ATTR.atimensec), attributes.atimeMs);
  putTime(words, at(ATTR.mtime), at(ATTR.mtimensec), attributes.mtimeMs);
  putTime(words, at(ATTR.ctime), at(ATTR.ctimensec), attributes.ctimeMs);
  words[at(ATTR.mode)] = MODE_TYPE[attributes.kind] | (attributes.mode & 0o7777);
  words[at(ATTR.nlink)] = attributes.nlink;
  words[at(ATTR.uid)] = attributes.uid;
  words[at(ATTR.gid)] = attributes.gid;
  words[at(ATTR.rdev)] = 0;
  words[at(ATTR.blksize)] = BLOCK_BYTES;
  words[at(ATTR.flags)] = 0;
}

/** struct fuse_entry_out. */
export function putEntry(words: Uint32Array, word: number, entry: Entry): void {
  const { attributes } = entry;
  assert(attributes.ino > 0, "an entry has an inode number");
  putU64(words, word + (ENTRY_OUT.nodeid >>> 2), attributes.ino);
  putU64(words, word + (ENTRY_OUT.generation >>> 2), 0);
  putDuration(words, word, ENTRY_OUT.entryValid, ENTRY_OUT.entryValidNsec, entry.entryValidMs);
  putDuration(words, word, ENTRY_OUT.attrValid, ENTRY_OUT.attrValidNsec, entry.attributesValidMs);
  putAttributes(words, word + (ENTRY_OUT.attr >>> 2), attributes);
}

/** struct fuse_entry_out with node id 0: the name does not exist (fuse_lookup in fs/fuse/dir.c). */
export function putAbsentEntry(words: Uint32Array, word: number, validMs: number): void {
  words.fill(0, word, word + (ENTRY_OUT.bytes >>> 2));
  putDuration(words, word, ENTRY_OUT.entryValid, ENTRY_OUT.entryValidNsec, validMs);
}

/** struct fuse_attr_out. */
export function putAttributesReply(words: Uint32Array, word: number, reply: AttributesReply): void {
  putDuration(words, word, ATTR_OUT.attrValid, ATTR_OUT.attrValidNsec, reply.validMs);
  words[word + (ATTR_OUT.attrValidNsec >>> 2) + 1] = 0;
  putAttributes(words, word + (ATTR_OUT.attr >>> 2), reply.attributes);
}

/** struct fuse_open_out. */
export function putOpened(words: Uint32Array, word: number, opened: Opened): void {
  putU64(words, word + (OPEN_OUT.fh >>> 2), opened.fh);
  words[word + (OPEN_OUT.openFlags >>> 2)] =
    (opened.directIo === true ? FOPEN.directIo : 0) |
    (opened.keepCache === true ? FOPEN.keepCache : 0) |
    (opened.noFlush === true ? FOPEN.noFlush : 0);
  words[word + (OPEN_OUT.backingId >>> 2)] = 0;
}

/** More than a double can say. */
function putCount(words: Uint32Array, word: number, count: bigint): void {
  words[word] = Number(count & 0xffff_ffffn);
  words[word + 1] = Number(count >> 32n);
}

/** struct fuse_statfs_out. */
export function putStatistics(
  words: Uint32Array,
  word: number,
  statistics: FileSystemStatistics,
): void {
  const at = (offset: number): number => word + (offset >>> 2);
  words.fill(0, word, at(STATFS_OUT.bytes));
  putCount(words, at(STATFS_OUT.blocks), statistics.blocks);
  putCount(words, at(STATFS_OUT.bfree), statistics.blocksFree);
  putCount(words, at(STATFS_OUT.bavail), statistics.blocksAvailable);
  putCount(words, at(STATFS_OUT.files), statistics.files);
  putCount(words, at(STATFS_OUT.ffree), statistics.filesFree);
  words[at(STATFS_OUT.bsize)] = statistics.blockBytes;
  words[at(STATFS_OUT.namelen)] = statistics.nameBytesMax;
  words[at(STATFS_OUT.frsize)] = statistics.fragmentBytes;
}

/** A point in time: signed seconds, and the nanoseconds that have passed since. */
function putTime(words: Uint32Array, secondsWord: number, nsecWord: number, timeMs: number): void {
  const seconds = Math.floor(timeMs / 1000);
  putU64(words, secondsWord, seconds);
  words[nsecWord] = Math.min(Math.round((timeMs - seconds * 1000) * 1e6), 999_999_999);
}

/** How long something is valid; the offsets are those of a struct at `word`. */
function putDuration(
  words: Uint32Array,
  word: number,
  secondsOffset: number,
  nsecOffset: number,
  durationMs: number,
): void {
  const clampedMs = Math.max(0, Math.min(durationMs, VALID_SECONDS_MAX * 1000));
  const seconds = Math.floor(clampedMs / 1000);
  putU64(words, word + (secondsOffset >>> 2), seconds);
  words[word + (nsecOffset >>> 2)] = Math.floor((clampedMs - seconds * 1000) * 1e6);
}
