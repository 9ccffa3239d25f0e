/** What can go wrong while an object is written, besides what the store itself reports. */

export type WriteErrorKind =
  /** The write does not begin where the one before ended. */
  | "out-of-order"
  /** The write would need more parts than the store takes. */
  | "too-large"
  /** Another client has changed or deleted the object that was appended to. */
  | "overtaken"
  | "deleted"
  /** What the store says it has is not what was sent: the upload was aborted. */
  | "inconsistent"
  /** `abort` was called. */
  | "aborted"
  /** What waited on this machine's disk for memory cannot be read. */
  | "spill-lost"
  /** The object is complete, or about to be, and takes no more bytes. */
  | "completed";

export class WriteError extends Error {
  override readonly name = "WriteError";
  readonly kind: WriteErrorKind;

  constructor(kind: WriteErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
