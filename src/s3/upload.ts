/** What changes the bucket, bodies as the caller's blocks. */

import type { CancelSignal } from "../base/cancellation.ts";
import { inBackground, type Log, messageOf } from "../base/log.ts";
import { badAnswer, errorOfAnswer, type OperationName } from "./answer-error.ts";
import { checksumHeader } from "./checksum.ts";
import type { Conditions } from "./conditions.ts";
import type { DirectCall, DirectPath } from "./direct-path.ts";
import { type Encryption, encryptionMismatch, type UnconfirmedUploads } from "./encryption.ts";
import { S3Error, type S3ErrorKind } from "./error.ts";
import type {
  CompleteUploadRequest,
  CreateUploadRequest,
  PutRequest,
  Stored,
  UploadedPart,
  UploadPartRequest,
} from "./object-client.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Headers } from "./response-head.ts";
import type { Retrier } from "./retry.ts";
import type { TransportResponse } from "./transport-request.ts";
import { escaped, textOf } from "./xml.ts";

export interface Uploads {
  readonly path: DirectPath;
  readonly retrier: Retrier;
  /** Signed headers of what makes an object: how it is to be kept. */
  readonly storageHeaders: Readonly<Record<string, string>>;
  readonly encryption: Encryption | undefined;
  readonly unconfirmed: UnconfirmedUploads;
  readonly conditions: Conditions;
  /** `Timeouts.completeMs`. */
  readonly completeMs: number;
  readonly log: Log;
}

export async function putObject(
  uploads: Uploads,
  request: PutRequest,
  signal?: CancelSignal,
): Promise<Stored> {
  const { body, checksum, contentType, key } = request;
  const signedHeaders = { ...uploads.storageHeaders, ...checksumHeader(checksum) };
  if (contentType !== undefined) signedHeaders["content-type"] = contentType;
  const call = { operation: "PutObject", key, method: "PUT", signedHeaders, body } as const;
  const put = (conditions: Readonly<Record<string, string>>): ReturnType<typeof send> =>
    send(uploads, { ...call, headers: conditions }, signal);
  const sent = uploads.conditions.run(request, put, signal);
  const { etag, headers } = await orChecksumRefused(sent, call, checksum !== undefined);
  const mismatch = encryptionMismatch(uploads.encryption, headers, call);
  if (mismatch === undefined) return { etag };
  // It is there, under a key that somebody else may have stored to since: not ours to delete.
  uploads.log.error(`${mismatch.message}; the object is in the bucket all the same`);
  throw mismatch;
}

export async function createUpload(
  uploads: Uploads,
  request: CreateUploadRequest,
  signal?: CancelSignal,
): Promise<string> {
  const { checksumAlgorithm, contentType, key } = request;
  const signedHeaders: Record<string, string> = { ...uploads.storageHeaders };
  if (contentType !== undefined) signedHeaders["content-type"] = contentType;
  if (checksumAlgorithm !== undefined) {
    signedHeaders["x-amz-checksum-algorithm"] = checksumAlgorithm.toUpperCase();
  }
  const operation = "CreateMultipartUpload";
  const call = { operation, key, method: "POST", query: { uploads: "" }, signedHeaders } as const;
  const sent = create(uploads, call, signal);
  const response = await orChecksumRefused(sent, call, checksumAlgorithm !== undefined);
  const uploadId = element(response, call, "UploadId");
  const { log, unconfirmed } = uploads;
  unconfirmed.begin(uploadId);
  try {
    unconfirmed.hear(uploadId, response.headers, call);
    return uploadId;
  } catch (error) {
    log.error(`${messageOf(error)}; nothing of it is uploaded`);
    const aborted = abortUpload(uploads, key, uploadId);
    inBackground(log, `aborting the upload of ${JSON.stringify(key)}`, aborted);
    throw error;
  }
}

/**
 * After a lost reply there may be an upload that nobody has the id of. Another client's upload of the
 * same key looks just the same in a listing, so that it cannot be aborted safely.
 */
async function create(
  { log, path, retrier }: Uploads,
  call: DirectCall,
  signal: CancelSignal | undefined,
): Promise<TransportResponse> {
  let isReplyLost = false;
  const attempt = async (): Promise<TransportResponse> => {
    try {
      return await path.send(call, signal);
    } catch (error) {
      isReplyLost ||= error instanceof S3Error && LOST_REPLIES.has(error.kind);
      throw error;
    }
  };
  const response = await retrier.run(attempt, signal);
  if (isReplyLost) {
    log.warn(
      `the reply to a CreateMultipartUpload of ${JSON.stringify(call.key)} was lost: an empty upload may stay in the ` +
        "bucket until a lifecycle rule (AbortIncompleteMultipartUpload) removes it",
    );
  }
  return response;
}

const LOST_REPLIES: ReadonlySet<S3ErrorKind> = new Set(["network", "timeout"]);

