/**
 * The log as every layer sees it: four levels and a sentence. Where lines go is decided in
 * `telemetry/`; a layer is handed a `Log` and never finds one by itself. A message is a plain
 * sentence that holds the values at hand, and never a credential, a signature or a token.
 */

export interface Log {
  /** Whether debug lines go anywhere, so that a hot path need not build them. */
  readonly debugEnabled: boolean;
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Keeps nothing. */
export const silentLog: Log = {
  debugEnabled: false,
  debug() {},
  info() {},
  warn() {},
  error() {},
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
export function inBackground(log: Log, what: string, work: Promise<unknown>): void {
  work.catch((error: unknown) => log.error(`${what} failed: ${messageOf(error)}`));
}
