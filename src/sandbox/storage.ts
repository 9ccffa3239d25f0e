/**
 * Where objects live beyond the index in memory. The index (`Bucket`) holds every object's metadata
 * and decides; a storage keeps bytes, and, if it can, remembers the metadata for the next start. What
 * changes the metadata is synchronous: an object changes in one step for every reader.
 */

import { type ContentWriter, MemoryWriter } from "./content.ts";
import type { StoredObject } from "./stored-object.ts";

export interface StoredBucket {
  readonly name: string;
  readonly createdMs: number;
  readonly objects: readonly StoredObject[];
}

export interface Storage {
  /** What was saved before. Called once, first. */
  load(): readonly StoredBucket[];
  saveBucket(name: string, createdMs: number): void;
  /** The bucket is empty. */
  removeBucket(name: string): void;
  /** Replaces what was saved for the key. The content came from `createWriter` or is a pattern. */
  saveObject(bucket: string, object: StoredObject): void;
  removeObject(bucket: string, key: string): void;
  /** For exactly `sizeBytes` bytes. */
  createWriter(sizeBytes: number): ContentWriter;
}

/** Remembers nothing. */
export class MemoryStorage implements Storage {
  load(): readonly StoredBucket[] {
    return [];
  }
  saveBucket(): void {}
  removeBucket(): void {}
  saveObject(): void {}
  removeObject(): void {}
  createWriter(sizeBytes: number): ContentWriter {
    return new MemoryWriter(sizeBytes);
  }
}
