/**
 * RestoreObject, and what is said of an archived object's restoration. There is no timer: whether it is
 * under way, done or over follows from the clock whenever somebody asks.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html
 */

import { SandboxError } from "./error.ts";
import { type Answer, bucketOf, type Call, emptyAnswer } from "./operation.ts";
import type { Restoration, StoredObject } from "./stored-object.ts";
import { element, isoTime, optionalElement, parent } from "./xml.ts";
import { childText, scanXml, type XmlElement } from "./xml-scanner.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const BODY_BYTES_MAX = 64 * 1024;

/** How long S3 takes at most, but that what it calls expedited is done at once here. */
const TIER_MS: Readonly<Record<string, number>> = {
  Expedited: 0,
  Standard: 12 * HOUR_MS,
  Bulk: 48 * HOUR_MS,
};

export function isArchived({ storageClass }: StoredObject): boolean {
  return storageClass === "GLACIER" || storageClass === "DEEP_ARCHIVE";
}

/** Whether there is a restored copy to read now. */
export function isRestored({ restoration }: StoredObject, nowMs = Date.now()): boolean {
  if (restoration === undefined) return false;
  return restoration.readyAtMs <= nowMs && nowMs < restoration.expiresAtMs;
}

/** `POST /bucket/key?restore` */
export async function restoreObject(call: Call): Promise<Answer> {
  const { request } = call;
  const bucket = bucketOf(call);
  const restoration = parseRestoration(scanXml(await call.body.text(BODY_BYTES_MAX)));
  const object = bucket.get(request.key);
  if (object === undefined) throw new SandboxError("NoSuchKey", undefined, { Key: request.key });
  if (!isArchived(object)) {
    throw new SandboxError("InvalidObjectState", "Restore is not allowed for this storage class");
  }
  if (isUnderWay(object.restoration)) throw new SandboxError("RestoreAlreadyInProgress");
  const wasRestored = isRestored(object);
  bucket.put({ ...object, restoration });
  return emptyAnswer(wasRestored ? 200 : 202);
}

function parseRestoration(request: XmlElement): Restoration {
  const days = childText(request, "Days")?.trim() ?? "";
  if (request.name !== "RestoreRequest" || !/^[1-9]\d{0,4}$/.test(days)) {
    throw new SandboxError("MalformedXML");
  }
  const parameters = request.children.find(({ name }) => name === "GlacierJobParameters");
  const tier = parameters === undefined ? undefined : childText(parameters, "Tier")?.trim();
  const takesMs = TIER_MS[tier ?? "Standard"];
  if (takesMs === undefined) throw new SandboxError("MalformedXML");
  const readyAtMs = Date.now() + takesMs;
  return { readyAtMs, expiresAtMs: readyAtMs + Number(days) * DAY_MS };
}

function isUnderWay(restoration: Restoration | undefined): boolean {
  return restoration !== undefined && Date.now() < restoration.readyAtMs;
}

/** x-amz-restore as HEAD and GET have it; undefined where nothing was restored. */
export function restoreHeader(object: StoredObject): string | undefined {
  if (isUnderWay(object.restoration)) return 'ongoing-request="true"';
  if (object.restoration === undefined || !isRestored(object)) return undefined;
  const expiry = new Date(object.restoration.expiresAtMs).toUTCString();
  return `ongoing-request="false", expiry-date="${expiry}"`;
}

/** The RestoreStatus of a listing that asked for it; "" where nothing was restored. */
export function restoreStatus(object: StoredObject): string {
  const underWay = isUnderWay(object.restoration);
  if (object.restoration === undefined || !(underWay || isRestored(object))) return "";
  const expiry = underWay ? undefined : isoTime(object.restoration.expiresAtMs);
  return parent(
    "RestoreStatus",
    element("IsRestoreInProgress", underWay),
    optionalElement("RestoreExpiryDate", expiry),
  );
}
