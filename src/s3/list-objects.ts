/**
 * ListObjectsV2, one page. Keys are asked for percent-encoded (encoding-type=url), because XML cannot
 * hold every character that a key can, and come back exact.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */

import { isAscii } from "node:buffer";
import type { CancelSignal } from "../base/cancellation.ts";
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
import { ElementReader, textOf } from "./xml.ts";

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
  signal?: CancelSignal,
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
  // Which it is if keys are encoded as asked, and then Latin-1 is the same and sooner read.
  const xml = body.toString(isAscii(body) ? "latin1" : "utf8");
  const root = xml.indexOf("<ListBucketResult");
  if (root === -1 || !xml.includes("</ListBucketResult>")) {
    throw new ProtocolError(`it sent ${quoted(body)} where a listing was expected`);
  }
  const decode = textOf(xml, "EncodingType") === "url" ? decodeUrl : (text: string) => text;
  const objects: ObjectInfo[] = [];
  const context = { decode, restoreStatus, modified: { text: "", ms: 0 } };
  const contents = new ElementReader(xml, "Contents");
  while (contents.enter()) objects.push(readObject(contents, context));
  const commonPrefixes: string[] = [];
  const prefixes = new ElementReader(xml, "CommonPrefixes");
  while (prefixes.enter()) commonPrefixes.push(decode(readPrefix(prefixes)));
  const truncated = textOf(xml, "IsTruncated") === "true";
  const continuationToken = truncated
    ? needed("NextContinuationToken", textOf(xml, "NextContinuationToken"))
    : undefined;
  return { objects, commonPrefixes, continuationToken };
}

interface PageContext {
  readonly decode: (text: string) => string;
  readonly restoreStatus: boolean;
  /** Of the object before: many are often stored in one second. */
  modified: { readonly text: string; readonly ms: number };
}

function readObject(contents: ElementReader, context: PageContext): ObjectInfo {
  let key: string | undefined;
  let size: string | undefined;
  let etag = "";
  let modified = "";
  let storageClass: string | undefined;
  let isInProgress: string | undefined;
  let hasExpiry = false;
  while (contents.next()) {
    const { text } = contents;
    switch (contents.tag) {
      case "Key":
        key = text;
        break;
      case "LastModified":
        modified = text;
        break;
      case "ETag":
        etag = text;
        break;
      case "Size":
        size = text;
        break;
      case "StorageClass":
        storageClass = text;
        break;
      case "IsRestoreInProgress":
        isInProgress = text;
        break;
      case "RestoreExpiryDate":
        hasExpiry = true;
        break;
    }
  }
  if (context.modified.text !== modified) {
    context.modified = { text: modified, ms: parseLastModified(modified) };
  }
  const { decode, restoreStatus } = context;
  return {
    key: decode(needed("Key", key)),
    sizeBytes: parseSize(needed("Size", size)),
    etag: ownText(etag),
    lastModifiedMs: context.modified.ms,
    storageClass: STORAGE_CLASSES.find((each) => each === storageClass) ?? storageClass,
    restored: restoreStatus ? isInProgress === "false" && hasExpiry : undefined,
  };
}

function readPrefix(prefixes: ElementReader): string {
  let prefix: string | undefined;
  while (prefixes.next()) if (prefixes.tag === "Prefix") prefix = prefixes.text;
  return needed("Prefix", prefix);
}

function parseSize(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) throw badSize();
    bytes = bytes * 10 + digit;
  }
  if (text === "" || bytes >= 1e15) throw badSize();
  return bytes;
}

function badSize(): ProtocolError {
  return new ProtocolError("a size in its listing is no number");
}

function needed(tag: string, text: string | undefined): string {
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
