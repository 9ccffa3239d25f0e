/**
 * An HTTP request read as S3 reads it: which bucket, which key, which query. Nothing is normalised: a
 * key may hold "..", "//" or anything else that is UTF-8.
 */

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { isDirectoryBucket } from "./directory-bucket.ts";
import { SandboxError } from "./error.ts";

export interface S3Request {
  readonly method: string;
  /** The path, decoded, as it is signed. */
  readonly path: string;
  /** Every query parameter in the order of the request, decoded; they are signed too. */
  readonly queryPairs: readonly (readonly [name: string, value: string])[];
  readonly query: ReadonlyMap<string, string>;
  /** The query as it was sent, without the "?". */
  readonly rawQuery: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  /** "" for the service itself. */
  readonly bucket: string;
  /** "" for the bucket itself. */
  readonly key: string;
}

/**
 * Reads `message`. A `Host` that ends with a dot and one of `domains` names the bucket
 * (virtual-hosted style); otherwise the path does. Throws `InvalidURI`.
 */
export function parseRequest(message: IncomingMessage, domains: readonly string[]): S3Request {
  const [rawPath = "/", rawQuery = ""] = splitOnce(message.url ?? "/", "?");
  const path = decode(rawPath);
  if (!path.startsWith("/")) throw new SandboxError("InvalidURI");
  const queryPairs = parseQuery(rawQuery);
  const hostBucket = bucketOfHost(message.headers.host ?? "", domains);
  const [pathBucket = "", pathKey = ""] = splitOnce(path.slice(1), "/");
  return {
    method: message.method ?? "",
    path,
    queryPairs,
    query: new Map(queryPairs),
    rawQuery,
    headers: message.headers,
    rawHeaders: message.rawHeaders,
    bucket: hostBucket ?? pathBucket,
    key: hostBucket === undefined ? keyOfPath(pathBucket, pathKey) : path.slice(1),
  };
}

/** S3 has no paths with the names of directory buckets; the SDK's, to an IP address, have a slash too many. */
function keyOfPath(bucket: string, key: string): string {
  return isDirectoryBucket(bucket) && key.startsWith("/") ? key.slice(1) : key;
}

/** The value of a header that occurs once, joined when it occurs more often. */
export function header(request: S3Request, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}

function parseQuery(rawQuery: string): readonly (readonly [string, string])[] {
  if (rawQuery === "") return [];
  const pairs: (readonly [string, string])[] = [];
  for (const piece of rawQuery.split("&")) {
    if (piece === "") continue;
    const [name = "", value = ""] = splitOnce(piece.replaceAll("+", " "), "=");
    pairs.push([decode(name), decode(value)]);
  }
  return pairs;
}

/** Percent-decoded UTF-8. */
function decode(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SandboxError("InvalidURI");
  }
}

function bucketOfHost(host: string, domains: readonly string[]): string | undefined {
  const name = host.replace(/:\d+$/, "").toLowerCase();
  const domain = domains.find((candidate) => name.endsWith(`.${candidate}`));
  return domain === undefined ? undefined : name.slice(0, -domain.length - 1);
}
