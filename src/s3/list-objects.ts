/**
 * ListObjectsV2, one page. Keys are asked for percent-encoded (encoding-type=url), because XML cannot
 * hold every character that a key can, and come back exact.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */

import { ownText } from "../base/own-text.ts";
import { badAnswer } from "./answer-error.ts";
import type { DirectCall, DirectPath } from "./direct-path.ts";
import {
  type ListPage,
  type ListRequest,
  type ObjectInfo,
  parseLastModified,
} from "./object-client.ts";
import { ProtocolError, quoted } from "./protocol-error.ts";
import { forEachElement, textOf } from "./xml.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html, the frequent ones first. */
const STORAGE_CLASSES = [
  ...["STANDARD", "INTELLIGENT_TIERING", "STANDARD_IA", "EXPRESS_ONEZONE", "GLACIER_IR", "GLACIER"],
  ...["DEEP_ARCHIVE", "ONEZONE_IA", "REDUCED_REDUNDANCY", "OUTPOSTS", "SNOW", "FSX_OPENZFS"],
];
const RESTORE_STATUS = { "x-amz-optional-object-attributes": "RestoreStatus" };

/** `restoreStatus`: ask also whether archived objects are restored; not every server knows how. */
export async function listObjects(
  path: DirectPath,
  request: ListRequest,
  restoreStatus: boolean,
  signal?: AbortSignal,
): Promise<ListPage> {
  const query: Record<string, string> = {
    "encoding-type": "url",
    "list-type": "2",
    prefix: request.prefix,
  };
  if (request.delimiter !== undefined) query["delimiter"] = request.delimiter;
  if (request.maxKeys !== undefined) query["max-keys"] = String(request.maxKeys);
  if (request.startAfter !== undefined) query["start-after"] = request.startAfter;
  if (request.continuationToken !== undefined) {
    query["continuation-token"] = request.continuationToken;
  }
  const call: DirectCall = { operation: "ListObjectsV2", method: "GET", query };
  const response = await path.send(
    restoreStatus ? { ...call, signedHeaders: RESTORE_STATUS } : call,
    signal,
  );
  try {
    return parseListPage(response.body, restoreStatus);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw badAnswer(call, response.status, error.message);
  }
}

/**
 * Throws a ProtocolError for what is no page of a listing. Keys are parts of the body's text: who keeps them
 * keeps that, but for `ownText`.
 */
export function parseListPage(body: Buffer, restoreStatus: boolean): ListPage {
  const xml = body.toString("utf8");
  const root = xml.indexOf("<ListBucketResult");
  if (root === -1 || !xml.includes("</ListBucketResult>")) {
    throw new ProtocolError(`it sent ${quoted(body)} where a listing was expected`);
  }
  const decode = textOf(xml, "EncodingType") === "url" ? decodeUrl : (text: string) => text;
  const objects: ObjectInfo[] = [];
  forEachElement(xml, "Contents", (inside) => {
    objects.push(parseObject(inside, { decode, restoreStatus }));
  });
  const commonPrefixes: string[] = [];
  forEachElement(xml, "CommonPrefixes", (inside) => {
    commonPrefixes.push(decode(required(inside, "Prefix")));
  });
  const truncated = textOf(xml, "IsTruncated") === "true";
  const continuationToken = truncated ? required(xml, "NextContinuationToken") : undefined;
  return { objects, commonPrefixes, continuationToken };
}

function parseObject(
  inside: string,
  { decode, restoreStatus }: { decode: (text: string) => string; restoreStatus: boolean },
): ObjectInfo {
  const size = required(inside, "Size");
  if (!/^\d{1,15}$/.test(size)) throw new ProtocolError("a size in its listing is no number");
  const restored =
    textOf(inside, "IsRestoreInProgress") === "false" &&
    textOf(inside, "RestoreExpiryDate") !== undefined;
  const storageClass = textOf(inside, "StorageClass");
  return {
    key: decode(required(inside, "Key")),
    sizeBytes: Number(size),
    etag: ownText(textOf(inside, "ETag") ?? ""),
    lastModifiedMs: parseLastModified(textOf(inside, "LastModified")),
    storageClass: STORAGE_CLASSES.find((each) => each === storageClass) ?? storageClass,
    restored: restoreStatus ? restored : undefined,
  };
}

function required(xml: string, tag: string): string {
  const text = textOf(xml, tag);
  if (text === undefined) throw new ProtocolError(`its listing lacks ${tag}`);
  return text;
}

/** As application/x-www-form-urlencoded: a space is "+". */
function decodeUrl(text: string): string {
  if (!text.includes("%") && !text.includes("+")) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", "%20"));
  } catch {
    throw new ProtocolError("a key in its listing is not encoded as asked");
  }
}
