/**
 * One set of credentials for all requests, renewed ahead of its end. Requests never wait for a renewal
 * while there is something to sign with, and however many there are, the source is asked by one of them.
 *
 *   nothing ──▶ fresh ──▶ due: renewed behind the requests ──▶ fresh
 *                          └─ the source fails: asked again, ever more seldom ──▶ expired: requests fail
 */

import { type Log, messageOf, silentLog } from "../base/log.ts";
import { RateLimit } from "../base/rate-limit.ts";
import { S3Error } from "./error.ts";
import type { Credentials } from "./signer.ts";

export interface ExpiringCredentials extends Credentials {
  readonly expiration?: Date;
  /** Where they come from, in words. */
  readonly source?: string;
}

/** Asks the source, whatever it gave before. */
export type CredentialsProvider = () => Promise<ExpiringCredentials>;

/** What the passing of time is, so that tests can hold the clock. */
export interface CredentialsClock {
  now(): number;
  random(): number;
}

/** The AWS SDKs renew credentials this long before their end. */
const LEAD_MS = 300_000;
/** The part of a short life that is left when credentials are renewed. */
const LEAD_PART = 0.25;
/** Between attempts to renew: doubled from one failure to the next. */
const PAUSE_MS_MIN = 1_000;
const PAUSE_MS_MAX = 30_000;
/** A server that refuses everything does not make the source be asked more often than this. */
const REFUSAL_MS = 30_000;
/** What had ended before it was asked for is tried all the same: the clock of this machine may be wrong. */
const STRANGE_LIFE_MS = 60_000;
/** A program that gives credentials may have to ask somebody. */
export const ANSWER_MS = 60_000;

/** Whatever a provider fails with. */
function failureOf(error: unknown): S3Error {
  if (error instanceof S3Error) return error;
  return new S3Error(`no credentials: ${messageOf(error)}`, {
    kind: "no-credentials",
    operation: "GetCredentials",
  });
}

/** Of a source that was asked a moment ago, and did not fail. */
const NOTHING_LATER = failureOf("the source gives none that last any longer");

interface Held {
  readonly credentials: ExpiringCredentials;
  readonly expiresAtMs: number;
}

export class CachedCredentials {
  readonly #provider: CredentialsProvider;
  readonly #clock: CredentialsClock;
  readonly #log: Log;
  readonly #refusals: RateLimit;
  #held: Held | undefined;
  /** Whether the server refuses what is held. */
  #refused: boolean = false;
  /** The source is not asked before. */
  #nextAskMs: number = Number.NEGATIVE_INFINITY;
  /** In a row. */
  #failures: number = 0;
  #lastFailure: S3Error = NOTHING_LATER;
  #endTold: boolean = false;
  #renewal: Promise<ExpiringCredentials> | undefined;

  constructor(
    provider: CredentialsProvider,
    log: Log = silentLog,
    clock: CredentialsClock = { now: Date.now, random: Math.random },
  ) {
    this.#provider = provider;
    this.#clock = clock;
    this.#log = log;
    const { now } = clock;
    this.#refusals = new RateLimit({ windowMs: REFUSAL_MS, admittedMax: 1, now });
  }

