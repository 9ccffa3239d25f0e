/**
 * The one place where a failure becomes a number that the kernel understands.
 *
 * Every layer below throws its own error with a closed set of kinds. `satisfies` makes the tables
 * exhaustive: a new kind does not compile until somebody has chosen its errno.
 */

import * as numbers from "../base/errno.ts";
import {
  EACCES,
  EBADF,
  EEXIST,
  EFBIG,
  EINTR,
  EINVAL,
  EIO,
  EISDIR,
  ENAMETOOLONG,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ENOSYS,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  EROFS,
  ESTALE,
  EXDEV,
} from "../base/errno.ts";
import { InodeError, type InodeErrorKind } from "../inode/index.ts";
import { MemoryError, type MemoryErrorKind } from "../memory/index.ts";
import { S3Error, type S3ErrorKind } from "../s3/index.ts";
import { WriteError, type WriteErrorKind } from "../write/index.ts";
import { FsError, type FsErrorKind } from "./error.ts";

/** mount-s3 answers EIO to every one of these; here what a program can act on is told apart. */
const S3_ERRNO = {
  "not-found": ENOENT,
  "no-such-bucket": EIO,
  "no-such-upload": EIO,
  "access-denied": EACCES,
  "invalid-credentials": EACCES,
  "expired-credentials": EACCES,
  "no-credentials": EACCES,
  "clock-skewed": EACCES,
  "precondition-failed": ESTALE,
  archived: EACCES,
  "key-too-long": ENAMETOOLONG,
  "too-large": EFBIG,
  "too-many-parts": EFBIG,
  "no-space": ENOSPC,
  "wrong-region": EIO,
  "not-implemented": EIO,
  "checksum-refused": EIO,
  "encryption-mismatch": EIO,
  throttled: EIO,
  "server-error": EIO,
  network: EIO,
  timeout: EIO,
  corrupted: EIO,
  "bad-response": EIO,
  rejected: EIO,
  aborted: EINTR,
} as const satisfies Record<S3ErrorKind, number>;

const INODE_ERRNO = {
  "invalid-name": EINVAL,
  "name-too-long": ENAMETOOLONG,
  "not-found": ENOENT,
  exists: EEXIST,
  "not-directory": ENOTDIR,
  "is-directory": EISDIR,
  "not-empty": ENOTEMPTY,
  "remote-directory": EPERM,
  // The kernel looks the name up again and repeats the call, so that a program does not see it.
  stale: ESTALE,
} as const satisfies Record<InodeErrorKind, number>;

const WRITE_ERRNO = {
  "out-of-order": EINVAL,
  "too-large": EFBIG,
  overtaken: ESTALE,
  deleted: EIO,
  inconsistent: EIO,
  aborted: EIO,
  "spill-lost": EIO,
  completed: EBADF,
} as const satisfies Record<WriteErrorKind, number>;

const MEMORY_ERRNO = { exhausted: ENOMEM } as const satisfies Record<MemoryErrorKind, number>;

const FS_ERRNO = {
  "bad-handle": EBADF,
  "bad-directory-handle": EINVAL,
  "bad-directory-offset": EBADF,
  "read-only": EROFS,
  "delete-disabled": EPERM,
  "overwrite-disabled": EPERM,
  "being-written": EPERM,
  "being-read": EPERM,
  "attributes-fixed": EPERM,
  "unsupported-flags": EINVAL,
  "unsupported-kind": EINVAL,
  "rename-unsupported": ENOSYS,
  "rename-directory": EPERM,
  "being-renamed": EPERM,
  "rename-by-copy": EXDEV,
  archived: EACCES,
  "deleted-while-open": EIO,
  "made-elsewhere": EEXIST,
  "no-room": ENOSPC,
  "shutting-down": EIO,
} as const satisfies Record<FsErrorKind, number>;

/** Unknown errors are bugs or broken hardware; both are EIO, and they are logged loudly. */
export function errnoOf(error: unknown): number {
  if (error instanceof InodeError) return INODE_ERRNO[error.kind];
  if (error instanceof FsError) return FS_ERRNO[error.kind];
  if (error instanceof S3Error) return S3_ERRNO[error.kind];
  if (error instanceof WriteError) return WRITE_ERRNO[error.kind];
  if (error instanceof MemoryError) return MEMORY_ERRNO[error.kind];
  return EIO;
}

/** For how long the kernel may believe an ENOENT; 0 for every other failure. */
export function absentMsOf(error: unknown): number {
  return error instanceof InodeError ? error.absentMs : 0;
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(numbers).map(([name, errno]) => [errno, name]),
);

/** "EPERM" for 1. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}
