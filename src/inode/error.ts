/** What can go wrong with a name or an inode. `fs/` maps each kind to an errno, exhaustively. */

export type InodeErrorKind =
  /** Empty, ".", "..", or with "/" or NUL in it: no object can have it. */
  | "invalid-name"
  /** More than 255 bytes of name or 1,024 bytes of key. */
  | "name-too-long"
  | "not-found"
  | "exists"
  | "not-directory"
  | "is-directory"
  | "not-empty"
  /** Only directories that exist in this mount alone can be removed. */
  | "remote-directory"
  /** The inode stands for a version of the object that is no longer the current one. */
  | "stale";

export class InodeError extends Error {
  override readonly name = "InodeError";
  readonly kind: InodeErrorKind;
  /** With "not-found": for how long the kernel may believe it. */
  readonly absentMs: number;

  constructor(
    kind: InodeErrorKind,
    message: string,
    options: ErrorOptions & { readonly absentMs?: number } = {},
  ) {
    super(message, options);
    this.kind = kind;
    this.absentMs = options.absentMs ?? 0;
  }
}
