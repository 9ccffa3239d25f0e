/** HeadObject, GetObject, PutObject, CopyObject, DeleteObject and DeleteObjects. */

import { checkWriteConditions, etagMatches, isNotModified } from "./conditions.ts";
import { encryptedEtag, toldEncryption } from "./encryption.ts";
import { SandboxError } from "./error.ts";
import {
  checksumHeaders,
  objectHeaders,
  storageClassOf,
  uploadHeaders,
} from "./object-metadata.ts";
import { type Answer, bucketOf, type Call, emptyAnswer, xmlAnswer } from "./operation.ts";
import { type ByteRange, parseRange } from "./range.ts";
import { header, type S3Request } from "./request.ts";
import { isArchived, isRestored } from "./restoration.ts";
import { type StoredObject, storedNowMs } from "./stored-object.ts";
import { takeUpload } from "./upload-intake.ts";
import { element, isoTime, parent, xmlDocument } from "./xml.ts";
import { childText, scanXml } from "./xml-scanner.ts";

const KEY_BYTES_MAX = 1024;
const DELETES_MAX = 1000;
/** A thousand keys of the longest kind, every byte of them escaped. */
const DELETE_BODY_BYTES_MAX = 8 * 1024 * 1024;

/** Throws `KeyTooLongError`. */
export function checkKey(key: string): void {
  const sizeBytes = Buffer.byteLength(key);
  if (sizeBytes <= KEY_BYTES_MAX) return;
  throw new SandboxError("KeyTooLongError", undefined, {
    Size: String(sizeBytes),
    MaxSizeAllowed: String(KEY_BYTES_MAX),
  });
}

function objectOf(call: Call): StoredObject {
  const object = bucketOf(call).get(call.request.key);
  if (object !== undefined) return object;
  throw new SandboxError("NoSuchKey", undefined, { Key: call.request.key });
}

interface Description {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly object: StoredObject;
  /** What the body of a GET is; undefined for an answer that has none. */
  readonly range: ByteRange | undefined;
}

/** The answer to GET and HEAD but for the body. */
function describeObject(call: Call): Description {
  const { request } = call;
  const object = objectOf(call);
  const headers = objectHeaders(object);
  if (isNotModified(request, object)) return { status: 304, headers, object, range: undefined };
  const { sizeBytes } = object.content;
  const rangeHeader = header(request, "range");
  const range = parseRange(rangeHeader, sizeBytes);
  // The stored checksum is that of the whole: S3 sends it with nothing less.
  if (header(request, "x-amz-checksum-mode") === "ENABLED" && rangeHeader === undefined) {
    Object.assign(headers, checksumHeaders(object));
  }
  if (range === undefined) {
    return { status: 200, headers, object, range: { offset: 0, byteCount: sizeBytes } };
  }
  const last = range.offset + range.byteCount - 1;
  headers["content-range"] = `bytes ${range.offset}-${last}/${sizeBytes}`;
  return { status: 206, headers, object, range };
}

export function headObject(call: Call): Answer {
  const { status, headers, range } = describeObject(call);
  if (range === undefined) return { status, headers };
  return { status, headers: { ...headers, "content-length": String(range.byteCount) } };
}

export function getObject(call: Call): Answer {
  const { status, headers, object, range } = describeObject(call);
  if (range === undefined) return { status, headers };
  checkReadable(object);
  return { status, headers, body: { ...range, reader: object.content.open() } };
}

/** Archived objects can be described and replaced, not read before they are restored. */
function checkReadable(object: StoredObject): void {
  if (!isArchived(object) || isRestored(object)) return;
  const { storageClass } = object;
  throw new SandboxError("InvalidObjectState", undefined, { StorageClass: storageClass });
}

export async function putObject(call: Call): Promise<Answer> {
  const { request } = call;
  const bucket = bucketOf(call);
  checkKey(request.key);
  const headers = uploadHeaders(request);
  const storageClass = storageClassOf(request);
  // Before the body for the client's sake, and again when it counts.
  checkWriteConditions(request, bucket.get(request.key));
  const { content, etag: plainEtag, checksum } = await takeUpload(call);
  const etag = encryptedEtag(plainEtag, headers);
  const stored: StoredObject = {
    key: request.key,
    content,
    etag,
    lastModifiedMs: storedNowMs(),
    storageClass,
    headers,
    checksum: checksum === undefined ? undefined : { ...checksum, type: "FULL_OBJECT" },
  };
  storeIf(call, stored);
  return emptyAnswer(200, { etag, ...toldEncryption(headers), ...checksumHeaders(stored) });
}

