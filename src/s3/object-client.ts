/**
 * The object store as the layers above see it: one bucket, twelve verbs. `Client` (client.ts) is the
 * one real implementation; tests write their own.
 *
 * Every method retries what is worth retrying before it fails, and fails with an `S3Error` only.
 * Keys are whole keys: a mount's prefix is applied above.
 */

import type { CancelSignal } from "../base/cancellation.ts";
import type { Checksum, ChecksumAlgorithm } from "./checksum.ts";

/** What S3 says of an object. */
export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** With its quotes, as S3 sends it. */
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly storageClass: string | undefined;
  /** Whether an archived object can be read now (a restored copy exists); undefined: not asked. */
  readonly restored: boolean | undefined;
}

/**
 * When an object was stored, from a header or a listing, in whole seconds: headers tell no more, and some
 * servers' listings do, so that one object would have two times. 0 when there is none.
 */
export function parseLastModified(text: string | undefined): number {
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000) * 1000;
}

/** Whether objects of this class can be read only once they have been restored. */
export function isArchiveClass(storageClass: string | undefined): boolean {
  return storageClass === "GLACIER" || storageClass === "DEEP_ARCHIVE";
}

/** Classes whose objects cost nothing to retrieve beyond the request. */
const FREE_TO_RETRIEVE: ReadonlySet<string> = new Set([
  "STANDARD",
  "REDUCED_REDUNDANCY",
  "INTELLIGENT_TIERING",
  "EXPRESS_ONEZONE",
  "OUTPOSTS",
]);

/** Whether an object of this class may be read without a fee for each byte; of unknown ones nobody knows. */
export function isFreeToRetrieve(storageClass: string | undefined): boolean {
  return storageClass === undefined || FREE_TO_RETRIEVE.has(storageClass);
}

export interface StoredInfo extends ObjectInfo {
  /** As S3 has it: of checksums of parts with "-N" behind it, N being their number. */
  readonly checksum: Checksum | undefined;
}

export interface ListRequest {
  /** "" for the whole bucket. */
  readonly prefix: string;
  readonly delimiter?: "/";
  readonly maxKeys?: number;
  /** A key, the prefix included: only what comes behind it. Not for directory buckets. */
  readonly startAfter?: string;
  readonly continuationToken?: string;
}

export interface ListPage {
  readonly objects: readonly ObjectInfo[];
  /** Each with the prefix that was asked for and the delimiter, as S3 sends them. */
  readonly commonPrefixes: readonly string[];
  readonly continuationToken: string | undefined;
}

/**
 * Where a body goes. The transport asks `target()` for a place, receives into it from the socket, and
 * reports with `filled()`; so bytes move once, from the kernel into the caller's block.
 */
export interface BodySink {
  /** A non-empty view for the next bytes of the body. Asked anew after each `filled`. */
  target(): Uint8Array;
  /** The first `byteCount` bytes of the last target now hold the next bytes of the body. */
  filled(byteCount: number): void;
  /** What has come so far failed its checksum: the body starts over from its first byte. */
  restart(): void;
}

export interface GetRequest {
  readonly key: string;
  /** If-Match: the GET fails with `precondition-failed` when the object is another by now. */
  readonly etag: string;
  readonly offset: number;
  /** Exactly this many bytes arrive, or the GET fails. More than 0. */
  readonly byteCount: number;
  /** The object's size, so that a GET of all of it is known to be one and can be verified. */
  readonly objectBytes: number;
  readonly sink: BodySink;
}

export interface PutRequest {
  readonly key: string;
  /** Lent until the promise settles; written to the socket as they are. */
  readonly body: readonly Uint8Array[];
  readonly checksum: Checksum | undefined;
  readonly contentType?: string;
  readonly ifMatch?: string;
  readonly ifNoneMatch?: "*";
}

export interface Stored {
  readonly etag: string;
}

export interface CreateUploadRequest {
  readonly key: string;
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  readonly contentType?: string;
}

export interface UploadPartRequest {
  readonly key: string;
  readonly uploadId: string;
  /** From 1 to 10,000. */
  readonly partNumber: number;
  readonly body: readonly Uint8Array[];
  readonly checksum: Checksum | undefined;
}

export interface UploadedPart {
  readonly partNumber: number;
  readonly etag: string;
  readonly sizeBytes: number;
  /** What S3 computed of the bytes that it received; undefined from a server that computes none. */
  readonly checksum: Checksum | undefined;
}

export interface CompleteUploadRequest {
  readonly key: string;
  readonly uploadId: string;
  readonly parts: readonly UploadedPart[];
  /** Of the whole object, for S3 to compare with what it computes of the parts' checksums. */
  readonly checksum?: Checksum;
  readonly ifMatch?: string;
  readonly ifNoneMatch?: "*";
}

export interface AppendRequest {
  readonly key: string;
  /** The object as it is; fails with `precondition-failed` when it is another by now. */
  readonly etag: string;
  readonly offset: number;
  /** Not empty; lent as that of a `PutRequest`. */
  readonly body: readonly Uint8Array[];
  /** Of the body, by the algorithm that the object has, if it has one. */
  readonly checksum: Checksum | undefined;
}

export interface RenameRequest {
  readonly from: string;
  readonly to: string;
  /** Fails with `precondition-failed` when there is an object at `to`. */
  readonly ifNoneMatch?: "*";
}

export interface ObjectClient {
  head(key: string, signal?: CancelSignal): Promise<ObjectInfo>;
  /** What is stored, with its checksum: by `algorithm`, or by whichever it has. */
  headStored(
    key: string,
    algorithm: ChecksumAlgorithm | undefined,
    signal?: CancelSignal,
  ): Promise<StoredInfo>;
  /** Resolves when the last byte is in the sink. A body that breaks off or stalls is resumed. */
  get(request: GetRequest, signal?: CancelSignal): Promise<void>;
  list(request: ListRequest, signal?: CancelSignal): Promise<ListPage>;
  put(request: PutRequest, signal?: CancelSignal): Promise<Stored>;
  /** Resolves with the upload's id. */
  createUpload(request: CreateUploadRequest, signal?: CancelSignal): Promise<string>;
  uploadPart(request: UploadPartRequest, signal?: CancelSignal): Promise<UploadedPart>;
  completeUpload(request: CompleteUploadRequest, signal?: CancelSignal): Promise<Stored>;
  /** Succeeds also when the upload is gone already. */
  abortUpload(key: string, uploadId: string, signal?: CancelSignal): Promise<void>;
  delete(key: string, signal?: CancelSignal): Promise<void>;
  /** Once and in one step, whatever is lost on the way. For directory buckets only. */
  append(request: AppendRequest, signal?: CancelSignal): Promise<Stored>;
  /** In one step. For directory buckets only. */
  rename(request: RenameRequest, signal?: CancelSignal): Promise<void>;
  /** Closes every connection; what is in flight fails with kind "aborted". */
  close(): void;
}
