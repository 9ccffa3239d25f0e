/**
 * CompleteMultipartUpload: compares what the client thinks it uploaded with what is here, then makes
 * one object of it in one step. Nothing changes unless everything agrees.
 */

import { createHash } from "node:crypto";
import type { Bucket, StoredPart, Upload } from "./bucket.ts";
import {
  CHECKSUM_ALGORITHMS,
  checksumElement,
  checksumHeader,
  compositeChecksum,
  createDigest,
  type StoredChecksum,
} from "./checksum.ts";
import { checkWriteConditions, etagMatches } from "./conditions.ts";
import { DISCARDED_SEED, joinContents, PatternContent, readContent } from "./content.ts";
import { encryptedEtag, toldEncryption } from "./encryption.ts";
import { SandboxError } from "./error.ts";
import { type Answer, bucketOf, type Call, xmlAnswer } from "./operation.ts";
import { header, type S3Request } from "./request.ts";
import { type StoredObject, storedNowMs } from "./stored-object.ts";
import { uploadIdOf } from "./upload-operations.ts";
import { element, xmlDocument } from "./xml.ts";
import { childText, scanXml, type XmlElement } from "./xml-scanner.ts";

/** Ten thousand parts with every checksum. */
const DOCUMENT_BYTES_MAX = 8 * 1024 * 1024;
/** Of every part but the last. */
const PART_BYTES_MIN = 5 * 1024 * 1024;

export async function completeMultipartUpload(call: Call): Promise<Answer> {
  const { request } = call;
  const bucket = bucketOf(call);
  const upload = bucket.upload(request.key, uploadIdOf(request));
  checkWriteConditions(request, bucket.get(request.key));
  const document = scanXml(await call.body.text(DOCUMENT_BYTES_MAX));
  const parts = matchParts(document, upload);
  checkSizes(request, parts);
  const checksum = await checksumOfWhole(call, upload, parts);
  const object = commit({ request, bucket, upload, parts, checksum });
  const answer = xmlAnswer(
    xmlDocument(
      "CompleteMultipartUploadResult",
      element("Location", `/${bucket.name}/${object.key}`),
      element("Bucket", bucket.name),
      element("Key", object.key),
      element("ETag", object.etag),
      ...checksumElements(checksum),
    ),
  );
  return { ...answer, headers: { ...answer.headers, ...toldEncryption(object.headers) } };
}

function checksumElements(checksum: StoredChecksum | undefined): readonly string[] {
  if (checksum === undefined) return [];
  const { algorithm, base64, type } = checksum;
  return [element(checksumElement(algorithm), base64), element("ChecksumType", type)];
}

/** The parts that the document names, in order, each as the client describes it. */
function matchParts(document: XmlElement, upload: Upload): readonly StoredPart[] {
  const named = document.children.filter((child) => child.name === "Part");
  if (document.name !== "CompleteMultipartUpload" || named.length === 0) {
    throw new SandboxError("MalformedXML");
  }
  let previous = 0;
  return named.map((part) => {
    const numberText = childText(part, "PartNumber")?.trim() ?? "";
    const etag = childText(part, "ETag")?.trim();
    if (!/^\d{1,5}$/.test(numberText) || etag === undefined) throw new SandboxError("MalformedXML");
    const partNumber = Number(numberText);
    if (partNumber <= previous) throw new SandboxError("InvalidPartOrder");
    previous = partNumber;
    const stored = upload.parts.get(partNumber);
    if (stored === undefined || !etagMatches(etag, stored.etag) || !checksumMatches(part, stored)) {
      throw new SandboxError("InvalidPart", undefined, {
        UploadId: upload.uploadId,
        PartNumber: numberText,
        ETag: etag,
      });
    }
    requireChecksum(part, upload, partNumber);
    return stored;
  });
}

function checksumMatches(part: XmlElement, stored: StoredPart): boolean {
  return CHECKSUM_ALGORITHMS.every((algorithm) => {
    const given = childText(part, checksumElement(algorithm))?.trim();
    const { checksum } = stored;
    return given === undefined || (checksum?.algorithm === algorithm && checksum.base64 === given);
  });
}

