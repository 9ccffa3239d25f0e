/**
 * One page of a directory bucket's listing: in no order that a client could use, and with the common
 * prefixes of multipart uploads in progress.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */

import { createHash } from "node:crypto";
import type { Bucket } from "./bucket.ts";
import { SandboxError } from "./error.ts";
import { commonPrefixOf, type Page, type PageRequest } from "./listing.ts";
import type { S3Request } from "./request.ts";

/** Refuses what directory buckets do not list by. */
export function checkUnorderedRequest({ query }: S3Request): void {
  if (query.has("start-after")) {
    throw new SandboxError("NotImplemented", "Directory buckets do not know start-after.");
  }
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const isRefused = prefix !== "" && !prefix.endsWith("/");
  if (!isRefused && (delimiter === "" || delimiter === "/")) return;
  throw new SandboxError(
    "InvalidArgument",
    'Directory buckets list prefixes that end in "/", by the delimiter "/" only',
    { ArgumentName: isRefused ? "prefix" : "delimiter" },
  );
}

export function unorderedPage(bucket: Bucket, request: PageRequest): Page {
  const { after, delimiter, entriesMax, prefix } = request;
  const all = bucket.listPage({ ...request, after: "", entriesMax: Number.POSITIVE_INFINITY });
  const prefixes = new Set(all.commonPrefixes);
  for (const { key } of bucket.uploads()) {
    const common = commonPrefixOf(key, prefix, delimiter);
    if (common !== undefined) prefixes.add(common);
  }
  const behind = after === "" ? "" : placeOf(after);
  const left = [...all.keys, ...prefixes]
    .map((name) => ({ name, place: placeOf(name) }))
    .filter(({ place }) => place > behind)
    .sort((a, b) => (a.place < b.place ? -1 : 1))
    .map(({ name }) => name);
  const names = left.slice(0, entriesMax);
  return {
    keys: names.filter((name) => !prefixes.has(name)),
    commonPrefixes: names.filter((name) => prefixes.has(name)),
    next: names.length < left.length ? names.at(-1) : undefined,
  };
}

function placeOf(name: string): string {
  return createHash("md5").update(name).digest("hex");
}
