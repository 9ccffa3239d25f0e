/** The headers that an upload leaves with its object and that come back with it. */

import { checksumHeader } from "./checksum.ts";
import { isDirectoryBucket } from "./directory-bucket.ts";
import { requestedEncryption } from "./encryption.ts";
import { SandboxError } from "./error.ts";
import { header, type S3Request } from "./request.ts";
import { restoreHeader } from "./restoration.ts";
import type { StoredObject } from "./stored-object.ts";

const KEPT = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-type",
  "expires",
];
export const DEFAULT_CONTENT_TYPE = "binary/octet-stream";
const USER_METADATA_BYTES_MAX = 2048;
const DEFAULT_STORAGE_CLASS = "STANDARD";
const STORAGE_CLASSES = [
  DEFAULT_STORAGE_CLASS,
  "DEEP_ARCHIVE",
  "EXPRESS_ONEZONE",
  "GLACIER",
  "GLACIER_IR",
  "INTELLIGENT_TIERING",
  "ONEZONE_IA",
  "OUTPOSTS",
  "REDUCED_REDUNDANCY",
  "STANDARD_IA",
];

/** What `request` says of the object that it creates. Throws `MetadataTooLarge`. */
export function uploadHeaders(request: S3Request): Readonly<Record<string, string>> {
  const kept: Record<string, string> = { "content-type": DEFAULT_CONTENT_TYPE };
  for (const name of KEPT) {
    const value = header(request, name);
    if (value !== undefined) kept[name] = value;
  }
  const coding = withoutAwsChunked(header(request, "content-encoding") ?? "");
  if (coding === "") delete kept["content-encoding"];
  else kept["content-encoding"] = coding;
  let userBytes = 0;
  for (const name of Object.keys(request.headers)) {
    if (!name.startsWith("x-amz-meta-")) continue;
    const value = header(request, name) ?? "";
    userBytes += name.length - "x-amz-meta-".length + Buffer.byteLength(value, "latin1");
    kept[name] = value;
  }
  if (userBytes > USER_METADATA_BYTES_MAX) throw new SandboxError("MetadataTooLarge");
  return { ...kept, ...requestedEncryption(request) };
}

/** aws-chunked is how the body travelled, not how the object is encoded. */
function withoutAwsChunked(contentEncoding: string): string {
  return contentEncoding
    .split(",")
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding !== "aws-chunked")
    .join(",");
}

export function storageClassOf(request: S3Request): string {
  const usual = usualStorageClass(request.bucket);
  const name = header(request, "x-amz-storage-class") ?? usual;
  // Directory buckets have the one class.
  if (isDirectoryBucket(request.bucket) ? name === usual : STORAGE_CLASSES.includes(name)) {
    return name;
  }
  throw new SandboxError("InvalidStorageClass", undefined, { StorageClassRequested: name });
}

/** Of what is stored in `bucket`, where nobody says it. */
export function usualStorageClass(bucket: string): string {
  return isDirectoryBucket(bucket) ? "EXPRESS_ONEZONE" : DEFAULT_STORAGE_CLASS;
}

/** What HEAD and GET say of `object`, without the length. */
export function objectHeaders(object: StoredObject): Record<string, string> {
  const headers: Record<string, string> = {
    ...object.headers,
    "accept-ranges": "bytes",
    etag: object.etag,
    "last-modified": new Date(object.lastModifiedMs).toUTCString(),
  };
  // S3 leaves the header out for the usual class.
  if (object.storageClass !== DEFAULT_STORAGE_CLASS) {
    headers["x-amz-storage-class"] = object.storageClass;
  }
  const restore = restoreHeader(object);
  if (restore !== undefined) headers["x-amz-restore"] = restore;
  return headers;
}

/** The checksum headers of `object`, or none. */
export function checksumHeaders(object: StoredObject): Record<string, string> {
  if (object.checksum === undefined) return {};
  const { algorithm, base64, type } = object.checksum;
  return { [checksumHeader(algorithm)]: base64, "x-amz-checksum-type": type };
}
