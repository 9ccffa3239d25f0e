/**
 * PutObject with a write offset, which appends to an object; only directory buckets know it.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-buckets-objects-append.html
 */

import { randomBytes } from "node:crypto";
import {
  checksumHeader,
  compositeChecksum,
  createDigest,
  type StoredChecksum,
} from "./checksum.ts";
import { checkWriteConditions } from "./conditions.ts";
import {
  DISCARDED_SEED,
  JoinedContent,
  joinContents,
  PatternContent,
  readContent,
} from "./content.ts";
import { isDirectoryBucket } from "./directory-bucket.ts";
import { requestedEncryption, toldEncryption } from "./encryption.ts";
import { SandboxError } from "./error.ts";
import { checkKey, putObject } from "./object-operations.ts";
import { type Answer, bucketOf, type Call, emptyAnswer } from "./operation.ts";
import { header, type S3Request } from "./request.ts";
import { type StoredObject, storedNowMs } from "./stored-object.ts";
import { type TakenUpload, takeUpload } from "./upload-intake.ts";

export const OFFSET_HEADER = "x-amz-write-offset-bytes";

/** `PUT /key` with the size of the object; an offset of 0 also makes one. */
export async function appendObject(call: Call): Promise<Answer> {
  const { request } = call;
  const bucket = bucketOf(call);
  checkKey(request.key);
  if (!isDirectoryBucket(bucket.name)) {
    throw new SandboxError("NotImplemented", undefined, { Header: OFFSET_HEADER });
  }
  const offset = offsetOf(request);
  if (call.body.sizeBytes === 0) {
    throw new SandboxError(
      "InvalidRequest",
      "Request body cannot be empty when 'write offset' is specified.",
    );
  }
  if (bucket.get(request.key) === undefined && offset === 0) return putObject(call);
  checkAppend(call, offset);
  const taken = await takeUpload(call);
  try {
    const object = await append(call, offset, taken);
    return emptyAnswer(200, {
      etag: object.etag,
      "x-amz-object-size": String(object.content.sizeBytes),
      ...toldEncryption(object.headers),
      ...(taken.checksum && { [checksumHeader(taken.checksum.algorithm)]: taken.checksum.base64 }),
    });
  } catch (error) {
    taken.content.release();
    throw error;
  }
}

function offsetOf(request: S3Request): number {
  const text = header(request, OFFSET_HEADER) ?? "";
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new SandboxError("InvalidArgument", undefined, {
    ArgumentName: OFFSET_HEADER,
    ArgumentValue: text,
  });
}

/** The object that is there, if the request may append to it now. */
function checkAppend(call: Call, offset: number): StoredObject {
  const { request } = call;
  const present = bucketOf(call).get(request.key);
  checkWriteConditions(request, present);
  if (present === undefined) throw new SandboxError("NoSuchKey", undefined, { Key: request.key });
  if (present.content.sizeBytes !== offset) throw new SandboxError("InvalidWriteOffset");
  if (Object.keys(request.headers).some((name) => name.startsWith("x-amz-meta-"))) {
    throw new SandboxError(
      "InvalidRequest",
      "Cannot specify both a write offset value and user-defined object metadata for existing objects.",
    );
  }
  const asked = toldEncryption(requestedEncryption(request));
  if (JSON.stringify(asked) !== JSON.stringify(toldEncryption(present.headers))) {
    throw new SandboxError("EncryptionTypeMismatch");
  }
  if ((present.partCount ?? 1) >= call.dials.partsMax) throw new SandboxError("TooManyParts");
  return present;
}

/** In one step behind the last `await`, whatever happened to the object before. */
async function append(call: Call, offset: number, taken: TakenUpload): Promise<StoredObject> {
  const bucket = bucketOf(call);
  for (;;) {
    const present = checkAppend(call, offset);
    const checksum = await checksumOfWhole(call, present, taken);
    if (bucket.get(present.key) !== present) continue;
    const { content } = present;
    content.retain();
    const pieces = content instanceof JoinedContent ? content.parts : [content];
    const { restoration: _, ...kept } = present;
    const object: StoredObject = {
      ...kept,
      content: joinContents([...pieces, taken.content]),
      etag: `"${randomBytes(16).toString("hex")}"`,
      lastModifiedMs: storedNowMs(),
      checksum,
      partCount: (present.partCount ?? 1) + 1,
    };
    bucket.put(object);
    return object;
  }
}

/** The CRC of the whole object goes on from what it was; of anything else, parts are summed. */
async function checksumOfWhole(
  call: Call,
  present: StoredObject,
  { checksum, content }: TakenUpload,
): Promise<StoredChecksum | undefined> {
  const { checksum: before } = present;
  if (before?.algorithm !== checksum?.algorithm) {
    const [expected, actual] = [before, checksum].map((sum) => sum?.algorithm.toLowerCase());
    throw new SandboxError(
      "InvalidRequest",
      `Checksum Type mismatch occurred, expected checksum Type: ${expected ?? "null"}, actual checksum Type: ${actual ?? "null"}.`,
    );
  }
  if (before === undefined || checksum === undefined) return undefined;
  const { algorithm } = before;
  const isDiscarded = content instanceof PatternContent && content.seed === DISCARDED_SEED;
  if (before.type === "COMPOSITE" || algorithm.startsWith("SHA") || isDiscarded) {
    const parts = [...(before.parts ?? [before.base64]), checksum.base64];
    return compositeChecksum(algorithm, parts, call.checksums);
  }
  const digest = createDigest(algorithm, call.checksums, before.base64);
  await readContent(content, (bytes) => digest.update(bytes));
  return { algorithm, base64: digest.base64(), type: "FULL_OBJECT" };
}