export async function uploadPart(
  uploads: Uploads,
  request: UploadPartRequest,
  signal?: CancelSignal,
): Promise<UploadedPart> {
  const { body, checksum, key, partNumber, uploadId } = request;
  const query = { partNumber: String(partNumber), uploadId };
  const signedHeaders = checksumHeader(checksum);
  const call = { operation: "UploadPart", key, method: "PUT", query, signedHeaders, body } as const;
  const sent = send(uploads, call, signal);
  const { etag, headers } = await orChecksumRefused(sent, call, checksum !== undefined);
  uploads.unconfirmed.hear(uploadId, headers, call);
  const sizeBytes = body.reduce((total, block) => total + block.length, 0);
  const computed = checksum && headers[`x-amz-checksum-${checksum.algorithm}`];
  if (checksum === undefined || computed === undefined) {
    return { partNumber, etag, sizeBytes, checksum: undefined };
  }
  return { partNumber, etag, sizeBytes, checksum: { ...checksum, base64: computed } };
}

/** Sends blocks, again if need be, and returns what S3 says of what they became. */
async function send(
  { path, retrier }: Uploads,
  call: DirectCall,
  signal: CancelSignal | undefined,
): Promise<{ readonly etag: string; readonly headers: Headers }> {
  const { headers } = await retrier.run(() => path.send(call, signal), signal);
  const etag = headers["etag"];
  if (etag === undefined || etag === "") throw badAnswer(call, 200, "it did not send an ETag");
  return { etag, headers };
}

export async function completeUpload(
  uploads: Uploads,
  request: CompleteUploadRequest,
  signal?: CancelSignal,
): Promise<Stored> {
  const { checksum, key, parts, uploadId } = request;
  const objectBytes = parts.reduce((total, part) => total + part.sizeBytes, 0);
  const call = {
    operation: "CompleteMultipartUpload",
    key,
    method: "POST",
    query: { uploadId },
    // S3 compares them with what it has, and refuses to complete when they differ.
    signedHeaders: { "x-amz-mp-object-size": String(objectBytes), ...checksumHeader(checksum) },
    body: [Buffer.from(partList(parts))],
    firstByteMs: uploads.completeMs,
  } as const;
  uploads.unconfirmed.require(uploadId, call);
  const complete = async (headers: Readonly<Record<string, string>>): Promise<string> => {
    const response = await uploads.path.send({ ...call, headers }, signal);
    // S3 may begin its answer before it knows the outcome, so that an error comes with status 200.
    if (response.body.includes("<Error>")) throw errorOfAnswer(call, response);
    uploads.unconfirmed.hear(uploadId, response.headers, call);
    return element(response, call, "ETag");
  };
  const etag = await uploads.conditions.run(
    request,
    (headers) => uploads.retrier.run(() => complete(headers), signal),
    signal,
  );
  return { etag };
}

function partList(parts: readonly UploadedPart[]): string {
  const items = parts.map(({ checksum, etag, partNumber }) => {
    const tag = `Checksum${checksum?.algorithm.toUpperCase()}`;
    const sum = checksum === undefined ? "" : `<${tag}>${checksum.base64}</${tag}>`;
    return `<Part><PartNumber>${partNumber}</PartNumber><ETag>${escaped(etag)}</ETag>${sum}</Part>`;
  });
  const namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
  return `<CompleteMultipartUpload xmlns="${namespace}">${items.join("")}</CompleteMultipartUpload>`;
}

/** The text of an element that an answer must have. */
function element(response: TransportResponse, name: OperationName, tag: string): string {
  let text: string | undefined;
  try {
    text = textOf(response.body.toString("utf8"), tag);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
  if (text !== undefined && text !== "") return text;
  throw badAnswer(name, response.status, `it did not send an ${tag}`);
}

export async function abortUpload(
  { path, retrier, unconfirmed }: Uploads,
  key: string,
  uploadId: string,
  signal?: CancelSignal,
): Promise<void> {
  unconfirmed.end(uploadId);
  const operation = "AbortMultipartUpload";
  const call = { operation, key, method: "DELETE", query: { uploadId } } as const;
  try {
    await retrier.run(() => path.send(call, signal), signal);
  } catch (error) {
    if (!(error instanceof S3Error && error.kind === "no-such-upload")) throw error;
  }
}

export async function deleteObject(
  { path, retrier }: Uploads,
  key: string,
  signal?: CancelSignal,
): Promise<void> {
  const call = { operation: "DeleteObject", key, method: "DELETE" } as const;
  await retrier.run(() => path.send(call, signal), signal);
}

/** What `sent` gives; a failure that may be the server's ignorance of checksums says so. */
async function orChecksumRefused<T>(
  sent: Promise<T>,
  call: DirectCall,
  hasChecksum: boolean,
): Promise<T> {
  try {
    return await sent;
  } catch (error) {
    if (!hasChecksum || !(error instanceof S3Error) || !refusesChecksum(error)) throw error;
    const message = "the server does not take the checksum that it was sent";
    const { code, operation, requestId, status } = error;
    const details = { operation, key: call.key, status, code, requestId, cause: error };
    throw new S3Error(message, { kind: "checksum-refused", ...details });
  }
}

function refusesChecksum({ kind, message, status }: S3Error): boolean {
  if (kind === "not-implemented") return true;
  return kind === "rejected" && status === 400 && /checksum/i.test(message);
}
