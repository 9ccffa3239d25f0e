/**
 * The FUSE kernel ABI, version 7.45, as numbers: opcodes, struct sizes, field offsets, flags. The
 * source of every number is include/uapi/linux/fuse.h. Offsets and sizes are in bytes; those of
 * requests count from the end of the request's header. All fields are in the machine's byte order.
 */

import { MIB } from "../base/sizes.ts";

export const ABI_MAJOR = 7;
export const ABI_MINOR = 45;
/** Linux 5.4. What is older lacks max_pages of 1 MiB or has it without the fixes it needs. */
export const ABI_MINOR_OLDEST = 31;

/** The most bytes of one READ or WRITE: 256 pages, the kernel's fs.fuse.max_pages_limit. */
export const TRANSFER_BYTES_MAX = MIB;
export const TRANSFER_PAGES_MAX = 256;
/** A request with its header, a whole number of pages. */
export const REQUEST_BYTES_MAX = TRANSFER_BYTES_MAX + 4096;

export const OPCODE = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  symlink: 6,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  setxattr: 21,
  getxattr: 22,
  listxattr: 23,
  removexattr: 24,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  getlk: 31,
  setlk: 32,
  setlkw: 33,
  access: 34,
  create: 35,
  interrupt: 36,
  bmap: 37,
  destroy: 38,
  ioctl: 39,
  poll: 40,
  notifyReply: 41,
  batchForget: 42,
  fallocate: 43,
  readdirplus: 44,
  rename2: 45,
  lseek: 46,
  copyFileRange: 47,
  setupmapping: 48,
  removemapping: 49,
  syncfs: 50,
  tmpfile: 51,
  statx: 52,
  copyFileRange64: 53,
} as const;

export type OpcodeName = keyof typeof OPCODE;

/** struct fuse_in_header. Its last eight bytes, pid aside, describe extensions we never negotiate. */
export const IN_HEADER = {
  bytes: 40,
  len: 0,
  opcode: 4,
  unique: 8,
  nodeid: 16,
  uid: 24,
  gid: 28,
  pid: 32,
} as const;

/** struct fuse_out_header. */
export const OUT_HEADER = { bytes: 16, len: 0, error: 4, unique: 8 } as const;

export const FORGET_IN = { bytes: 8, nlookup: 0 } as const;
export const BATCH_FORGET_IN = { bytes: 8, count: 0 } as const;
export const FORGET_ONE = { bytes: 16, nodeid: 0, nlookup: 8 } as const;
export const GETATTR_IN = { bytes: 16, flags: 0, fh: 8 } as const;
export const SETATTR_IN = {
  bytes: 88,
  valid: 0,
  fh: 8,
  size: 16,
  atime: 32,
  mtime: 40,
  atimensec: 56,
  mtimensec: 60,
  mode: 68,
  uid: 76,
  gid: 80,
} as const;
export const MKNOD_IN = { bytes: 16, mode: 0 } as const;
export const MKDIR_IN = { bytes: 8, mode: 0 } as const;
export const RENAME_IN = { bytes: 8, newdir: 0 } as const;
export const RENAME2_IN = { bytes: 16, newdir: 0, flags: 8 } as const;
export const OPEN_IN = { bytes: 8, flags: 0 } as const;
export const CREATE_IN = { bytes: 16, flags: 0, mode: 4 } as const;
/** Serves READ, READDIR and READDIRPLUS. */
export const READ_IN = { bytes: 40, fh: 0, offset: 8, size: 16 } as const;
export const WRITE_IN = { bytes: 40, fh: 0, offset: 8, size: 16 } as const;
/** Serves RELEASE and RELEASEDIR. */
export const RELEASE_IN = { bytes: 24, fh: 0 } as const;
export const FLUSH_IN = { bytes: 24, fh: 0 } as const;
export const FSYNC_IN = { bytes: 16, fh: 0 } as const;
export const FALLOCATE_IN = { bytes: 32, mode: 24 } as const;
export const LINK_IN = { bytes: 8 } as const;
export const INTERRUPT_IN = { bytes: 8, unique: 0 } as const;
/** Before 7.36 the kernel sends 16 bytes, without flags2. */
export const INIT_IN = {
  bytes: 16,
  extendedBytes: 64,
  major: 0,
  minor: 4,
  maxReadahead: 8,
  flags: 12,
  flags2: 16,
} as const;

