/**
 * One line for each operation that fails: what was attempted, on what, why, which errno the program
 * saw and what to do about it. The same failure in a loop does not flood the log.
 */

import { ENOENT } from "../base/errno.ts";
import { type Log, type LogFields, messageOf } from "../base/log.ts";
import { RateLimit } from "../base/rate-limit.ts";
import { InodeError, type InodeErrorKind } from "../inode/index.ts";
import { errnoName, errnoOf } from "./errno.ts";
import { remedyOf, s3ErrorBehind } from "./remedy.ts";

/** So many lines about one operation and errno are written in one window. */
const LINES_MAX = 10;
const WINDOW_MS = 10_000;

export class FailureLog {
  readonly #log: Log;
  readonly #limit: RateLimit;

  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#limit = new RateLimit({ windowMs: WINDOW_MS, admittedMax: LINES_MAX, now });
  }

  /** Logs that `operation` (as the kernel calls it) on `key` failed with `error`. */
  report(operation: string, key: string, error: unknown): void {
    const errno = errnoOf(error);
    const everyday = isEveryday(error);
    if (everyday && ((operation === "lookup" && errno === ENOENT) || !this.#log.debugEnabled))
      return;
    const remedy = remedyOf(error);
    const why = remedy === undefined ? messageOf(error) : `${messageOf(error)}; ${remedy}`;
    const facts = s3ErrorBehind(error)?.facts;
    this.#write(everyday ? "debug" : "warn", { operation, key, errno, why, facts });
  }

  /** Logs that `operation` on `key` is refused with `errno` without having been tried. */
  refuse(operation: string, key: string, errno: number, why: string): void {
    this.#write("warn", { operation, key, errno, why, facts: undefined });
  }

  #write(
    level: "debug" | "warn",
    failure: {
      readonly operation: string;
      readonly key: string;
      readonly errno: number;
      readonly why: string;
      readonly facts: LogFields | undefined;
    },
  ): void {
    const { facts, key, operation, why } = failure;
    const errno = errnoName(failure.errno);
    const omitted = level === "debug" ? 0 : this.#limit.admit(`${operation} ${errno}`);
    if (omitted === undefined) return;
    const others = omitted === 0 ? "" : ` (${omitted} more like this were not logged)`;
    const message = `${operation} of ${JSON.stringify(key)} fails with ${errno}: ${why}${others}`;
    this.#log[level](message, { operation, key, errno, ...facts });
  }
}

/** Answers that programs ask for. */
const EVERYDAY: ReadonlySet<InodeErrorKind> = new Set<InodeErrorKind>([
  "exists",
  "is-directory",
  "not-directory",
  "not-empty",
  "not-found",
  "stale",
]);

function isEveryday(error: unknown): boolean {
  return error instanceof InodeError && EVERYDAY.has(error.kind);
}
