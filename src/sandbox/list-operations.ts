/** ListObjects, both versions. They differ in how a page says where the next one begins. */

import type { Bucket } from "./bucket.ts";
import { isDirectoryBucket } from "./directory-bucket.ts";
import { SandboxError } from "./error.ts";
import type { Page, PageRequest } from "./listing.ts";
import { type Answer, bucketOf, type Call, xmlAnswer } from "./operation.ts";
import { header, type S3Request } from "./request.ts";
import { restoreStatus } from "./restoration.ts";
import type { StoredObject } from "./stored-object.ts";
import { checkUnorderedRequest, unorderedPage } from "./unordered-listing.ts";
import { element, isoTime, optionalElement, parent, xmlDocument } from "./xml.ts";

/** `GET /bucket?list-type=2` */
export function listObjectsV2(call: Call): Answer {
  const { query } = call.request;
  const bucket = bucketOf(call);
  const encode = keyEncoder(call.request);
  const token = query.get("continuation-token");
  const startAfter = query.get("start-after");
  const request = pageRequest(call, token === undefined ? startAfter : decodeToken(token));
  const isUnordered = isDirectoryBucket(bucket.name);
  if (isUnordered) checkUnorderedRequest(call.request);
  const page = isUnordered ? unorderedPage(bucket, request) : bucket.listPage(request);
  const withOwner = query.get("fetch-owner") === "true";
  const optional = header(call.request, "x-amz-optional-object-attributes") ?? "";
  const withRestoreStatus = optional.split(",").some((name) => name.trim() === "RestoreStatus");
  return xmlAnswer(
    xmlDocument(
      "ListBucketResult",
      ...commonElements(call, request, page),
      element("KeyCount", page.keys.length + page.commonPrefixes.length),
      optionalElement("ContinuationToken", token),
      page.next === undefined ? "" : element("NextContinuationToken", encodeToken(page.next)),
      startAfter === undefined ? "" : element("StartAfter", encode(startAfter)),
      ...entries({ bucket, page, encode, withOwner, withRestoreStatus }),
    ),
  );
}

/** `GET /bucket` */
export function listObjects(call: Call): Answer {
  const { query } = call.request;
  const bucket = bucketOf(call);
  const encode = keyEncoder(call.request);
  const request = pageRequest(call, query.get("marker"));
  const page = bucket.listPage(request);
  // Without a delimiter the last key is the marker, and S3 does not repeat it.
  const next = request.delimiter === "" ? undefined : page.next;
  return xmlAnswer(
    xmlDocument(
      "ListBucketResult",
      ...commonElements(call, request, page),
      element("Marker", encode(request.after)),
      next === undefined ? "" : element("NextMarker", encode(next)),
      ...entries({ bucket, page, encode, withOwner: true, withRestoreStatus: false }),
    ),
  );
}

function pageRequest(call: Call, after: string | undefined): PageRequest {
  const { query } = call.request;
  return {
    prefix: query.get("prefix") ?? "",
    delimiter: query.get("delimiter") ?? "",
    after: after ?? "",
    entriesMax: parseCount(call.request, "max-keys", call.dials.maxKeysPerPage),
  };
}

/** A count from the query, at most `most` and `most` by default. */
export function parseCount(request: S3Request, name: string, most: number): number {
  const text = request.query.get(name);
  if (text === undefined || text === "") return most;
  if (!/^\d{1,10}$/.test(text) || Number(text) > 0x7fff_ffff) {
    throw new SandboxError("InvalidArgument", "Argument is out of range or no integer", {
      ArgumentName: name,
      ArgumentValue: text,
    });
  }
  return Math.min(Number(text), most);
}

/** Opaque to clients; S3's tokens do not show the key either. */
function encodeToken(after: string): string {
  return Buffer.from(after).toString("base64");
}

function decodeToken(token: string): string {
  const bytes = Buffer.from(token, "base64");
  if (bytes.byteLength > 0 && bytes.toString("base64") === token) return bytes.toString();
  throw new SandboxError("InvalidArgument", "The continuation token provided is incorrect", {
    ArgumentName: "continuation-token",
  });
}

/** How keys are written: as they are, or encoded as in a form where the request says so. */
export function keyEncoder(request: S3Request): (key: string) => string {
  const type = request.query.get("encoding-type");
  if (type === undefined || type === "") return (key) => key;
  if (type === "url") {
    return (key) => encodeURIComponent(key).replaceAll("%2F", "/").replaceAll("%20", "+");
  }
  throw new SandboxError("InvalidArgument", "Invalid Encoding Method specified in Request", {
    ArgumentName: "encoding-type",
    ArgumentValue: type,
  });
}

function commonElements(call: Call, request: PageRequest, page: Page): readonly string[] {
  const encode = keyEncoder(call.request);
  return [
    element("Name", call.request.bucket),
    element("Prefix", encode(request.prefix)),
    request.delimiter === "" ? "" : element("Delimiter", encode(request.delimiter)),
    optionalElement("EncodingType", call.request.query.get("encoding-type")),
    element("MaxKeys", request.entriesMax),
    element("IsTruncated", page.next !== undefined),
  ];
}

interface Entries {
  readonly bucket: Bucket;
  readonly page: Page;
  readonly encode: (key: string) => string;
  readonly withOwner: boolean;
  readonly withRestoreStatus: boolean;
}

function* entries(listed: Entries): Generator<string> {
  const { bucket, page, encode } = listed;
  for (const key of page.keys) {
    const object = bucket.get(key);
    if (object !== undefined) yield contents(object, encode(key), listed);
  }
  for (const prefix of page.commonPrefixes) {
    yield parent("CommonPrefixes", element("Prefix", encode(prefix)));
  }
}

function contents(
  object: StoredObject,
  key: string,
  { withOwner, withRestoreStatus }: Entries,
): string {
  return parent(
    "Contents",
    element("Key", key),
    element("LastModified", isoTime(object.lastModifiedMs)),
    element("ETag", object.etag),
    optionalElement("ChecksumAlgorithm", object.checksum?.algorithm),
    optionalElement("ChecksumType", object.checksum?.type),
    element("Size", object.content.sizeBytes),
    element("StorageClass", object.storageClass),
    withRestoreStatus ? restoreStatus(object) : "",
    withOwner ? parent("Owner", element("ID", "sandbox"), element("DisplayName", "sandbox")) : "",
  );
}