  /** Rejects with an S3Error of kind "no-credentials" when there are none, and none are to be had. */
  get(): Promise<ExpiringCredentials> | ExpiringCredentials {
    const nowMs = this.#clock.now();
    const mayAsk = nowMs >= this.#nextAskMs;
    const held = this.#held;
    if (held !== undefined && nowMs < held.expiresAtMs) {
      if (!mayAsk) return held.credentials;
      if (this.#refused) return this.#renew();
      // A failure is logged there, and the next request tries again.
      this.#renew().catch(() => {});
      return held.credentials;
    }
    if (mayAsk || this.#renewal !== undefined) return this.#renew();
    if (this.#failures > 0) this.#tellEnd();
    return Promise.reject(this.#lastFailure);
  }

  /**
   * To be told that the server refuses `credentials` as expired or unknown. Returns whether `get` may
   * give others now.
   */
  refused(credentials: Credentials): boolean {
    if (this.#held?.credentials !== credentials) return true;
    if (this.#failures > 0 || this.#refusals.admit("") === undefined) return false;
    this.#refused = true;
    this.#nextAskMs = Number.NEGATIVE_INFINITY;
    return true;
  }

  #renew(): Promise<ExpiringCredentials> {
    this.#renewal ??= this.#ask().finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  async #ask(): Promise<ExpiringCredentials> {
    const askedAtMs = this.#clock.now();
    try {
      const credentials = await withinTime(this.#provider(), ANSWER_MS);
      this.#hold(credentials, askedAtMs);
      return credentials;
    } catch (error) {
      const failure = failureOf(error);
      this.#failed(failure);
      // Not renewed is not yet expired.
      const held = this.#held;
      if (held !== undefined && this.#clock.now() < held.expiresAtMs) return held.credentials;
      this.#tellEnd();
      throw failure;
    }
  }

  #hold(credentials: ExpiringCredentials, askedAtMs: number): void {
    const nowMs = this.#clock.now();
    const endMs = credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    const expiresAtMs = endMs > askedAtMs ? endMs : nowMs + STRANGE_LIFE_MS;
    const leadMs = Math.min(LEAD_MS, Math.max(expiresAtMs - nowMs, 0) * LEAD_PART);
    this.#held = { credentials, expiresAtMs };
    // Machines that started together do not ask together.
    const dueMs = expiresAtMs - leadMs * (1 + this.#clock.random());
    this.#nextAskMs = Math.max(dueMs, nowMs + PAUSE_MS_MIN);
    const after = this.#failures > 0 ? ` after ${this.#failures} failures` : "";
    if (after !== "") this.#log.info(`${descriptionOf(credentials)}${after}`);
    else if (this.#log.debugEnabled) this.#log.debug(descriptionOf(credentials));
    this.#refused = false;
    this.#failures = 0;
    this.#lastFailure = NOTHING_LATER;
    this.#endTold = false;
  }

  #failed(error: S3Error): void {
    const { now, random } = this.#clock;
    this.#failures++;
    this.#lastFailure = error;
    const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** (this.#failures - 1));
    this.#nextAskMs = now() + pauseMs * (0.5 + random() / 2);
    if (this.#held === undefined) return;
    const until = new Date(this.#held.expiresAtMs).toISOString();
    const message = `the credentials cannot be renewed, and those at hand end at ${until}: ${messageOf(error)}`;
    // Of what has ended already, `tellEnd` tells.
    if (this.#failures === 1 && now() < this.#held.expiresAtMs) this.#log.warn(message);
    else this.#log.debug(`${message} (failure ${this.#failures})`);
  }

  /** Once for each time that requests come to fail. */
  #tellEnd(): void {
    if (this.#endTold || this.#held === undefined) return;
    this.#endTold = true;
    const end = new Date(this.#held.expiresAtMs).toISOString();
    this.#log.error(
      `the credentials ended at ${end} and cannot be renewed: ${messageOf(this.#lastFailure)}; ` +
        "requests fail until they can, which is tried again by itself",
    );
  }
}

/** No source keeps requests waiting for ever. */
export async function withinTime<T>(answer: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    const late = new Error(`no answer within ${limitMs / 1000} s`);
    timer = setTimeout(() => reject(late), limitMs).unref();
  });
  try {
    return await Promise.race([answer, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Which key it is and where it comes from; nothing that signs. */
function descriptionOf(credentials: ExpiringCredentials): string {
  const { source } = credentials;
  const from = source === undefined ? "" : ` from ${source}`;
  return `got credentials${from}: ${keyAndEnd(credentials)}`;
}

/** "the access key that ends in 8F02, until 2026-11-21T15:44:32.000Z" */
export function keyAndEnd(credentials: ExpiringCredentials): string {
  const { accessKeyId, expiration, sessionToken } = credentials;
  const unknown =
    sessionToken === undefined ? "with no end" : "with a session token whose end is not told";
  const end = expiration === undefined ? unknown : `until ${expiration.toISOString()}`;
  return `the access key that ends in ${accessKeyId.slice(-4)}, ${end}`;
}
