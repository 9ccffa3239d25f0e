/**
 * The object store's language: one bucket behind the `ObjectClient` interface. The only layer that
 * knows HTTP, signatures and S3's XML; it knows nothing of files.
 *
 *     get, head, list ─▶ direct-path ─┐
 *                                     ├─▶ transport ─▶ connection-pool ─▶ connection ─▶ socket
 *     put, upload, delete ─▶ sdk ─────┘                  (bodies land in the caller's sink)
 *
 * Reads sign and send by themselves, because the SDK costs twenty times the request; everything that
 * is not hot goes through @aws-sdk/client-s3 over the same transport. Both retry by one policy, and all
 * failures are an `S3Error` with one of a closed set of kinds.
 */

export type { Checksums } from "./body-check.ts";
export type { Checksum } from "./checksum.ts";
export { createObjectClient, type ObjectClientOptions } from "./client.ts";
export { environmentCredentials } from "./credentials.ts";
export { S3Error, type S3ErrorKind } from "./error.ts";
export type {
  BodySink,
  CompleteUploadRequest,
  CreateUploadRequest,
  GetRequest,
  ListPage,
  ListRequest,
  ObjectClient,
  ObjectInfo,
  PutRequest,
  Stored,
  UploadedPart,
  UploadPartRequest,
} from "./object-client.ts";
