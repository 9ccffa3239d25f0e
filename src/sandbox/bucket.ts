/**
 * Buckets and what is in them: the index that every operation works on. All changes are synchronous,
 * so that a condition that was checked still holds when the change is made.
 */

import { randomBytes } from "node:crypto";
import type { ChecksumAlgorithm, ChecksumType } from "./checksum.ts";
import type { Content } from "./content.ts";
import { SandboxError } from "./error.ts";
import { listPage, type Page, type PageRequest } from "./listing.ts";
import { SortedKeys } from "./sorted-keys.ts";
import type { Storage } from "./storage.ts";
import type { StoredObject } from "./stored-object.ts";

/** One part of an upload in progress. */
export interface StoredPart {
  readonly partNumber: number;
  /** With its quotes. */
  readonly etag: string;
  readonly content: Content;
  readonly lastModifiedMs: number;
  /** In the algorithm of the upload, or of the part where the upload has none. */
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly base64: string } | undefined;
}

/** A multipart upload in progress. */
export interface Upload {
  readonly uploadId: string;
  readonly key: string;
  readonly initiatedMs: number;
  readonly storageClass: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum:
    | { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType }
    | undefined;
  readonly parts: ReadonlyMap<number, StoredPart>;
}

interface OpenUpload extends Upload {
  readonly parts: Map<number, StoredPart>;
}

export class Bucket {
  readonly name: string;
  readonly createdMs: number;
  /** What each client token renamed, so that a repetition does nothing. */
  readonly renamed = new Map<string, string>();
  readonly #storage: Storage;
  readonly #objects = new Map<string, StoredObject>();
  readonly #keys = new SortedKeys();
  readonly #uploads = new Map<string, OpenUpload>();

  /** `saved` is what `storage` holds of it already. */
  constructor(
    identity: { readonly name: string; readonly createdMs: number },
    storage: Storage,
    saved: readonly StoredObject[] = [],
  ) {
    this.name = identity.name;
    this.createdMs = identity.createdMs;
    this.#storage = storage;
    for (const object of saved) {
      this.#objects.set(object.key, object);
      this.#keys.add(object.key);
    }
  }

  get objectCount(): number {
    return this.#keys.count;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** Stores `object`, whose content it takes over, in place of what has its key. */
  put(object: StoredObject): void {
    this.#storage.saveObject(this.name, object);
    const replaced = this.#objects.get(object.key);
    this.#objects.set(object.key, object);
    if (replaced === undefined) this.#keys.add(object.key);
    else if (replaced.content !== object.content) replaced.content.release();
  }

  delete(key: string): void {
    const object = this.#objects.get(key);
    if (object === undefined) return;
    this.#storage.removeObject(this.name, key);
    this.#objects.delete(key);
    this.#keys.remove(key);
    object.content.release();
  }

  listPage(request: PageRequest): Page {
    return listPage(this.#keys, request);
  }

  /** In the order of their keys, then of their start. */
  uploads(): readonly Upload[] {
    return [...this.#uploads.values()];
  }

  createUpload(start: Omit<Upload, "uploadId" | "parts">): Upload {
    const upload = { ...start, uploadId: randomBytes(24).toString("base64url"), parts: new Map() };
    this.#uploads.set(upload.uploadId, upload);
    return upload;
  }

  upload(key: string, uploadId: string): Upload {
    return this.#openUpload(key, uploadId);
  }

  /** Takes over the content of `part`; releases it again where the upload is gone. */
  putPart(key: string, uploadId: string, part: StoredPart): void {
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined || upload.key !== key) {
      part.content.release();
      throw new SandboxError("NoSuchUpload");
    }
    upload.parts.get(part.partNumber)?.content.release();
    upload.parts.set(part.partNumber, part);
  }

  /** Ends an upload, giving up every part that is not among `kept`. */
  endUpload(key: string, uploadId: string, kept: readonly StoredPart[] = []): void {
    const upload = this.#openUpload(key, uploadId);
    this.#uploads.delete(uploadId);
    const keptParts = new Set(kept);
    for (const part of upload.parts.values()) {
      if (!keptParts.has(part)) part.content.release();
    }
  }

  #openUpload(key: string, uploadId: string): OpenUpload {
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined || upload.key !== key) {
      throw new SandboxError("NoSuchUpload", undefined, { UploadId: uploadId });
    }
    return upload;
  }
}

/** All buckets of an endpoint. */
export class Buckets {
  readonly storage: Storage;
  readonly #buckets = new Map<string, Bucket>();

  constructor(storage: Storage) {
    this.storage = storage;
    for (const saved of storage.load()) {
      this.#buckets.set(saved.name, new Bucket(saved, storage, saved.objects));
    }
  }

  /** By name. */
  all(): readonly Bucket[] {
    return [...this.#buckets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): Bucket | undefined {
    return this.#buckets.get(name);
  }

  /** The bucket, or `NoSuchBucket`. */
  get(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket !== undefined) return bucket;
    throw new SandboxError("NoSuchBucket", undefined, { BucketName: name });
  }

  /** Throws `InvalidBucketName`. Names: 3 to 63 of a-z, 0-9, dot and hyphen, as S3 has it. */
  create(name: string): Bucket {
    const valid = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes("..");
    if (!valid) throw new SandboxError("InvalidBucketName", undefined, { BucketName: name });
    const bucket = new Bucket({ name, createdMs: Date.now() }, this.storage);
    this.storage.saveBucket(name, bucket.createdMs);
    this.#buckets.set(name, bucket);
    return bucket;
  }

  /** Throws `NoSuchBucket` or `BucketNotEmpty`. Uploads in progress go with the bucket. */
  delete(name: string): void {
    const bucket = this.get(name);
    if (bucket.objectCount > 0) {
      throw new SandboxError("BucketNotEmpty", undefined, { BucketName: name });
    }
    for (const { key, uploadId } of bucket.uploads()) bucket.endUpload(key, uploadId);
    this.storage.removeBucket(name);
    this.#buckets.delete(name);
  }
}
