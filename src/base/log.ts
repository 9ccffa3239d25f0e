/**
 * The log as every layer sees it: five levels, a sentence, and the facts in it for programs that read
 * logs. Where lines go is decided in `telemetry/`; a layer is handed a `Log` and never finds one by
 * itself. A message is a plain sentence that holds the values at hand, and never a credential, a
 * signature or a token.
 */

/** The parts of the program that log, as directives name them (docs/LOGGING.md). */
export const LOG_TARGETS = [
  "cli",
  "mount",
  "fuse",
  "fs",
  "inode",
  "read",
  "write",
  "memory",
  "cache",
  "s3",
  "wire",
  "metrics",
] as const;

export type LogTarget = (typeof LOG_TARGETS)[number];

export type LogLevel = "error" | "warn" | "info" | "debug" | "trace";

/** What a line says, value by value. Absent ones are left out. */
export type LogFields = Readonly<Record<string, string | number | undefined>>;

export interface Log {
  /** Whether these lines go anywhere, so that a hot path need not build them. Changes over time. */
  readonly debugEnabled: boolean;
  readonly traceEnabled: boolean;
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log for another part of the program. */
  named(target: LogTarget): Log;
}

/** Keeps nothing. */
export const silentLog: Log = {
  debugEnabled: false,
  traceEnabled: false,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  named: () => silentLog,
};

/** One line for an error of any shape: its message, with the chain of causes behind it. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `: ${messageOf(error.cause)}`;
  return `${error.message || error.name}${cause}`;
}

/**
 * Lets `work` run on its own and logs its failure: the only way in which a promise may go
 * unawaited in this code base.
 */
export function inBackground(
  log: Log,
  what: string | (() => string),
  work: Promise<unknown>,
): void {
  work.catch((error: unknown) => {
    const subject = typeof what === "string" ? what : what();
    log.error(`${subject} failed: ${messageOf(error)}`);
  });
}
