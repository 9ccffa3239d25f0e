/**
 * What changes the bucket. Objects and parts go the direct way, as the caller's blocks; what begins and
 * ends a multipart upload, and DeleteObject, are rare enough for the SDK.
 */

import { badAnswer, type OperationName } from "./answer-error.ts";
import type { Checksum, ChecksumAlgorithm } from "./checksum.ts";
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
import type { Headers } from "./response-head.ts";
import type { Retrier } from "./retry.ts";
import type { Sdk } from "./sdk.ts";
import type { SdkSendOptions } from "./sdk-handler.ts";

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
  const { body, checksum, contentType, ifMatch, ifNoneMatch, key } = request;
  const headers: Record<string, string> = {};
  if (ifMatch !== undefined) headers["if-match"] = ifMatch;
  if (ifNoneMatch !== undefined) headers["if-none-match"] = ifNoneMatch;
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
  { bucket, sdk }: Uploads,
  request: CreateUploadRequest,
  signal?: AbortSignal,
): Promise<string> {
  const { checksumAlgorithm, contentType, key } = request;
  const options = sending("CreateMultipartUpload", key, signal);
  const output = await sdk.run(options, ({ client, module }) =>
    client.send(
      new module.CreateMultipartUploadCommand({
        Bucket: bucket,
        Key: key,
        ...(checksumAlgorithm === undefined
          ? {}
          : { ChecksumAlgorithm: ALGORITHM[checksumAlgorithm] }),
        ...(contentType === undefined ? {} : { ContentType: contentType }),
      }),
      options,
    ),
  );
  return present(output.UploadId, options.name, "an UploadId");
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
  return { etag: present(headers["etag"], call, "an ETag"), headers };
}

export async function completeUpload(
  { bucket, completeMs, sdk }: Uploads,
  request: CompleteUploadRequest,
  signal?: AbortSignal,
): Promise<Stored> {
  const { ifMatch, ifNoneMatch, key, parts, uploadId } = request;
  const options = sending("CompleteMultipartUpload", key, signal, { firstByteMs: completeMs });
  const output = await sdk.run(options, ({ client, module }) =>
    client.send(
      new module.CompleteMultipartUploadCommand({
        Bucket: bucket,
        Key: key,
        UploadId: uploadId,
        // S3 compares it with what it has, and refuses to complete when they differ.
        MpuObjectSize: parts.reduce((total, part) => total + part.sizeBytes, 0),
        MultipartUpload: {
          Parts: parts.map(({ checksum, etag, partNumber }) => ({
            PartNumber: partNumber,
            ETag: etag,
            ...checksumMember(checksum),
          })),
        },
        ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
        ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }),
      }),
      options,
    ),
  );
  return { etag: present(output.ETag, options.name, "an ETag") };
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
  { bucket, sdk }: Uploads,
  key: string,
  signal?: AbortSignal,
): Promise<void> {
  const options = sending("DeleteObject", key, signal);
  await sdk.run(options, ({ client, module }) =>
    client.send(new module.DeleteObjectCommand({ Bucket: bucket, Key: key }), options),
  );
}

const ALGORITHM = { crc32c: "CRC32C", crc64nvme: "CRC64NVME" } as const satisfies Record<
  ChecksumAlgorithm,
  string
>;

function checksumMember(checksum: Checksum | undefined): {
  ChecksumCRC32C?: string;
  ChecksumCRC64NVME?: string;
} {
  if (checksum === undefined) return {};
  return checksum.algorithm === "crc32c"
    ? { ChecksumCRC32C: checksum.base64 }
    : { ChecksumCRC64NVME: checksum.base64 };
}

/** Header and value of a checksum that S3 is to compare with what arrives. */
function checksumHeader(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [`x-amz-checksum-${checksum.algorithm}`]: checksum.base64 };
}

function sending(
  operation: string,
  key: string,
  signal: AbortSignal | undefined,
  extra: { readonly firstByteMs?: number } = {},
): SdkSendOptions {
  const options = { name: { operation, key }, ...extra };
  return signal === undefined ? options : { ...options, abortSignal: signal, signal };
}

function present(value: string | undefined, name: OperationName, what: string): string {
  if (value === undefined || value === "") throw badAnswer(name, 200, `it did not send ${what}`);
  return value;
}
