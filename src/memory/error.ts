/** What can go wrong with memory that is not a programmer's error: there is none left. */

/** `exhausted`: no block came free in time. */
export type MemoryErrorKind = "exhausted";

export class MemoryError extends Error {
  override readonly name = "MemoryError";
  readonly kind: MemoryErrorKind;

  constructor(kind: MemoryErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
