/**
 * The sessions of directory buckets: who may do what in which bucket, and until when.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateSession.html
 */

import { randomBytes } from "node:crypto";
import { requestedEncryption } from "./encryption.ts";
import { SandboxError } from "./error.ts";
import { header, type S3Request } from "./request.ts";
import type { Credentials } from "./signature.ts";

export interface Session {
  readonly bucket: string;
  readonly isReadOnly: boolean;
  readonly credentials: Credentials;
  readonly endMs: number;
  /** Of what is stored in it, as headers. */
  readonly encryption: Readonly<Record<string, string>>;
}

const TOKEN = "x-amz-s3session-token";
/** Old ones are forgotten, so that a client that makes one after another takes no memory. */
const SESSIONS_MAX = 10_000;

/** What a session that only reads may do. */
const READING: ReadonlySet<string> = new Set([
  "GetObject",
  "HeadObject",
  "ListMultipartUploads",
  "ListObjectsV2",
  "ListParts",
]);

/** What is asked for with the credentials themselves. */
const SESSIONLESS: ReadonlySet<string> = new Set([
  "CopyObject",
  "CreateBucket",
  "CreateSession",
  "DeleteBucket",
  "HeadBucket",
]);

/** What makes objects, and may be told how to encrypt them. */
const STORING: ReadonlySet<string> = new Set(["CreateMultipartUpload", "PutObject"]);

/** Those that directory buckets do not have. */
const UNKNOWN: ReadonlySet<string> = new Set(["GetBucketLocation", "ListObjects", "RestoreObject"]);

export class Sessions {
  readonly #byToken = new Map<string, Session>();

  /** Returns the token. */
  add(session: Session): string {
    const [oldest] = this.#byToken.keys();
    if (oldest !== undefined && this.#byToken.size >= SESSIONS_MAX) this.#byToken.delete(oldest);
    const token = randomBytes(48).toString("base64");
    this.#byToken.set(token, session);
    return token;
  }

  /** The session that `request` names. Throws for one that is not of its bucket, or over. */
  of(request: S3Request): Session | undefined {
    const token = header(request, TOKEN);
    if (token === undefined) return undefined;
    const session = this.#byToken.get(token);
    if (session === undefined) throw new SandboxError("InvalidToken");
    if (session.bucket !== request.bucket) throw new SandboxError("AccessDenied");
    if (session.endMs <= Date.now()) throw new SandboxError("ExpiredToken");
    return session;
  }
}

/**
 * Refuses what a directory bucket does not let `session` do, or not without one. Returns the request as
 * it is to be carried out.
 */
export function admitted(
  request: S3Request,
  operation: string,
  { isRequired, session }: { readonly session: Session | undefined; readonly isRequired: boolean },
): S3Request {
  if (UNKNOWN.has(operation)) {
    throw new SandboxError("NotImplemented", `Directory buckets have no ${operation}.`);
  }
  const isSessionless = SESSIONLESS.has(operation);
  if (session === undefined) {
    if (isSessionless || !isRequired) return request;
    throw new SandboxError("AccessDenied", "This request needs a session (CreateSession).");
  }
  if (isSessionless || (session.isReadOnly && !READING.has(operation))) {
    throw new SandboxError("AccessDenied", `The session does not allow ${operation}.`);
  }
  return STORING.has(operation) ? encryptedAs(session, request) : request;
}

/** What is stored is encrypted as the session says; a request cannot say otherwise. */
function encryptedAs({ encryption }: Session, request: S3Request): S3Request {
  for (const [name, value] of Object.entries(requestedEncryption(request))) {
    if (encryption[name] === value) continue;
    throw new SandboxError("InvalidRequest", `${name} is not that of the session`);
  }
  return { ...request, headers: { ...request.headers, ...encryption } };
}
