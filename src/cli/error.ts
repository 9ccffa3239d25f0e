/**
 * The errors of the command line. Whoever reads the message is a person at a prompt, so it says what
 * was attempted, the value at hand, why it failed and what to do next, and it is printed as it is.
 */

export type CliErrorKind =
  /** The command line itself is wrong. */
  | "usage"
  /** What it asked for did not work. */
  | "failure";

/** Exit statuses as mount-s3 has them. */
const EXIT_STATUS = { usage: 2, failure: 1 } satisfies Record<CliErrorKind, number>;

export class CliError extends Error {
  override readonly name = "CliError";
  readonly kind: CliErrorKind;

  constructor(kind: CliErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** What the process exits with after `error`; an error of any other class counts as a failure. */
export function exitStatusOf(error: unknown): number {
  return EXIT_STATUS[error instanceof CliError ? error.kind : "failure"];
}
