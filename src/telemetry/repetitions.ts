/** Holds back a message that repeats itself, and says afterwards how often it did. */

import type { LogRecord } from "./log-sink.ts";

type Untimed = Omit<LogRecord, "timeMs">;

/** The same message is written this often in one window; what is more is counted. */
const REPEATS_MAX = 10;
const REPEAT_WINDOW_MS = 10_000;
/** Messages remembered for that. */
const REMEMBERED_MAX = 256;

interface Repetition {
  readonly record: Untimed;
  readonly windowStartMs: number;
  count: number;
}

export class Repetitions {
  readonly #now: () => number;
  readonly #write: (record: Untimed) => void;
  readonly #remembered = new Map<string, Repetition>();

  /** `write` takes the lines that say what was held back. */
  constructor(now: () => number, write: (record: Untimed) => void) {
    this.#now = now;
    this.#write = write;
  }

  /** Whether `record` is to be written, which is counted. */
  admit(record: Untimed): boolean {
    const key = `${record.level} ${record.target} ${record.message}`;
    const nowMs = this.#now();
    const known = this.#remembered.get(key);
    if (known !== undefined && nowMs - known.windowStartMs < REPEAT_WINDOW_MS) {
      known.count++;
      return known.count <= REPEATS_MAX;
    }
    if (known !== undefined) this.#forget(key, known);
    this.#remembered.set(key, { record, windowStartMs: nowMs, count: 1 });
    if (this.#remembered.size > REMEMBERED_MAX) this.#forgetOldest();
    return true;
  }

  /** Tells of everything that is held back. */
  close(): void {
    for (const [key, repetition] of this.#remembered) this.#forget(key, repetition);
  }

  #forgetOldest(): void {
    for (const [key, repetition] of this.#remembered) {
      this.#forget(key, repetition);
      return;
    }
  }

  #forget(key: string, { count, record }: Repetition): void {
    this.#remembered.delete(key);
    const heldBack = count - REPEATS_MAX;
    if (heldBack <= 0) return;
    this.#write({ ...record, message: `${heldBack} more times: ${record.message}` });
  }
}
