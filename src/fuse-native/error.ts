/** Why the package fuse-native cannot serve a mount: a message for the person who asked for it. */

export type FuseNativeErrorKind =
  | "package-missing"
  | "library-missing"
  | "unusable"
  | "no-device"
  | "mount-refused"
  | "unmount-failed";

/** `message` is complete: what was tried, why it failed, what to do. */
export class FuseNativeError extends Error {
  override readonly name = "FuseNativeError";
  readonly kind: FuseNativeErrorKind;

  constructor(kind: FuseNativeErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