/** Offsets in structs that we write; each counts from the start of the struct. */
export const ATTR = {
  bytes: 88,
  ino: 0,
  size: 8,
  blocks: 16,
  atime: 24,
  mtime: 32,
  ctime: 40,
  atimensec: 48,
  mtimensec: 52,
  ctimensec: 56,
  mode: 60,
  nlink: 64,
  uid: 68,
  gid: 72,
  rdev: 76,
  blksize: 80,
  flags: 84,
} as const;
export const ENTRY_OUT = {
  bytes: 128,
  nodeid: 0,
  generation: 8,
  entryValid: 16,
  attrValid: 24,
  entryValidNsec: 32,
  attrValidNsec: 36,
  attr: 40,
} as const;
export const ATTR_OUT = { bytes: 104, attrValid: 0, attrValidNsec: 8, attr: 16 } as const;
export const OPEN_OUT = { bytes: 16, fh: 0, openFlags: 8, backingId: 12 } as const;
export const WRITE_OUT = { bytes: 8, size: 0 } as const;
export const STATFS_OUT = {
  bytes: 80,
  blocks: 0,
  bfree: 8,
  bavail: 16,
  files: 24,
  ffree: 32,
  bsize: 40,
  namelen: 44,
  frsize: 48,
} as const;
export const INIT_OUT = {
  bytes: 64,
  major: 0,
  minor: 4,
  maxReadahead: 8,
  flags: 12,
  /** Two u16: max_background and, above it, congestion_threshold. */
  background: 16,
  maxWrite: 20,
  timeGran: 24,
  /** Two u16: max_pages and, above it, map_alignment. */
  maxPages: 28,
  flags2: 32,
} as const;
/** struct fuse_dirent up to its name; records are padded to a multiple of `align`. */
export const DIRENT = { bytes: 24, ino: 0, off: 8, namelen: 16, type: 20, align: 8 } as const;

/** DT_* of dirent.h, and S_IF* of stat.h, by kind of file. */
export const DIRENT_TYPE = { file: 8, directory: 4 } as const;
export const MODE_TYPE = { file: 0o100000, directory: 0o040000 } as const;

/** fuse_setattr_in.valid. */
export const FATTR = {
  mode: 1 << 0,
  uid: 1 << 1,
  gid: 1 << 2,
  size: 1 << 3,
  atime: 1 << 4,
  mtime: 1 << 5,
  fh: 1 << 6,
  atimeNow: 1 << 7,
  mtimeNow: 1 << 8,
} as const;
/** fuse_getattr_in.getattr_flags. */
export const GETATTR_FH = 1 << 0;
/** fuse_open_out.open_flags. */
/** Kernels before 5.16 do not know `noFlush` and ignore it. */
export const FOPEN = { directIo: 1 << 0, keepCache: 1 << 1, noFlush: 1 << 5 } as const;

/** INIT flags, the lower word. */
export const INIT_FLAG = {
  asyncRead: 1 << 0,
  posixLocks: 1 << 1,
  atomicOTrunc: 1 << 3,
  bigWrites: 1 << 5,
  spliceWrite: 1 << 7,
  spliceMove: 1 << 8,
  spliceRead: 1 << 9,
  flockLocks: 1 << 10,
  autoInvalData: 1 << 12,
  doReaddirplus: 1 << 13,
  readdirplusAuto: 1 << 14,
  asyncDio: 1 << 15,
  writebackCache: 1 << 16,
  parallelDirops: 1 << 18,
  maxPages: 1 << 22,
  explicitInvalData: 1 << 25,
  handleKillprivV2: 1 << 28,
  initExt: 1 << 30,
} as const;
/** INIT flags, the upper word (flags2): bit 32 of the header is bit 0 here. */
export const INIT_FLAG2 = { hasExpireOnly: 1 << 3, directIoAllowMmap: 1 << 4 } as const;

/** Notifications: a message with unique 0 and the code in place of the error. */
export const NOTIFY = { invalInode: 2, invalEntry: 3 } as const;
export const NOTIFY_INVAL_INODE = { bytes: 24, ino: 0, off: 8, len: 16 } as const;
export const NOTIFY_INVAL_ENTRY = { bytes: 16, parent: 0, namelen: 8, flags: 12 } as const;
export const EXPIRE_ONLY = 1 << 0;
