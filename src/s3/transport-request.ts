/**
 * One HTTP request as the transport sends it, and the response as it comes back. Whoever makes a
 * request has signed and encoded it already: the transport writes it as it stands.
 */

import { S3Error, type S3ErrorKind } from "./error.ts";
import type { Origin } from "./origin.ts";
import type { Headers } from "./response-head.ts";
import type { Accept } from "./response-receiver.ts";

export interface TransportRequest {
  /** As S3 names operations, for errors. */
  readonly operation: string;
  readonly key?: string | undefined;
  readonly method: string;
  readonly origin: Origin;
  /** Path and query, encoded. */
  readonly path: string;
  /** Headers that it has in common with other requests, sent before its own. */
  readonly sharedHeaders?: SharedHeaders;
  /** With Host among them or the shared ones, as it was signed; without Content-Length, which the transport adds. */
  readonly headers: Readonly<Record<string, string>>;
  /** Lent until the promise settles. */
  readonly body?: readonly Uint8Array[] | undefined;
  /** Takes the body of the answer, or lets it be gathered. */
  readonly accept?: Accept | undefined;
  /** In place of `Timeouts.firstByteMs`, and of the rate that a body must keep up: its limit, too. */
  readonly firstByteMs?: number | undefined;
  /** Fails, and is not sent again, when its connection breaks: the sender has to know. */
  readonly once?: boolean | undefined;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: Headers;
  /** Empty when `accept` took it. */
  readonly body: Buffer;
}

/** An error of `request` that no answer of the server tells of. */
export function requestError(
  request: TransportRequest,
  kind: S3ErrorKind,
  message: string,
  cause?: unknown,
): S3Error {
  return new S3Error(message, { kind, operation: request.operation, key: request.key, cause });
}

/** Neither a request line nor a header may hold a control character: it would end the line. */
const SAFE_LINE = /^[\x21-\x7e]+$/;
const SAFE_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * The request's header as bytes on the wire. `target` is its path, or its whole URL for a proxy.
 * Throws an S3Error of kind "rejected" when a value would break out of its line.
 */
export function encodeHead(request: TransportRequest, target: string): string {
  const { body, method } = request;
  if (!TOKEN.test(method) || !SAFE_LINE.test(target)) {
    throw requestError(request, "rejected", "its request line holds a character that HTTP forbids");
  }
  let head = `${method} ${target} HTTP/1.1\r\n`;
  if (request.sharedHeaders !== undefined) head += request.sharedHeaders.encoded(request);
  head += encodeHeaders(request, request.headers);
  if (body !== undefined || method === "PUT" || method === "POST") {
    head += `content-length: ${bodyBytes(body ?? [])}\r\n`;
  }
  return `${head}\r\n`;
}

function encodeHeaders(
  request: TransportRequest,
  headers: Readonly<Record<string, string>>,
): string {
  let lines = "";
  for (const name in headers) {
    const value = headers[name] ?? "";
    if (!TOKEN.test(name) || !SAFE_VALUE.test(value)) {
      throw requestError(request, "rejected", `its header ${JSON.stringify(name)} is not valid`);
    }
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

/** Headers that several requests have in common: encoded for the first one. */
export class SharedHeaders {
  readonly #headers: Readonly<Record<string, string>>;
  #encoded: string | undefined;

  constructor(headers: Readonly<Record<string, string>>) {
    this.#headers = headers;
  }

  /** Throws an S3Error of `request`, of kind "rejected", when one would break out of its line. */
  encoded(request: TransportRequest): string {
    this.#encoded ??= encodeHeaders(request, this.#headers);
    return this.#encoded;
  }
}

export function bodyBytes(body: readonly Uint8Array[]): number {
  let byteCount = 0;
  for (const part of body) byteCount += part.length;
  return byteCount;
}
