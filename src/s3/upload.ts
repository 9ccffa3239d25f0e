/**
 * What changes the bucket, bodies as the caller's blocks. Only AbortMultipartUpload, the way out of a
 * failure, is rare enough for the SDK.
 */

import { badAnswer, errorOfAnswer, type OperationName } from "./answer-error.ts";
import type { Checksum } from "./checksum.ts";
import type { DirectCall, DirectPath } from "./direct-path.ts";
import { S3Error } from "./error.ts";
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
import type { Sdk } from "./sdk.ts";
import type { SdkSendOptions } from "./sdk-handler.ts";
import type { TransportResponse } from "./transport-request.ts";
import { escaped, textOf } from "./xml.ts";

export interface Uploads {
  readonly sdk: Sdk;
  readonly path: DirectPath;
  readonly retrier: Retrier;
  readonly bucket: string;
  /** `Timeouts.completeMs`. */
  readonly completeMs: number;
}

export async function putObject(
  uploads: Uploads,
  request: PutRequest,
  signal?: AbortSignal,
): Promise<Stored> {
  const { body, checksum, contentType, key } = request;
  const headers = conditionHeaders(request);
  const signedHeaders = checksumHeader(checksum);
  if (contentType !== undefined) signedHeaders["content-type"] = contentType;
  const call = {
    operation: "PutObject",
    key,
    method: "PUT",
    headers,
    signedHeaders,
    body,
  } as const;
  const { etag } = await send(uploads, call, signal);
  return { etag };
}

export async function createUpload(
  { path, retrier }: Uploads,
  request: CreateUploadRequest,
  signal?: AbortSignal,
): Promise<string> {
  const { checksumAlgorithm, contentType, key } = request;
  const signedHeaders: Record<string, string> = {};
  if (contentType !== undefined) signedHeaders["content-type"] = contentType;
  if (checksumAlgorithm !== undefined) {
    signedHeaders["x-amz-checksum-algorithm"] = checksumAlgorithm.toUpperCase();
  }
  const operation = "CreateMultipartUpload";
  const call = { operation, key, method: "POST", query: { uploads: "" }, signedHeaders } as const;
  const response = await retrier.run(() => path.send(call, signal), signal);
  return element(response, call, "UploadId");
}

export async function uploadPart(
  uploads: Uploads,
  request: UploadPartRequest,
  signal?: AbortSignal,
): Promise<UploadedPart> {
  const { body, checksum, key, partNumber, uploadId } = request;
  const query = { partNumber: String(partNumber), uploadId };
  const signedHeaders = checksumHeader(checksum);
  const call = { operation: "UploadPart", key, method: "PUT", query, signedHeaders, body } as const;
  const { etag, headers } = await send(uploads, call, signal);
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
  signal: AbortSignal | undefined,
): Promise<{ readonly etag: string; readonly headers: Headers }> {
  const { headers } = await retrier.run(() => path.send(call, signal), signal);
  const etag = headers["etag"];
  if (etag === undefined || etag === "") throw badAnswer(call, 200, "it did not send an ETag");
  return { etag, headers };
}

export async function completeUpload(
  { completeMs, path, retrier }: Uploads,
  request: CompleteUploadRequest,
  signal?: AbortSignal,
): Promise<Stored> {
  const { key, parts, uploadId } = request;
  const headers = conditionHeaders(request);
  const objectBytes = parts.reduce((total, part) => total + part.sizeBytes, 0);
  const call = {
    operation: "CompleteMultipartUpload",
    key,
    method: "POST",
    query: { uploadId },
    headers,
    // S3 compares it with what it has, and refuses to complete when they differ.
    signedHeaders: { "x-amz-mp-object-size": String(objectBytes) },
    body: [Buffer.from(partList(parts))],
    firstByteMs: completeMs,
  } as const;
  const complete = async (): Promise<string> => {
    const response = await path.send(call, signal);
    // S3 may begin its answer before it knows the outcome, so that an error comes with status 200.
    if (response.body.includes("<Error>")) throw errorOfAnswer(call, response);
    return element(response, call, "ETag");
  };
  return { etag: await retrier.run(complete, signal) };
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
  { bucket, sdk }: Uploads,
  key: string,
  uploadId: string,
  signal?: AbortSignal,
): Promise<void> {
  const options = sending("AbortMultipartUpload", key, signal);
  try {
    await sdk.run(options, ({ client, module }) =>
      client.send(
        new module.AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId }),
        options,
      ),
    );
  } catch (error) {
    if (!(error instanceof S3Error && error.kind === "no-such-upload")) throw error;
  }
}

export async function deleteObject(
  { path, retrier }: Uploads,
  key: string,
  signal?: AbortSignal,
): Promise<void> {
  const call = { operation: "DeleteObject", key, method: "DELETE" } as const;
  await retrier.run(() => path.send(call, signal), signal);
}

function conditionHeaders({
  ifMatch,
  ifNoneMatch,
}: PutRequest | CompleteUploadRequest): Record<string, string> {
  const headers: Record<string, string> = {};
  if (ifMatch !== undefined) headers["if-match"] = ifMatch;
  if (ifNoneMatch !== undefined) headers["if-none-match"] = ifNoneMatch;
  return headers;
}

/** Header and value of a checksum that S3 is to compare with what arrives. */
function checksumHeader(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [`x-amz-checksum-${checksum.algorithm}`]: checksum.base64 };
}

function sending(operation: string, key: string, signal: AbortSignal | undefined): SdkSendOptions {
  const options = { name: { operation, key } };
  return signal === undefined ? options : { ...options, abortSignal: signal, signal };
}
