/**
 * Which kind of failure an answer of the server is. The table of codes is the one place where S3's
 * vocabulary becomes ours; an answer without a body (HEAD) is judged by its status.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */

import { S3Error, type S3ErrorKind } from "./error.ts";
import { ProtocolError, quoted } from "./protocol-error.ts";
import type { Headers } from "./response-head.ts";
import { textOf } from "./xml.ts";

/** What an operation is called in messages. */
export interface OperationName {
  readonly operation: string;
  readonly key?: string | undefined;
}

const KIND_OF_CODE: ReadonlyMap<string, S3ErrorKind> = new Map<string, S3ErrorKind>([
  ["NoSuchKey", "not-found"],
  ["NotFound", "not-found"],
  ["NoSuchVersion", "not-found"],
  ["NoSuchBucket", "no-such-bucket"],
  ["NoSuchUpload", "no-such-upload"],
  ["AccessDenied", "access-denied"],
  ["AccountProblem", "access-denied"],
  ["AllAccessDisabled", "access-denied"],
  ["InvalidAccessKeyId", "invalid-credentials"],
  ["SignatureDoesNotMatch", "invalid-credentials"],
  ["InvalidToken", "invalid-credentials"],
  ["InvalidTokenId", "invalid-credentials"],
  ["InvalidSecurity", "invalid-credentials"],
  ["NotSignedUp", "invalid-credentials"],
  ["ExpiredToken", "expired-credentials"],
  ["TokenRefreshRequired", "expired-credentials"],
  ["RequestTimeTooSkewed", "clock-skewed"],
  ["PreconditionFailed", "precondition-failed"],
  ["InvalidWriteOffset", "precondition-failed"],
  // Another request for the key was under way: S3 asks for a repetition, which then meets its outcome.
  ["ConditionalRequestConflict", "server-error"],
  ["NotModified", "precondition-failed"],
  ["InvalidObjectState", "archived"],
  ["KeyTooLongError", "key-too-long"],
  ["XMinioInvalidObjectName", "rejected"],
  ["EncryptionTypeMismatch", "encryption-mismatch"],
  ["EntityTooLarge", "too-large"],
  ["TooManyParts", "too-many-parts"],
  ["QuotaExceeded", "no-space"],
  ["XMinioAdminBucketQuotaExceeded", "no-space"],
  ["XMinioStorageFull", "no-space"],
  ["PermanentRedirect", "wrong-region"],
  ["TemporaryRedirect", "wrong-region"],
  ["IllegalLocationConstraintException", "wrong-region"],
  ["NotImplemented", "not-implemented"],
  ["SlowDown", "throttled"],
  ["SlowDownRead", "throttled"],
  ["SlowDownWrite", "throttled"],
  ["RequestLimitExceeded", "throttled"],
  ["BandwidthLimitExceeded", "throttled"],
  ["TooManyRequests", "throttled"],
  ["TooManyRequestsException", "throttled"],
  ["Throttling", "throttled"],
  ["ThrottlingException", "throttled"],
  ["RequestTimeout", "timeout"],
  ["RequestTimeoutException", "timeout"],
  ["InternalError", "server-error"],
  ["ServiceUnavailable", "server-error"],
  ["OperationAborted", "server-error"],
  ["BadDigest", "corrupted"],
  ["XAmzContentChecksumMismatch", "corrupted"],
  ["IncompleteBody", "network"],
]);

const KIND_OF_STATUS: ReadonlyMap<number, S3ErrorKind> = new Map<number, S3ErrorKind>([
  [301, "wrong-region"],
  [304, "precondition-failed"],
  [307, "wrong-region"],
  [401, "invalid-credentials"],
  [403, "access-denied"],
  [404, "not-found"],
  [408, "timeout"],
  [412, "precondition-failed"],
  [413, "too-large"],
  [429, "throttled"],
  [501, "not-implemented"],
  [507, "no-space"],
]);

/** Sentences that help more than S3's own. */
const ADVICE: Partial<Readonly<Record<S3ErrorKind, string>>> = {
  "not-found": "there is no such object",
  "no-such-bucket": "there is no such bucket",
  "precondition-failed": "the object has changed or exists already",
  "too-many-parts": "the object has as many parts as S3 takes",
  archived: "the object is archived and has to be restored first",
  throttled: "the server asks to slow down",
};

export interface AnswerFacts {
  readonly status: number;
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly region: string | undefined;
  readonly headers: Headers;
  readonly cause?: unknown;
}

export function errorOfFacts(name: OperationName, facts: AnswerFacts): S3Error {
  const { code, headers, status } = facts;
  const region = plain(facts.region ?? headers["x-amz-bucket-region"]);
  const said = plain(facts.message);
  const kind = kindOf(code, status, region, said);
  const where = kind === "wrong-region" && region !== undefined ? `the bucket is in ${region}` : "";
  const advice = kind === "not-found" && name.key === undefined ? undefined : ADVICE[kind];
  const message = where || advice || said || `the server answered with HTTP ${status}`;
  return new S3Error(message, {
    kind,
    ...name,
    status,
    code: plain(code),
    requestId: plain(headers["x-amz-request-id"]),
    extendedRequestId: plain(headers["x-amz-id-2"]),
    region,
    retryAfterMs: retryAfterMs(headers["retry-after"]),
    cause: facts.cause,
  });
}

function kindOf(
  code: string | undefined,
  status: number,
  region: string | undefined,
  said: string | undefined,
): S3ErrorKind {
  if (code === "AuthorizationHeaderMalformed") {
    return region === undefined ? "invalid-credentials" : "wrong-region";
  }
  const known = KIND_OF_CODE.get(code ?? "") ?? KIND_OF_STATUS.get(status);
  // MinIO, to --sse where it has no KMS.
  if (known === "not-implemented" && /encrypt/i.test(said ?? "")) return "encryption-mismatch";
  if (known !== undefined) return known;
  if (status >= 500) return "server-error";
  // A bare 400 is how a HEAD learns that it was signed for another region.
  if (status === 400 && code === undefined && region !== undefined) return "wrong-region";
  return "rejected";
}

/** The failure that an answer with an error status, and the XML in its body, stands for. */
export function errorOfAnswer(
  name: OperationName,
  answer: { readonly status: number; readonly headers: Headers; readonly body: Buffer },
): S3Error {
  const { body, headers, status } = answer;
  const xml = body.toString("utf8");
  const isError = xml.includes("<Error>") || xml.includes("<Error ");
  if (body.length > 0 && !isError && !/^5|^429|^408/.test(String(status))) {
    return badAnswer(name, status, `it sent ${quoted(body)} where S3 sends XML`);
  }
  try {
    return errorOfFacts(name, {
      status,
      code: isError ? textOf(xml, "Code") : undefined,
      message: isError ? textOf(xml, "Message") : undefined,
      region: isError ? textOf(xml, "Region") : undefined,
      headers,
    });
  } catch (error) {
    if (error instanceof ProtocolError) return badAnswer(name, status, error.message);
    throw error;
  }
}

/** An answer that S3 would not give. */
export function badAnswer(name: OperationName, status: number, what: string): S3Error {
  const message = `the server does not answer as S3 does: ${what}`;
  return new S3Error(message, { kind: "bad-response", ...name, status });
}

/** A server's words, when they are fit for a terminal and of sane length. */
function plain(text: string | undefined): string | undefined {
  if (text === undefined || text === "" || text.length > 500) return undefined;
  return /^[\x20-\x7e]+$/.test(text) ? text : undefined;
}

/** Seconds, or a date (RFC 9110, section 10.2.3). */
function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d{1,6}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return ms > 0 ? ms : undefined;
}
