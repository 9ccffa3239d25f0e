/** What is wrong with how a log is asked for: a message for the person who asked. */

export type TelemetryErrorKind = "bad-directive";

export class TelemetryError extends Error {
  override readonly name = "TelemetryError";
  readonly kind: TelemetryErrorKind;

  constructor(kind: TelemetryErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