/** Puts `object` if the conditions of the request hold now; releases its content otherwise. */
function storeIf(call: Call, object: StoredObject): void {
  try {
    const bucket = bucketOf(call);
    checkWriteConditions(call.request, bucket.get(object.key));
    bucket.put(object);
  } catch (error) {
    object.content.release();
    throw error;
  }
}

export function copyObject(call: Call): Answer {
  const { request } = call;
  bucketOf(call);
  checkKey(request.key);
  const source = copySource(call);
  const replace = header(request, "x-amz-metadata-directive") === "REPLACE";
  const storageClass = header(request, "x-amz-storage-class");
  if (!replace && storageClass === undefined && isSame(request, source)) {
    throw new SandboxError(
      "InvalidRequest",
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  const { partCount: _, restoration: __, ...original } = source.object;
  const copied: StoredObject = {
    ...original,
    key: request.key,
    lastModifiedMs: storedNowMs(),
    storageClass: storageClassOf(request),
    headers: replace ? uploadHeaders(request) : source.object.headers,
  };
  copied.content.retain();
  storeIf(call, copied);
  const { etag, lastModifiedMs } = copied;
  return xmlAnswer(
    xmlDocument(
      "CopyObjectResult",
      element("LastModified", isoTime(lastModifiedMs)),
      element("ETag", etag),
    ),
  );
}

interface CopySource {
  readonly bucket: string;
  readonly object: StoredObject;
}

function copySource(call: Call): CopySource {
  const { request } = call;
  const fields = /^\/?([^/]+)\/([^?]+)(?:\?versionId=.*)?$/;
  const [, bucket = "", encodedKey = ""] =
    fields.exec(header(request, "x-amz-copy-source") ?? "") ?? [];
  let key: string;
  try {
    key = decodeURIComponent(encodedKey);
  } catch {
    key = "";
  }
  if (key === "") {
    throw new SandboxError(
      "InvalidArgument",
      "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
    );
  }
  const object = call.buckets.get(bucket).get(key);
  if (object === undefined) throw new SandboxError("NoSuchKey", undefined, { Key: key });
  const ifMatch = header(request, "x-amz-copy-source-if-match");
  const ifNoneMatch = header(request, "x-amz-copy-source-if-none-match");
  const holds =
    (ifMatch === undefined || etagMatches(ifMatch, object.etag)) &&
    (ifNoneMatch === undefined || !etagMatches(ifNoneMatch, object.etag));
  if (!holds) throw new SandboxError("PreconditionFailed");
  checkReadable(object);
  return { bucket, object };
}

function isSame(request: S3Request, source: CopySource): boolean {
  return request.bucket === source.bucket && request.key === source.object.key;
}

export function deleteObject(call: Call): Answer {
  const { request } = call;
  const bucket = bucketOf(call);
  const ifMatch = header(request, "if-match");
  const object = bucket.get(request.key);
  if (ifMatch !== undefined && object !== undefined && !etagMatches(ifMatch, object.etag)) {
    throw new SandboxError("PreconditionFailed", undefined, { Condition: "If-Match" });
  }
  bucket.delete(request.key);
  return emptyAnswer(204);
}

export async function deleteObjects(call: Call): Promise<Answer> {
  const bucket = bucketOf(call);
  const request = scanXml(await call.body.text(DELETE_BODY_BYTES_MAX));
  const objects = request.children.filter((child) => child.name === "Object");
  if (request.name !== "Delete" || objects.length === 0 || objects.length > DELETES_MAX) {
    throw new SandboxError("MalformedXML");
  }
  const keys = objects.map((object) => childText(object, "Key"));
  const quiet = childText(request, "Quiet")?.trim() === "true";
  const results = keys.map((key) => {
    if (key === undefined || key === "") throw new SandboxError("MalformedXML");
    bucket.delete(key);
    return quiet ? "" : parent("Deleted", element("Key", key));
  });
  return xmlAnswer(xmlDocument("DeleteResult", ...results));
}
