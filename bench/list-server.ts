/**
 * Answers ListObjectsV1 and V2 for the folders that nginx serves as buckets, with the ETags that
 * nginx gives to files, so that a listing and a HEAD agree; and HEAD and GET of objects that exist only
 * by name. Arguments: PORT FOLDER.
 */

import { existsSync, readdirSync, statSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { join } from "node:path";

const [port, folder = ""] = process.argv.slice(2);

/** Objects in the order of their keys, in columns: there may be a million. */
interface Listed {
  /** What the bucket's folder held when it was walked. */
  readonly walked: string;
  readonly keys: readonly string[];
  readonly sizes: ReadonlyMap<string, { readonly bytes: number; readonly seconds: number }>;
}

/** A folder of this name stands for that many objects of one byte: names-1000000/file-0000000 and so on. */
const MADE_UP = /^names-(\d+)$/;
const BEGUN_SECONDS = Math.floor(Date.now() / 1000);
const ONE_BYTE = { bytes: 1, seconds: BEGUN_SECONDS };

/** Listings are for reading benchmarks: a bucket is walked again only when its folder has changed. */
const buckets = new Map<string, Listed>();

function listed(bucket: string): Listed {
  const walked = readdirSync(join(folder, bucket)).sort().join("/");
  const known = buckets.get(bucket);
  if (known?.walked === walked) return known;
  const keys: string[] = [];
  const sizes = new Map<string, { bytes: number; seconds: number }>();
  for (const entry of readdirSync(join(folder, bucket), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const key = path.slice(join(folder, bucket).length + 1);
    if (entry.isDirectory()) {
      const count = Number(MADE_UP.exec(key)?.[1] ?? 0);
      for (let index = 0; index < count; index++) {
        keys.push(`${key}/file-${String(index).padStart(7, "0")}`);
      }
    } else {
      const stat = statSync(path);
      sizes.set(key, { bytes: stat.size, seconds: Math.floor(stat.mtimeMs / 1000) });
      keys.push(key);
    }
  }
  keys.sort((one, other) => (one < other ? -1 : 1));
  const found = { walked, keys, sizes };
  buckets.set(bucket, found);
  return found;
}

function contents(key: string, { sizes }: Listed): string {
  const { bytes, seconds } = sizes.get(key) ?? ONE_BYTE;
  const modified = new Date(seconds * 1000).toISOString();
  return `<Contents><Key>${key}</Key><LastModified>${modified}</LastModified><ETag>&quot;${tag(seconds, bytes)}&quot;</ETag><Size>${bytes}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
}

/** As nginx makes it. */
function tag(seconds: number, bytes: number): string {
  return `${seconds.toString(16)}-${bytes.toString(16)}`;
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
  const found = listed(bucket);
  const { keys } = found;
  const items: string[] = [];
  let last = "";
  let truncated = false;
  for (let at = Math.max(firstFrom(keys, prefix), firstFrom(keys, after)); at < keys.length; at++) {
    const key = keys[at];
    if (key === undefined || !key.startsWith(prefix)) break;
    const cut = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
    const name = cut === -1 ? key : key.slice(0, cut + 1);
    if (name <= after || name === last) continue;
    if (items.length >= most) {
      truncated = most > 0;
      break;
    }
    last = name;
    items.push(
      cut === -1
        ? contents(key, found)
        : `<CommonPrefixes><Prefix>${name}</Prefix></CommonPrefixes>`,
    );
  }
  const next = truncated
    ? `<NextContinuationToken>${Buffer.from(last).toString("base64url")}</NextContinuationToken><NextMarker>${last}</NextMarker>`
    : "";
  return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${bucket}</Name><Prefix>${prefix}</Prefix><MaxKeys>${most}</MaxKeys><KeyCount>${items.length}</KeyCount><IsTruncated>${truncated}</IsTruncated>${next}${items.join("")}</ListBucketResult>`;
}

/** Index of the first key that is not before `bound`. */
function firstFrom(keys: readonly string[], bound: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? "") < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** An object of which only the name exists. */
function answerMadeUp(path: string, headOnly: boolean, response: ServerResponse): void {
  const [, bucket = "", directory = "", name = ""] = path.split("/");
  const count = Number(MADE_UP.exec(directory)?.[1] ?? 0);
  const index = Number(/^file-(\d{7})$/.exec(name)?.[1] ?? Number.POSITIVE_INFINITY);
  if (index >= count || !existsSync(join(folder, bucket, directory))) {
    response.statusCode = 404;
    response.end("<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>");
    return;
  }
  response.setHeader("etag", `"${tag(BEGUN_SECONDS, 1)}"`);
  response.setHeader("last-modified", new Date(BEGUN_SECONDS * 1000).toUTCString());
  response.setHeader("content-type", "binary/octet-stream");
  response.setHeader("content-length", "1");
  response.end(headOnly ? undefined : "x");
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
  } else if (/^\/[^/]+\/names-\d+\/./.test(url.pathname)) {
    answerMadeUp(url.pathname, request.method === "HEAD", response);
  } else {
    response.end(list(bucket, url.searchParams));
  }
}).listen(Number(port), "127.0.0.1");
