/**
 * Answers ListObjectsV1 and V2 for the folders that nginx serves as buckets, with the ETags that
 * nginx gives to files, so that a listing and a HEAD agree. Arguments: PORT FOLDER.
 */

import { readdirSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const [port, folder = ""] = process.argv.slice(2);

interface Found {
  readonly key: string;
  readonly xml: string;
}

/** Listings are for reading benchmarks: a bucket is walked once and does not change afterwards. */
const buckets = new Map<string, { readonly names: number; readonly keys: readonly Found[] }>();

function keysOf(bucket: string): readonly Found[] {
  const names = readdirSync(join(folder, bucket)).length;
  const known = buckets.get(bucket);
  if (known !== undefined && known.names === names) return known.keys;
  const keys: Found[] = [];
  for (const entry of readdirSync(join(folder, bucket), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const stat = statSync(path);
    const seconds = Math.floor(stat.mtimeMs / 1000);
    const key = path.slice(join(folder, bucket).length + 1);
    const etag = `&quot;${seconds.toString(16)}-${stat.size.toString(16)}&quot;`;
    const modified = new Date(seconds * 1000).toISOString();
    keys.push({
      key,
      xml: `<Contents><Key>${key}</Key><LastModified>${modified}</LastModified><ETag>${etag}</ETag><Size>${stat.size}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
    });
  }
  keys.sort((one, other) => (one.key < other.key ? -1 : 1));
  buckets.set(bucket, { names, keys });
  return keys;
}

function list(bucket: string, query: URLSearchParams): string {
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const token = query.get("continuation-token");
  const after =
    token === null
      ? (query.get("start-after") ?? query.get("marker") ?? "")
      : Buffer.from(token, "base64url").toString();
  const most = Math.min(Number(query.get("max-keys") ?? 1000), 1000);
  const keys = keysOf(bucket);
  const items: string[] = [];
  let last = "";
  let truncated = false;
  for (let at = Math.max(firstFrom(keys, prefix), firstFrom(keys, after)); at < keys.length; at++) {
    const found = keys[at];
    if (found === undefined || !found.key.startsWith(prefix)) break;
    const cut = delimiter === "" ? -1 : found.key.indexOf(delimiter, prefix.length);
    const name = cut === -1 ? found.key : found.key.slice(0, cut + 1);
    if (name <= after || name === last) continue;
    if (items.length >= most) {
      truncated = most > 0;
      break;
    }
    last = name;
    items.push(
      cut === -1 ? found.xml : `<CommonPrefixes><Prefix>${name}</Prefix></CommonPrefixes>`,
    );
  }
  const next = truncated
    ? `<NextContinuationToken>${Buffer.from(last).toString("base64url")}</NextContinuationToken><NextMarker>${last}</NextMarker>`
    : "";
  return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${bucket}</Name><Prefix>${prefix}</Prefix><MaxKeys>${most}</MaxKeys><KeyCount>${items.length}</KeyCount><IsTruncated>${truncated}</IsTruncated>${next}${items.join("")}</ListBucketResult>`;
}

/** Index of the first key that is not before `bound`. */
function firstFrom(keys: readonly Found[], bound: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle]?.key ?? "") < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  const bucket = url.pathname.split("/")[1] ?? "";
  response.setHeader("content-type", "application/xml");
  if (url.searchParams.has("location")) {
    response.end(
      '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>',
    );
  } else if (url.searchParams.has("uploads")) {
    response.end(
      `<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>${bucket}</Bucket><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>`,
    );
  } else {
    response.end(list(bucket, url.searchParams));
  }
}).listen(Number(port), "127.0.0.1");
