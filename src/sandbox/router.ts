/** Which operation a request is: a table of all that the endpoint knows, S3's names included. */

import { appendObject, OFFSET_HEADER } from "./append-operation.ts";
import {
  createBucket,
  deleteBucket,
  getBucketLocation,
  headBucket,
  listBuckets,
} from "./bucket-operations.ts";
import { completeMultipartUpload } from "./complete-upload.ts";
import { SandboxError } from "./error.ts";
import { listObjects, listObjectsV2 } from "./list-operations.ts";
import {
  copyObject,
  deleteObject,
  deleteObjects,
  getObject,
  headObject,
  putObject,
} from "./object-operations.ts";
import type { Operation } from "./operation.ts";
import { renameObject } from "./rename-operation.ts";
import type { S3Request } from "./request.ts";
import { restoreObject } from "./restoration.ts";
import { createSession } from "./session-operation.ts";
import {
  abortMultipartUpload,
  createMultipartUpload,
  listMultipartUploads,
  listParts,
  uploadPart,
  uploadPartCopy,
} from "./upload-operations.ts";

/** The first row that fits is the operation; rows that ask for more stand before those for less. */
const OPERATIONS: readonly Operation[] = [
  { name: "ListBuckets", method: "GET", target: "service", run: listBuckets },
  { name: "HeadBucket", method: "HEAD", target: "bucket", run: headBucket },
  {
    name: "GetBucketLocation",
    method: "GET",
    target: "bucket",
    run: getBucketLocation,
    query: ["location"],
  },
  {
    name: "ListMultipartUploads",
    method: "GET",
    target: "bucket",
    run: listMultipartUploads,
    query: ["uploads"],
  },
  {
    name: "ListObjectsV2",
    method: "GET",
    target: "bucket",
    run: listObjectsV2,
    query: ["list-type=2"],
  },
  {
    name: "CreateSession",
    method: "GET",
    target: "bucket",
    run: createSession,
    query: ["session"],
  },
  { name: "ListObjects", method: "GET", target: "bucket", run: listObjects },
  {
    name: "DeleteObjects",
    method: "POST",
    target: "bucket",
    run: deleteObjects,
    query: ["delete"],
  },
  { name: "CreateBucket", method: "PUT", target: "bucket", run: createBucket },
  { name: "DeleteBucket", method: "DELETE", target: "bucket", run: deleteBucket },
  { name: "HeadObject", method: "HEAD", target: "object", run: headObject },
  { name: "ListParts", method: "GET", target: "object", run: listParts, query: ["uploadId"] },
  { name: "GetObject", method: "GET", target: "object", run: getObject },
  {
    name: "UploadPartCopy",
    method: "PUT",
    target: "object",
    run: uploadPartCopy,
    query: ["partNumber", "uploadId"],
    header: "x-amz-copy-source",
  },
  {
    name: "UploadPart",
    method: "PUT",
    target: "object",
    run: uploadPart,
    query: ["partNumber", "uploadId"],
  },
  {
    name: "RenameObject",
    method: "PUT",
    target: "object",
    run: renameObject,
    query: ["renameObject"],
  },
  {
    name: "CopyObject",
    method: "PUT",
    target: "object",
    run: copyObject,
    header: "x-amz-copy-source",
  },
  { name: "PutObject", method: "PUT", target: "object", run: appendObject, header: OFFSET_HEADER },
  { name: "PutObject", method: "PUT", target: "object", run: putObject },
  {
    name: "CreateMultipartUpload",
    method: "POST",
    target: "object",
    run: createMultipartUpload,
    query: ["uploads"],
  },
  {
    name: "RestoreObject",
    method: "POST",
    target: "object",
    run: restoreObject,
    query: ["restore"],
  },
  {
    name: "CompleteMultipartUpload",
    method: "POST",
    target: "object",
    run: completeMultipartUpload,
    query: ["uploadId"],
  },
  {
    name: "AbortMultipartUpload",
    method: "DELETE",
    target: "object",
    run: abortMultipartUpload,
    query: ["uploadId"],
  },
  { name: "DeleteObject", method: "DELETE", target: "object", run: deleteObject },
];

/** Query parameters that make a request another operation; S3 ignores the ones that it does not know. */
const SUBRESOURCES = new Set(
  [
    "abac accelerate acl analytics append attributes cors delete encryption intelligent-tiering",
    "inventory legal-hold lifecycle list-type location logging metadataConfiguration metadataTable",
    "metrics notification object-lock ownershipControls partNumber policy policyStatus",
    "publicAccessBlock renameObject replication requestPayment restore retention select session",
    "tagging torrent uploadId uploads versionId versioning versions website",
  ].flatMap((names) => names.split(" ")),
);

/** The operation that `request` asks for. Throws `NotImplemented` or `MethodNotAllowed`. */
export function route(request: S3Request): Operation {
  const target = request.bucket === "" ? "service" : request.key === "" ? "bucket" : "object";
  const subresources = [...request.query.keys()].filter((name) => SUBRESOURCES.has(name));
  const operation = OPERATIONS.find(
    (candidate) =>
      candidate.method === request.method &&
      candidate.target === target &&
      (candidate.header === undefined || request.headers[candidate.header] !== undefined) &&
      hasExactly(request, subresources, candidate.query ?? []),
  );
  if (operation !== undefined) return operation;
  if (subresources.length === 0) throw new SandboxError("MethodNotAllowed");
  const [name] = subresources;
  throw new SandboxError("NotImplemented", `The "${name}" operation is not implemented here.`);
}

/** Whether the parameters that count, `subresources`, are those that are `wanted`. */
function hasExactly(
  request: S3Request,
  subresources: readonly string[],
  wanted: readonly string[],
): boolean {
  if (subresources.length !== wanted.length) return false;
  return wanted.every((parameter) => {
    const [name = "", value] = parameter.split("=");
    return value === undefined ? request.query.has(name) : request.query.get(name) === value;
  });
}
