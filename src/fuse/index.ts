/**
 * The door of the fuse layer: the language of the kernel's FUSE protocol, and nothing of what is
 * said in it. `mountDirectory` makes a directory a mount, `adoptDevice` takes over one that
 * others made, `serve` answers the kernel's requests with
 * the `Operations` it is given. The layer knows neither S3 nor any file system; only it knows the
 * wire.
 *
 *     /dev/fuse ─▶ channel ─▶ session ─▶ request ─▶ opcode table ─▶ Operations
 *     /dev/fuse ◀─ channel ◀──────────── reply  ◀─ encode ◀───────── values, now or later
 */

export { MODE_TYPE } from "./abi.ts";
export { replyErrno } from "./answering.ts";
export { checkDirectory } from "./directory-check.ts";
export type { FuseError, FuseErrorKind } from "./error.ts";
export { fusermountUnmount } from "./fusermount.ts";
export { type MountDirectoryOptions, type MountPoint, mountDirectory } from "./mount-point.ts";
export type { Agreement } from "./negotiation.ts";
export type { Operations, RenameRequest, Reply } from "./operations.ts";
export { adoptDevice } from "./passed-device.ts";
export { type Session, type SessionGauges, type SessionOptions, serve } from "./session.ts";
export { UnmountGuard } from "./unmount-guard.ts";
