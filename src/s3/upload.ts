/**
 * What changes the bucket, through the SDK: PutObject, multipart uploads, DeleteObject. Bodies are the
 * caller's blocks and go around the SDK (see sdk-handler.ts).
 */

import { badAnswer, type OperationName } from "./answer-error.ts";
import type { Checksum, ChecksumAlgorithm } from "./checksum.ts";
import { S3Error } from "./error.ts";
import type {
  CompleteUploadRequest,
  CreateUploadRequest,
  PutRequest,
  Stored,
  UploadedPart,
  UploadPartRequest,
} from "./object-client.ts";
import type { Sdk } from "./sdk.ts";
import type { SdkSendOptions } from "./sdk-handler.ts";

export interface Uploads {
  readonly sdk: Sdk;
  readonly bucket: string;
  /** `Timeouts.completeMs`. */
  readonly completeMs: number;
}

export async function putObject(
  { bucket, sdk }: Uploads,
  request: PutRequest,
  signal?: AbortSignal,
): Promise<Stored> {
  const { body, checksum, contentType, ifMatch, ifNoneMatch, key } = request;
  const options = sending("PutObject", key, signal, { blocks: body });
  const output = await sdk.run(options, ({ client, module }) =>
    client.send(
      new module.PutObjectCommand({
        Bucket: bucket,
        Key: key,
        ContentLength: byteCountOf(body),
        ...checksumMember(checksum),
        ...(contentType === undefined ? {} : { ContentType: contentType }),
        ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
        ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }),
      }),
      options,
    ),
  );
  return { etag: present(output.ETag, options.name, "an ETag") };
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
  { bucket, sdk }: Uploads,
  request: UploadPartRequest,
  signal?: AbortSignal,
): Promise<UploadedPart> {
  const { body, checksum, key, partNumber, uploadId } = request;
  const options = sending("UploadPart", key, signal, { blocks: body });
  const sizeBytes = byteCountOf(body);
  const output = await sdk.run(options, ({ client, module }) =>
    client.send(
      new module.UploadPartCommand({
        Bucket: bucket,
        Key: key,
        UploadId: uploadId,
        PartNumber: partNumber,
        ContentLength: sizeBytes,
        ...checksumMember(checksum),
      }),
      options,
    ),
  );
  return { partNumber, etag: present(output.ETag, options.name, "an ETag"), sizeBytes, checksum };
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

function sending(
  operation: string,
  key: string,
  signal: AbortSignal | undefined,
  extra: { readonly blocks?: readonly Uint8Array[]; readonly firstByteMs?: number } = {},
): SdkSendOptions {
  const options = { name: { operation, key }, ...extra };
  return signal === undefined ? options : { ...options, abortSignal: signal, signal };
}

function byteCountOf(body: readonly Uint8Array[]): number {
  return body.reduce((total, block) => total + block.length, 0);
}

function present(value: string | undefined, name: OperationName, what: string): string {
  if (value === undefined || value === "") throw badAnswer(name, 200, `it did not send ${what}`);
  return value;
}
