/**
 * When and how long to wait before trying again, in one place for both paths: the operations that this
 * layer sends itself run inside `retrying`, the SDK is handed `sdkRetryStrategy`.
 *
 * Equal jitter, of https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/: half of an
 * exponentially growing pause, and a random part of the other half. With full jitter, as the AWS SDKs
 * have it, ten attempts may be over in three seconds, before a server has restarted.
 */

import type { RetryErrorInfo, RetryStrategyV2, RetryToken } from "@smithy/types";
import type { CancelSignal } from "../base/cancellation.ts";
import { type Log, messageOf, silentLog } from "../base/log.ts";
import { RateLimit } from "../base/rate-limit.ts";
import { S3Error, type S3ErrorKind } from "./error.ts";
import { errorOf } from "./sdk-error.ts";

export interface RetryPolicy {
  readonly attemptsMax: number;
  readonly baseMs: number;
  readonly capMs: number;
  /** No attempt starts later than this after the first. */
  readonly totalMs: number;
}

/** Ten attempts as mount-s3 makes them; pauses of the AWS SDKs. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  attemptsMax: 10,
  baseMs: 100,
  capMs: 20_000,
  totalMs: 180_000,
};

/** What the passing of time is, so that tests can hold the clock. */
export interface RetryClock {
  now(): number;
  random(): number;
  /** Resolves after `delayMs`; rejects with the reason of `signal` as soon as it aborts. */
  sleep(delayMs: number, signal?: CancelSignal): Promise<void>;
}

export const systemClock: RetryClock = {
  now: () => performance.now(),
  random: Math.random,
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, delayMs);
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener("abort", onAbort, { once: true });
    }),
};

/** Failures in a row of one operation that are worth a warning, of which there is one in a while. */
const OUTAGE_FAILURES = 3;
const WARNING_MS = 10_000;

const RETRYABLE: ReadonlySet<S3ErrorKind> = new Set<S3ErrorKind>([
  "throttled",
  "server-error",
  "network",
  "timeout",
  "corrupted",
]);

/** Whether another attempt may fare better. */
export function isRetryable(error: unknown): boolean {
  return error instanceof S3Error && RETRYABLE.has(error.kind);
}

/** Counts the attempts of one operation. */
export class Attempts {
  readonly #policy: RetryPolicy;
  readonly #clock: RetryClock;
  readonly #startMs: number;
  #failures = 0;

  constructor(policy: RetryPolicy, clock: RetryClock) {
    this.#policy = policy;
    this.#clock = clock;
    this.#startMs = clock.now();
  }

  get failures(): number {
    return this.#failures;
  }

  /**
   * Counts a failed attempt. Returns how long to wait before the next in milliseconds, or undefined
   * when there shall be none. `retryAfterMs` is what the server asks for.
   */
  failed(retryAfterMs: number): number | undefined {
    this.#failures++;
    const { attemptsMax, baseMs, capMs, totalMs } = this.#policy;
    if (this.#failures >= attemptsMax) return undefined;
    const ceilingMs = Math.min(capMs, baseMs * 2 ** (this.#failures - 1));
    const pauseMs = ((1 + this.#clock.random()) / 2) * ceilingMs;
    const delayMs = Math.max(pauseMs, Math.min(retryAfterMs, capMs));
    const elapsedMs = this.#clock.now() - this.#startMs;
    return elapsedMs + delayMs > totalMs ? undefined : delayMs;
  }

  /** Forgets the failures so far: what was tried made progress. The time limit stays. */
  progressed(): void {
    this.#failures = 0;
  }
}

export class Retrier {
  readonly #policy: RetryPolicy;
  readonly #clock: RetryClock;
  readonly #log: Log;
  readonly #warnings: RateLimit;

  constructor(policy: RetryPolicy, clock: RetryClock, log: Log = silentLog) {
    this.#policy = policy;
    this.#clock = clock;
    this.#log = log;
    this.#warnings = new RateLimit({ windowMs: WARNING_MS, admittedMax: 1, now: clock.now });
  }

  get attemptsMax(): number {
    return this.#policy.attemptsMax;
  }

  attempts(): Attempts {
    return new Attempts(this.#policy, this.#clock);
  }

  /** Waits after a failed attempt, or throws: `error` when there shall be no other, or "aborted". */
  async pause(attempts: Attempts, error: unknown, signal?: CancelSignal): Promise<void> {
    if (!isRetryable(error)) throw error;
    const delayMs = attempts.failed(error instanceof S3Error ? error.retryAfterMs : 0);
    if (delayMs === undefined) throw error;
    this.#tell(attempts.failures, delayMs, error);
    try {
      await this.#clock.sleep(delayMs, signal);
    } catch {
      throw abortedLike(error);
    }
  }

  /** A request or two that fail are everyday; failing again and again, or silence, is an outage. */
  #tell(failures: number, delayMs: number, error: unknown): void {
    const isSilent = error instanceof S3Error && error.kind === "timeout";
    const isOutage = isSilent || failures >= OUTAGE_FAILURES;
    const omitted = isOutage ? this.#warnings.admit("outage") : undefined;
    if (omitted === undefined && !this.#log.debugEnabled) return;
    const next = `attempt ${failures + 1} of ${this.#policy.attemptsMax}`;
    const others = omitted ? ` (${omitted} more attempts failed meanwhile)` : "";
    const message = `${messageOf(error)}; ${next} follows in ${Math.round(delayMs)} ms${others}`;
    const fields = { attempt: failures, ...(error instanceof S3Error && error.facts) };
    if (omitted === undefined) this.#log.debug(message, fields);
    else this.#log.warn(message, fields);
  }

  /** Runs `attempt` until it succeeds or retrying ends. */
  async run<T>(attempt: () => Promise<T>, signal?: CancelSignal): Promise<T> {
    const attempts = this.attempts();
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        await this.pause(attempts, error, signal);
      }
    }
  }

  /** The same policy as the SDK wants it. */
  get sdkStrategy(): RetryStrategyV2 {
    return {
      acquireInitialRetryToken: async () => new SdkToken(this.attempts(), 0),
      refreshRetryTokenForRetry: async (token, info) => refresh(token, info),
      recordSuccess: () => {},
    };
  }
}

/** The SDK sleeps for the token's delay itself, and wakes when the operation is aborted. */
class SdkToken implements RetryToken {
  readonly attempts: Attempts;
  readonly #delayMs: number;

  constructor(attempts: Attempts, delayMs: number) {
    this.attempts = attempts;
    this.#delayMs = delayMs;
  }

  getRetryCount(): number {
    return this.attempts.failures;
  }

  getRetryDelay(): number {
    return this.#delayMs;
  }
}

function refresh(token: RetryToken, info: RetryErrorInfo): RetryToken {
  const error = errorOf(info.error, { operation: "" });
  // The SDK calls a failure transient also after it has corrected its clock by the server's.
  const retryable =
    isRetryable(error) || (info.errorType === "TRANSIENT" && error.kind !== "aborted");
  if (!(token instanceof SdkToken) || !retryable) throw error;
  const delayMs = token.attempts.failed(error.retryAfterMs);
  if (delayMs === undefined) throw error;
  return new SdkToken(token.attempts, delayMs);
}

function abortedLike(error: unknown): S3Error {
  const { key, operation } = error instanceof S3Error ? error : { key: undefined, operation: "" };
  return new S3Error("it was given up", { kind: "aborted", operation, key, cause: error });
}
