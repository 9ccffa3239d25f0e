/**
 * Conditional requests, with the precedence of RFC 9110 section 13.2.2 and S3's own rules for writes:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
 */

import { SandboxError } from "./error.ts";
import { header, type S3Request } from "./request.ts";
import type { StoredObject } from "./stored-object.ts";

/** Whether a GET or HEAD is answered with 304; throws `PreconditionFailed`. */
export function isNotModified(request: S3Request, object: StoredObject): boolean {
  const ifMatch = header(request, "if-match");
  const unmodifiedSince = timeOf(header(request, "if-unmodified-since"));
  if (ifMatch !== undefined) {
    if (!etagMatches(ifMatch, object.etag)) throw failed("If-Match");
  } else if (unmodifiedSince !== undefined && object.lastModifiedMs > unmodifiedSince) {
    throw failed("If-Unmodified-Since");
  }
  const ifNoneMatch = header(request, "if-none-match");
  if (ifNoneMatch !== undefined) return etagMatches(ifNoneMatch, object.etag);
  const modifiedSince = timeOf(header(request, "if-modified-since"));
  return modifiedSince !== undefined && object.lastModifiedMs <= modifiedSince;
}

/** Throws unless a write may replace `present`; called in the step that replaces it. */
export function checkWriteConditions(request: S3Request, present: StoredObject | undefined): void {
  const ifNoneMatch = header(request, "if-none-match");
  if (ifNoneMatch !== undefined && ifNoneMatch !== "*") {
    throw new SandboxError("NotImplemented", undefined, { Header: "If-None-Match" });
  }
  if (ifNoneMatch === "*" && present !== undefined) throw failed("If-None-Match");
  const ifMatch = header(request, "if-match");
  if (ifMatch === undefined) return;
  if (present === undefined) throw new SandboxError("NoSuchKey", undefined, { Key: request.key });
  if (!etagMatches(ifMatch, present.etag)) throw failed("If-Match");
}

/** Whether `list`, of a condition header, holds `etag` or "*". Quotes may be missing. */
export function etagMatches(list: string, etag: string): boolean {
  return list.split(",").some((item) => {
    const wanted = item.trim().replace(/^W\//, "");
    return wanted === "*" || wanted.replaceAll('"', "") === etag.replaceAll('"', "");
  });
}

function failed(condition: string): SandboxError {
  return new SandboxError("PreconditionFailed", undefined, { Condition: condition });
}

/** A date that cannot be read is as if it were not there. */
function timeOf(date: string | undefined): number | undefined {
  const timeMs = Date.parse(date ?? "");
  return Number.isNaN(timeMs) ? undefined : timeMs;
}
