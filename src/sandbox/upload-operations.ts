/** CreateMultipartUpload, UploadPart, AbortMultipartUpload, ListParts and ListMultipartUploads. */

import type { StoredPart, Upload } from "./bucket.ts";
import { type ChecksumType, checksumElement, checksumHeader, parseAlgorithm } from "./checksum.ts";
import { encryptedEtag, toldEncryption } from "./encryption.ts";
import { SandboxError } from "./error.ts";
import { keyEncoder, parseCount } from "./list-operations.ts";
import { commonPrefixOf } from "./listing.ts";
import { storageClassOf, uploadHeaders } from "./object-metadata.ts";
import { checkKey } from "./object-operations.ts";
import { type Answer, bucketOf, type Call, emptyAnswer, xmlAnswer } from "./operation.ts";
import { header, type S3Request } from "./request.ts";
import { compareKeys } from "./sorted-keys.ts";
import { storedNowMs } from "./stored-object.ts";
import { takeUpload } from "./upload-intake.ts";
import { element, isoTime, optionalElement, parent, xmlDocument } from "./xml.ts";

const PART_NUMBER_MAX = 10_000;
/** S3's, of ListParts and of ListMultipartUploads. */
const PAGE_ENTRIES_MAX = 1000;

export function createMultipartUpload(call: Call): Answer {
  const { request } = call;
  const bucket = bucketOf(call);
  checkKey(request.key);
  const checksum = uploadChecksum(request);
  const upload = bucket.createUpload({
    key: request.key,
    initiatedMs: storedNowMs(),
    storageClass: storageClassOf(request),
    headers: uploadHeaders(request),
    checksum,
  });
  const document = xmlAnswer(
    xmlDocument(
      "InitiateMultipartUploadResult",
      element("Bucket", bucket.name),
      element("Key", upload.key),
      element("UploadId", upload.uploadId),
    ),
  );
  const told = { ...document.headers, ...toldEncryption(upload.headers) };
  const answer = { ...document, headers: told };
  if (checksum === undefined) return answer;
  const headers = {
    ...answer.headers,
    "x-amz-checksum-algorithm": checksum.algorithm,
    "x-amz-checksum-type": checksum.type,
  };
  return { ...answer, headers };
}

