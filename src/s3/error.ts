/**
 * Everything that can go wrong with the object store, as one closed set of kinds. `fs/` maps each kind
 * to an errno, exhaustively.
 */

import type { LogFields } from "../base/log.ts";

export type S3ErrorKind =
  /** 404 NoSuchKey, or a HEAD's bare 404. */
  | "not-found"
  | "no-such-bucket"
  | "no-such-upload"
  /** 403 for want of permission. */
  | "access-denied"
  /** The key id is unknown, the signature does not match, the token is malformed. */
  | "invalid-credentials"
  | "expired-credentials"
  /** No provider gave credentials: nothing was sent. */
  | "no-credentials"
  /** The clock of this machine is too far from the server's. */
  | "clock-skewed"
  /** 412, 304 or 409 on a conditional request: the object is another by now. */
  | "precondition-failed"
  /** The object is archived and has to be restored first. */
  | "archived"
  | "key-too-long"
  | "too-large"
  /** The object has as many parts as S3 takes, so that nothing can be appended. */
  | "too-many-parts"
  /** A quota is used up, or a server's disk. */
  | "no-space"
  /** The bucket lives in another region; `S3Error.region` names it when S3 did. */
  | "wrong-region"
  | "not-implemented"
  /** The server did not take the checksum that came with the bytes, by what it says of it. */
  | "checksum-refused"
  /** What was stored, or was to be, is not encrypted as was asked. */
  | "encryption-mismatch"
  /** 429 or 503 SlowDown to the last attempt. */
  | "throttled"
  /** 5xx to the last attempt. */
  | "server-error"
  /** Could not connect, or the connection broke, to the last attempt. */
  | "network"
  /** Connecting, waiting for an answer or for the next byte took too long, to the last attempt. */
  | "timeout"
  /** Bytes arrived that do not match their checksum, to the last attempt. */
  | "corrupted"
  /** The answer is not S3's: malformed HTTP, a wrong length, no XML where XML must be. */
  | "bad-response"
  /** Another 4xx. */
  | "rejected"
  | "aborted";

export interface S3ErrorDetails {
  readonly kind: S3ErrorKind;
  /** As S3 names operations: "GetObject". */
  readonly operation: string;
  readonly key?: string | undefined;
  readonly status?: number | undefined;
  /** S3's code: "NoSuchKey". */
  readonly code?: string | undefined;
  readonly requestId?: string | undefined;
  /** What Amazon's support asks for beside the request's id (x-amz-id-2). */
  readonly extendedRequestId?: string | undefined;
  readonly region?: string | undefined;
  /** How long the server asks to wait before another attempt. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** A failed operation. The message holds operation, key, status, code and both request ids; no secrets. */
export class S3Error extends Error {
  override readonly name = "S3Error";
  readonly kind: S3ErrorKind;
  readonly operation: string;
  readonly key: string | undefined;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly requestId: string | undefined;
  readonly extendedRequestId: string | undefined;
  readonly region: string | undefined;
  /** 0 when the server named no time. */
  readonly retryAfterMs: number;

  constructor(message: string, details: S3ErrorDetails) {
    super(describe(message, details), details.cause === undefined ? {} : { cause: details.cause });
    this.kind = details.kind;
    this.operation = details.operation;
    this.key = details.key;
    this.status = details.status;
    this.code = details.code;
    this.requestId = details.requestId;
    this.extendedRequestId = details.extendedRequestId;
    this.region = details.region;
    this.retryAfterMs = details.retryAfterMs ?? 0;
  }

  /** What the message says, for a log line's fields. */
  get facts(): LogFields {
    const { code, extendedRequestId, kind, operation, requestId, status } = this;
    return { s3Operation: operation, kind, status, code, requestId, extendedRequestId };
  }
}

function describe(message: string, details: S3ErrorDetails): string {
  const key = details.key === undefined ? "" : ` of ${JSON.stringify(details.key)}`;
  const facts = [
    details.status === undefined ? "" : `HTTP ${details.status}`,
    details.code ?? "",
    details.requestId === undefined ? "" : `request ${details.requestId}`,
    details.extendedRequestId === undefined ? "" : `extended ${details.extendedRequestId}`,
  ].filter((fact) => fact !== "");
  const suffix = facts.length === 0 ? "" : ` (${facts.join(", ")})`;
  return `${details.operation}${key} failed: ${message}${suffix}`;
}
