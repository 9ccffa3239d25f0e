/**
 * RenameObject, which only directory buckets have.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_RenameObject.html
 */

import { checkWriteConditions, etagMatches } from "./conditions.ts";
import { isDirectoryBucket } from "./directory-bucket.ts";
import { SandboxError } from "./error.ts";
import { checkKey } from "./object-operations.ts";
import { type Answer, bucketOf, type Call, emptyAnswer } from "./operation.ts";
import { header, type S3Request } from "./request.ts";

/** Conditions of dates, which nothing here judges. */
const UNJUDGED = [
  "if-modified-since",
  "if-unmodified-since",
  "x-amz-rename-source-if-modified-since",
  "x-amz-rename-source-if-unmodified-since",
];

/** `PUT /key?renameObject` */
export function renameObject(call: Call): Answer {
  const { request } = call;
  const bucket = bucketOf(call);
  if (!isDirectoryBucket(bucket.name)) {
    throw new SandboxError(
      "NotImplemented",
      "RenameObject is implemented for directory buckets only.",
    );
  }
  const unjudged = UNJUDGED.find((name) => header(request, name) !== undefined);
  if (unjudged !== undefined) {
    throw new SandboxError("NotImplemented", undefined, { Header: unjudged });
  }
  const to = request.key;
  const from = sourceOf(request);
  for (const key of [from, to]) {
    checkKey(key);
    if (key.endsWith("/")) throw new SandboxError("InvalidRequest", 'A key that ends in "/"');
  }
  const token = header(request, "x-amz-client-token");
  const asked = JSON.stringify([from, to, header(request, "if-none-match")]);
  if (token !== undefined) {
    if (!/^[\x21-\x7e]{1,64}$/.test(token)) throw new SandboxError("InvalidArgument");
    const before = bucket.renamed.get(token);
    if (before === asked) return emptyAnswer(200);
    if (before !== undefined) throw new SandboxError("IdempotencyParameterMismatch");
  }
  const source = bucket.get(from);
  if (source === undefined) throw new SandboxError("NoSuchKey", undefined, { Key: from });
  checkSource(request, source.etag);
  checkWriteConditions(request, bucket.get(to));
  if (from !== to) {
    source.content.retain();
    bucket.put({ ...source, key: to });
    bucket.delete(from);
  }
  if (token !== undefined) bucket.renamed.set(token, asked);
  return emptyAnswer(200);
}

function sourceOf(request: S3Request): string {
  const encoded = (header(request, "x-amz-rename-source") ?? "").replace(/^\//, "");
  try {
    const key = decodeURIComponent(encoded);
    if (key !== "") return key;
  } catch {
    // Answered below.
  }
  throw new SandboxError("InvalidArgument", "x-amz-rename-source must be a URL-encoded key");
}

function checkSource(request: S3Request, etag: string): void {
  const ifMatch = header(request, "x-amz-rename-source-if-match");
  const ifNoneMatch = header(request, "x-amz-rename-source-if-none-match");
  const holds =
    (ifMatch === undefined || etagMatches(ifMatch, etag)) &&
    (ifNoneMatch === undefined || !etagMatches(ifNoneMatch, etag));
  if (!holds) throw new SandboxError("PreconditionFailed");
}