function requireChecksum(part: XmlElement, upload: Upload, partNumber: number): void {
  if (upload.checksum?.type !== "COMPOSITE") return;
  const { algorithm } = upload.checksum;
  if (childText(part, checksumElement(algorithm)) !== undefined) return;
  throw new SandboxError(
    "InvalidRequest",
    `The upload was created using a ${algorithm.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${partNumber} in the request.`,
  );
}

function checkSizes(request: S3Request, parts: readonly StoredPart[]): void {
  const small = parts.slice(0, -1).find((part) => part.content.sizeBytes < PART_BYTES_MIN);
  if (small !== undefined) {
    throw new SandboxError("EntityTooSmall", undefined, {
      ProposedSize: String(small.content.sizeBytes),
      MinSizeAllowed: String(PART_BYTES_MIN),
      PartNumber: String(small.partNumber),
      ETag: small.etag,
    });
  }
  const sizeBytes = parts.reduce((sum, part) => sum + part.content.sizeBytes, 0);
  const expected = header(request, "x-amz-mp-object-size");
  if (expected !== undefined && Number(expected) !== sizeBytes) {
    throw new SandboxError(
      "InvalidRequest",
      `The provided 'x-amz-mp-object-size' header value ${expected} does not match what was computed: ${sizeBytes}`,
    );
  }
}

async function checksumOfWhole(
  call: Call,
  upload: Upload,
  parts: readonly StoredPart[],
): Promise<StoredChecksum | undefined> {
  if (upload.checksum === undefined) return undefined;
  const { algorithm, type } = upload.checksum;
  const given = header(call.request, checksumHeader(algorithm));
  if (parts.some((part) => isDiscarded(part))) {
    return given === undefined ? undefined : { algorithm, base64: given, type };
  }
  const checksum =
    type === "COMPOSITE"
      ? compositeChecksum(
          algorithm,
          parts.map((part) => part.checksum?.base64 ?? ""),
          call.checksums,
        )
      : await readChecksum(call, upload.checksum.algorithm, parts);
  if (given !== undefined && given !== checksum.base64) {
    throw new SandboxError(
      "BadDigest",
      `The ${algorithm} you specified did not match the calculated checksum.`,
    );
  }
  return checksum;
}

function isDiscarded(part: StoredPart): boolean {
  return part.content instanceof PatternContent && part.content.seed === DISCARDED_SEED;
}

/** Reads all parts again: that is simpler than combining their checksums, and fast enough. */
async function readChecksum(
  call: Call,
  algorithm: StoredChecksum["algorithm"],
  parts: readonly StoredPart[],
): Promise<StoredChecksum> {
  const digest = createDigest(algorithm, call.checksums);
  for (const part of parts) await readContent(part.content, (bytes) => digest.update(bytes));
  return { algorithm, base64: digest.base64(), type: "FULL_OBJECT" };
}

interface Commit {
  readonly request: S3Request;
  readonly bucket: Bucket;
  readonly upload: Upload;
  readonly parts: readonly StoredPart[];
  readonly checksum: StoredChecksum | undefined;
}

/** Synchronous: what was checked before may have changed since, and is checked again here. */
function commit({ request, bucket, upload, parts, checksum }: Commit): StoredObject {
  const present = bucket.upload(upload.key, upload.uploadId);
  if (parts.some((part) => present.parts.get(part.partNumber) !== part)) {
    throw new SandboxError("InvalidPart");
  }
  checkWriteConditions(request, bucket.get(upload.key));
  bucket.endUpload(upload.key, upload.uploadId, parts);
  const object: StoredObject = {
    key: upload.key,
    content: joinContents(parts.map((part) => part.content)),
    etag: encryptedEtag(etagOfParts(parts), upload.headers),
    lastModifiedMs: storedNowMs(),
    storageClass: upload.storageClass,
    headers: upload.headers,
    checksum,
    partCount: parts.length,
  };
  bucket.put(object);
  return object;
}

/** The MD5 of the parts' MD5s, and their number. */
function etagOfParts(parts: readonly StoredPart[]): string {
  const hash = createHash("md5");
  for (const part of parts) hash.update(Buffer.from(part.etag.slice(1, -1), "hex"));
  return `"${hash.digest("hex")}-${parts.length}"`;
}
