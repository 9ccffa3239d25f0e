/** What a sink of the log is, and what it is given. */

import type { LogFields, LogLevel, LogTarget } from "../base/log.ts";

export interface LogRecord {
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  readonly level: LogLevel;
  readonly target: LogTarget;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** Makes one line of a record, without a newline inside or behind it. */
export type LogFormat = (record: LogRecord) => string;

/** A place that the log goes to. */
export interface LogSink {
  /** Never throws and never blocks. */
  write(record: LogRecord): void;
  /** Resolves when what was taken is written or given up. */
  close(): Promise<void>;
}

/** What a sink says, once it can again, of the lines that it had to drop. */
export function lossOf(lineCount: number): LogRecord {
  const message = `${lineCount} log ${lineCount === 1 ? "line was" : "lines were"} lost here`;
  return { timeMs: Date.now(), level: "warn", target: "cli", message, fields: undefined };
}
