/** Lets a few of many like lines through in each span of time, and counts the others. */

interface Window {
  startedAtMs: number;
  admitted: number;
  omitted: number;
}

export interface RateLimitOptions {
  readonly windowMs: number;
  /** In one window, for each subject. */
  readonly admittedMax: number;
  /** Milliseconds, from any origin. */
  readonly now: () => number;
}

export class RateLimit {
  readonly #options: RateLimitOptions;
  /** By subject, of which the caller has a few dozen at most. */
  readonly #windows = new Map<string, Window>();

  constructor(options: RateLimitOptions) {
    this.#options = options;
  }

  /** How many were left out since the last that was not; undefined when this is to be left out too. */
  admit(subject: string): number | undefined {
    const { admittedMax, now, windowMs } = this.#options;
    const nowMs = now();
    const window = this.#windows.get(subject);
    if (window === undefined || nowMs - window.startedAtMs >= windowMs) {
      this.#windows.set(subject, { startedAtMs: nowMs, admitted: 1, omitted: 0 });
      return window?.omitted ?? 0;
    }
    if (window.admitted >= admittedMax) {
      window.omitted++;
      return undefined;
    }
    window.admitted++;
    return 0;
  }
}
