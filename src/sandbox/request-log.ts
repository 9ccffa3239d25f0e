/**
 * What the endpoint was asked, for tests to assert on: the latest requests in order, each entered when
 * it arrives and completed when its answer has gone.
 */

import type { IncomingHttpHeaders } from "node:http";

export interface LoggedRequest {
  readonly method: string;
  /** As S3 names it, e.g. "GetObject"; "" for what is no operation. */
  readonly operation: string;
  readonly bucket: string;
  readonly key: string;
  /** As it was sent, without the "?". */
  readonly query: string;
  /** The Range header. */
  readonly range: string | undefined;
  /** Without what proves identity. */
  readonly headers: IncomingHttpHeaders;
  /** Of the clock of `performance.now()`. */
  readonly startMs: number;
  /** 0 until an answer has begun, and for ever when the connection ended without one. */
  readonly status: number;
  /** S3's code of an error answer. */
  readonly errorCode: string | undefined;
  readonly bytesReceived: number;
  /** Of the body. */
  readonly bytesSent: number;
  /** Undefined while the request is being served. */
  readonly endMs: number | undefined;
}

/** The same while it is being served. */
export type OpenRequest = { -readonly [Field in keyof LoggedRequest]: LoggedRequest[Field] };

const ENTRIES_MAX = 20_000;
const SECRET_HEADERS = new Set([
  "authorization",
  "cookie",
  "x-amz-s3session-token",
  "x-amz-security-token",
]);

export class RequestLog {
  readonly #onEnd: (request: LoggedRequest) => void;
  #entries: OpenRequest[] = [];
  readonly #counts = new Map<string, number>();

  /** `onEnd` is called with each request when its answer has gone. */
  constructor(onEnd: (request: LoggedRequest) => void) {
    this.#onEnd = onEnd;
  }

  /** The latest requests, oldest first; at least the last 10,000. */
  get entries(): readonly LoggedRequest[] {
    return this.#entries;
  }

  /** How many requests there were since `clear`: all, or those of one operation. */
  count(operation?: string): number {
    if (operation !== undefined) return this.#counts.get(operation) ?? 0;
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  clear(): void {
    this.#entries = [];
    this.#counts.clear();
  }

  add(entry: OpenRequest): void {
    // Half at a time, so that a long bench pays for it once in ten thousand requests.
    if (this.#entries.length === ENTRIES_MAX) this.#entries = this.#entries.slice(ENTRIES_MAX / 2);
    this.#entries.push(entry);
    this.#counts.set(entry.operation, (this.#counts.get(entry.operation) ?? 0) + 1);
  }

  end(entry: OpenRequest): void {
    entry.endMs = performance.now();
    this.#onEnd(entry);
  }
}

/** `headers` without credentials and signatures. */
export function publicHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !SECRET_HEADERS.has(name)));
}