function uploadChecksum(request: S3Request): Upload["checksum"] {
  const name = header(request, "x-amz-checksum-algorithm");
  const type = header(request, "x-amz-checksum-type");
  if (name === undefined) {
    if (type === undefined) return undefined;
    throw new SandboxError(
      "InvalidRequest",
      "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
    );
  }
  const algorithm = parseAlgorithm(name);
  // Only the CRC of a whole can be computed from those of its parts, and CRC64NVME is always of a whole.
  const usual: ChecksumType = algorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE";
  const other: ChecksumType = algorithm.startsWith("CRC32") ? "FULL_OBJECT" : usual;
  const wanted = [usual, other].find((allowed) => allowed === (type ?? usual));
  if (wanted !== undefined) return { algorithm, type: wanted };
  throw new SandboxError(
    "InvalidRequest",
    `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
  );
}

export async function uploadPart(call: Call): Promise<Answer> {
  const { request } = call;
  const bucket = bucketOf(call);
  const uploadId = uploadIdOf(request);
  const upload = bucket.upload(request.key, uploadId);
  const partNumber = Number(request.query.get("partNumber"));
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > PART_NUMBER_MAX) {
    throw new SandboxError(
      "InvalidArgument",
      "Part number must be an integer between 1 and 10000, inclusive",
      { ArgumentName: "partNumber", ArgumentValue: request.query.get("partNumber") ?? "" },
    );
  }
  const wanted = upload.checksum;
  const taken = await takeUpload(
    call,
    wanted?.type === "FULL_OBJECT" ? wanted.algorithm : undefined,
  );
  if (
    wanted !== undefined &&
    !call.dials.discard &&
    taken.checksum?.algorithm !== wanted.algorithm
  ) {
    taken.content.release();
    throw new SandboxError(
      "InvalidRequest",
      `Checksum Type mismatch occurred, expected checksum Type: ${wanted.algorithm.toLowerCase()}, actual checksum Type: ${taken.checksum?.algorithm.toLowerCase() ?? "null"}`,
    );
  }
  const etag = encryptedEtag(taken.etag, upload.headers);
  const lastModifiedMs = storedNowMs();
  bucket.putPart(request.key, uploadId, { ...taken, etag, partNumber, lastModifiedMs });
  if (taken.checksum === undefined) return emptyAnswer(200, { etag });
  const { algorithm, base64 } = taken.checksum;
  return emptyAnswer(200, { etag, [checksumHeader(algorithm)]: base64 });
}

export function uploadIdOf(request: S3Request): string {
  return request.query.get("uploadId") ?? "";
}

export function uploadPartCopy(): Answer {
  throw new SandboxError("NotImplemented", "UploadPartCopy is not implemented.");
}

export function abortMultipartUpload(call: Call): Answer {
  const { request } = call;
  bucketOf(call).endUpload(request.key, uploadIdOf(request));
  return emptyAnswer(204);
}

export function listParts(call: Call): Answer {
  const { request } = call;
  const upload = bucketOf(call).upload(request.key, uploadIdOf(request));
  const encode = keyEncoder(request);
  const marker = parseCount(request, "part-number-marker", PART_NUMBER_MAX);
  const behind = request.query.has("part-number-marker") ? marker : 0;
  const entriesMax = parseCount(request, "max-parts", PAGE_ENTRIES_MAX);
  const parts = [...upload.parts.values()]
    .filter((part) => part.partNumber > behind)
    .sort((a, b) => a.partNumber - b.partNumber);
  const page = parts.slice(0, entriesMax);
  return xmlAnswer(
    xmlDocument(
      "ListPartsResult",
      element("Bucket", request.bucket),
      element("Key", encode(upload.key)),
      element("UploadId", upload.uploadId),
      element("StorageClass", upload.storageClass),
      element("PartNumberMarker", behind),
      element("NextPartNumberMarker", page.at(-1)?.partNumber ?? 0),
      element("MaxParts", entriesMax),
      element("IsTruncated", page.length < parts.length),
      optionalElement("ChecksumAlgorithm", upload.checksum?.algorithm),
      optionalElement("ChecksumType", upload.checksum?.type),
      ...page.map(partElement),
    ),
  );
}

function partElement(part: StoredPart): string {
  const { checksum } = part;
  return parent(
    "Part",
    element("PartNumber", part.partNumber),
    element("LastModified", isoTime(part.lastModifiedMs)),
    element("ETag", part.etag),
    element("Size", part.content.sizeBytes),
    checksum === undefined ? "" : element(checksumElement(checksum.algorithm), checksum.base64),
  );
}

export function listMultipartUploads(call: Call): Answer {
  const { request } = call;
  const { query } = request;
  const encode = keyEncoder(request);
  const keyMarker = query.get("key-marker") ?? "";
  const idMarker = query.get("upload-id-marker") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const prefix = query.get("prefix") ?? "";
  const entriesMax = parseCount(request, "max-uploads", PAGE_ENTRIES_MAX);
  const waiting = [...bucketOf(call).uploads()]
    .sort((a, b) => compareKeys(a.key, b.key) || compareKeys(a.uploadId, b.uploadId))
    .filter((upload) => upload.key.startsWith(prefix) && isBehind(upload, keyMarker, idMarker));
  // Each entry is XML by the name that sorts it; uploads of one common prefix give the same entry.
  const found = new Map<string, { readonly upload: Upload | undefined; readonly name: string }>();
  for (const upload of waiting) {
    const common = commonPrefixOf(upload.key, prefix, delimiter);
    if (common === undefined) found.set(`u${upload.uploadId}`, { upload, name: upload.key });
    else if (common !== keyMarker) found.set(`p${common}`, { upload: undefined, name: common });
  }
  const page = [...found.values()].slice(0, entriesMax);
  const last = page.length < found.size ? page.at(-1) : undefined;
  return xmlAnswer(
    xmlDocument(
      "ListMultipartUploadsResult",
      element("Bucket", request.bucket),
      element("KeyMarker", encode(keyMarker)),
      element("UploadIdMarker", idMarker),
      last === undefined ? "" : element("NextKeyMarker", encode(last.name)),
      optionalElement("NextUploadIdMarker", last?.upload?.uploadId),
      element("Prefix", encode(prefix)),
      delimiter === "" ? "" : element("Delimiter", encode(delimiter)),
      optionalElement("EncodingType", query.get("encoding-type")),
      element("MaxUploads", entriesMax),
      element("IsTruncated", last !== undefined),
      ...page.map(({ upload, name }) =>
        upload === undefined
          ? parent("CommonPrefixes", element("Prefix", encode(name)))
          : uploadElement(upload, encode(name)),
      ),
    ),
  );
}

/** Without an upload's id, the key marker stands for all uploads of that key. */
function isBehind(upload: Upload, keyMarker: string, idMarker: string): boolean {
  const order = compareKeys(upload.key, keyMarker);
  if (order !== 0) return order > 0 || keyMarker === "";
  return idMarker !== "" && compareKeys(upload.uploadId, idMarker) > 0;
}

function uploadElement(upload: Upload, key: string): string {
  return parent(
    "Upload",
    element("Key", key),
    element("UploadId", upload.uploadId),
    element("StorageClass", upload.storageClass),
    element("Initiated", isoTime(upload.initiatedMs)),
    optionalElement("ChecksumAlgorithm", upload.checksum?.algorithm),
    optionalElement("ChecksumType", upload.checksum?.type),
  );
}
