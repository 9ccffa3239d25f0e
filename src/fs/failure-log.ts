/**
 * One line for each operation that fails: what was attempted, on what, why, which errno the program
 * saw and what to do about it. The same failure in a loop does not flood the log.
 */

import { ENOENT } from "../base/errno.ts";
import { type Log, messageOf } from "../base/log.ts";
import { InodeError } from "../inode/index.ts";
import { errnoName, errnoOf, remedyOf } from "./errno.ts";

/** So many lines about one operation and errno are written in one window. */
const LINES_MAX = 10;
const WINDOW_MS = 10_000;

interface Window {
  startedAtMs: number;
  lines: number;
  omitted: number;
}

export class FailureLog {
  readonly #log: Log;
  readonly #now: () => number;
  /** By operation and errno: a few dozen at most. */
  readonly #windows = new Map<string, Window>();

  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** Logs that `operation` (as the kernel calls it) on `key` failed with `error`. */
  report(operation: string, key: string, error: unknown): void {
    const errno = errnoOf(error);
    if (isEveryday(error)) {
      if (operation === "lookup" && errno === ENOENT) return;
      if (this.#log.debugEnabled) this.#log.debug(sentence(operation, key, error));
      return;
    }
    const omitted = this.#admit(`${operation} ${errno}`);
    if (omitted === undefined) return;
    const suffix = omitted === 0 ? "" : ` (${omitted} more like this were not logged)`;
    this.#log.warn(sentence(operation, key, error) + suffix);
  }

  /** How many lines were left out before this one; undefined when it is to be left out too. */
  #admit(subject: string): number | undefined {
    const nowMs = this.#now();
    const window = this.#windows.get(subject);
    if (window === undefined || nowMs - window.startedAtMs >= WINDOW_MS) {
      this.#windows.set(subject, { startedAtMs: nowMs, lines: 1, omitted: 0 });
      return window?.omitted ?? 0;
    }
    if (window.lines >= LINES_MAX) {
      window.omitted++;
      return undefined;
    }
    window.lines++;
    return 0;
  }
}

/** Answers that programs ask for, such as "no such file". */
function isEveryday(error: unknown): boolean {
  return error instanceof InodeError && error.kind !== "remote-directory";
}

function sentence(operation: string, key: string, error: unknown): string {
  const remedy = remedyOf(error);
  const advice = remedy === undefined ? "" : `; ${remedy}`;
  const errno = errnoName(errnoOf(error));
  return `${operation} of ${JSON.stringify(key)} fails with ${errno}: ${messageOf(error)}${advice}`;
}
