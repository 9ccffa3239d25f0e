/**
 * What can go wrong in this layer while it mounts and serves. Failures of the file system's own
 * operations are not here: the kernel is told their errno and that is all.
 */

export type FuseErrorKind =
  | "directory-missing"
  | "not-a-directory"
  | "directory-unreachable"
  | "already-mounted"
  | "dead-mount"
  | "no-device"
  | "mount-refused"
  | "not-mounted"
  | "fusermount-missing"
  | "fusermount-failed"
  | "allow-other-refused"
  | "guard-failed"
  | "unmount-failed"
  | "kernel-too-old"
  | "device-failed"
  | "notification-failed";

/** `message` is a sentence for the person who mounts: what was tried, why it failed, what to do. */
export class FuseError extends Error {
  override readonly name = "FuseError";
  readonly kind: FuseErrorKind;

  constructor(kind: FuseErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
