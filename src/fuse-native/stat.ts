/** Attributes in the shapes that fuse-native takes: everything in 32 bits but sizes and times. */

import type { FuseStat, FuseStatfs } from "fuse-native";

import type { Attributes, FileKind, FileSystemStatistics } from "../base/attributes.ts";
import { GIB } from "../base/sizes.ts";
import { MODE_TYPE } from "../fuse/index.ts";

/** What stat(2) recommends for I/O, and the unit of st_blocks: as the other back end has them. */
const BLOCK_BYTES = 4096;
const SECTOR_BYTES = 512;

const U32_MAX = 0xffff_ffff;

export function statOf(attributes: Attributes): FuseStat {
  const { kind, mode, ino, nlink, uid, gid, sizeBytes } = attributes;
  return {
    mode: MODE_TYPE[kind] | (mode & 0o7777),
    ino,
    nlink,
    uid,
    gid,
    size: sizeBytes,
    blksize: BLOCK_BYTES,
    blocks: Math.ceil(sizeBytes / SECTOR_BYTES),
    atime: timeOf(attributes.atimeMs),
    mtime: timeOf(attributes.mtimeMs),
    ctime: timeOf(attributes.ctimeMs),
  };
}

/** What a directory tells of an entry: no more than its number and its kind. */
export function entryStatOf(ino: number, kind: FileKind): FuseStat {
  return { mode: MODE_TYPE[kind], ino, atime: 0, mtime: 0, ctime: 0 };
}

/** Whole milliseconds, unsigned. */
function timeOf(timeMs: number): number {
  return Math.max(0, Math.floor(timeMs));
}

/**
 * The same bytes in blocks so large that their counts fit into 32 bits, as far as that goes: a block
 * of 2 GiB would be negative to those who take its size for signed.
 */
export function statfsOf(statistics: FileSystemStatistics): FuseStatfs {
  const { blockBytes, fragmentBytes, blocks, blocksFree, blocksAvailable } = statistics;
  let scale = 1;
  while (Number(blocks) / scale > U32_MAX && fragmentBytes * scale < GIB) scale *= 2;
  const scaled = (count: bigint): number => Math.min(Math.floor(Number(count) / scale), U32_MAX);
  const filesFree = Math.min(Number(statistics.filesFree), U32_MAX);
  return {
    // statfs(2) counts in bsize, statvfs(3) in frsize.
    bsize: scale === 1 ? blockBytes : fragmentBytes * scale,
    frsize: fragmentBytes * scale,
    blocks: scaled(blocks),
    bfree: scaled(blocksFree),
    bavail: scaled(blocksAvailable),
    files: Math.min(Number(statistics.files), U32_MAX),
    ffree: filesFree,
    favail: filesFree,
    namemax: statistics.nameBytesMax,
  };
}
