/**
 * The object store's language: one bucket behind the `ObjectClient` interface. The only layer that
 * knows HTTP, signatures and S3's XML; it knows nothing of files.
 *
 *     get, head, list, put, upload, delete ─▶ direct-path ─┐
 *                                                          ├─▶ transport ─▶ connection-pool ─▶ stream
 *     where the bucket is ─▶ sdk ──────────────────────────┘       (bodies land in the caller's sink)
 *
 * What moves bytes or names is signed and sent here, because the SDK costs twenty times the request;
 * what is rare (where a bucket is, what doctor tries) goes through @aws-sdk/client-s3 over the same
 * transport. Both retry by one policy, and all failures are an `S3Error` with one of a closed set of kinds.
 */

export type { Checksums } from "./body-check.ts";
export type { Checksum, ChecksumAlgorithm } from "./checksum.ts";
export { createObjectClient, type ObjectClientOptions } from "./client.ts";
export { credentialSources } from "./credential-sources.ts";
export { CachedCredentials, keyAndEnd } from "./credentials.ts";
export type { DirectoryBucketOptions } from "./directory-bucket.ts";
export type { Encryption } from "./encryption.ts";
export { S3Error, type S3ErrorKind } from "./error.ts";
export { Examination, type Trial } from "./examination.ts";
export {
  type AppendRequest,
  type BodySink,
  type CompleteUploadRequest,
  type CreateUploadRequest,
  type GetRequest,
  isArchiveClass,
  isFreeToRetrieve,
  type ListPage,
  type ListRequest,
  type ObjectClient,
  type ObjectInfo,
  type PutRequest,
  type RenameRequest,
  type Stored,
  type StoredInfo,
  type UploadedPart,
  type UploadPartRequest,
} from "./object-client.ts";
export { findRegion } from "./region.ts";
