/** What a file system over S3 refuses. errno.ts maps each kind to the number the kernel sees. */

import { S3Error } from "../s3/index.ts";

export type FsErrorKind =
  /** No such handle, or one that cannot do this (any more). */
  | "bad-handle"
  | "bad-directory-handle"
  /** A readdir offset that is neither the next nor in the last reply. */
  | "bad-directory-offset"
  | "read-only"
  | "delete-disabled"
  | "overwrite-disabled"
  | "being-written"
  | "being-read"
  /** Mode, owner, times or size of something that this mount did not make. */
  | "attributes-fixed"
  | "unsupported-flags"
  | "unsupported-kind"
  | "rename-unsupported"
  | "rename-directory"
  /** Another name is being given to the file, or to another file its name. */
  | "being-renamed"
  /** A rename that the caller is to do by copying and deleting. */
  | "rename-by-copy"
  /** The object has to be restored from its archive first. */
  | "archived"
  /** The object was deleted while it was open. */
  | "deleted-while-open"
  /** Somebody else made the object while it was written here. */
  | "made-elsewhere"
  /** The file grew too large, told to a caller that knows no EFBIG. */
  | "no-room"
  | "shutting-down";

export class FsError extends Error {
  override readonly name = "FsError";
  readonly kind: FsErrorKind;

  constructor(kind: FsErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Whether a read failed because S3 has another object, or none, where the opened one was. */
export function isOutdated(error: unknown): boolean {
  if (!(error instanceof S3Error)) return false;
  return error.kind === "precondition-failed" || error.kind === "not-found";
}
