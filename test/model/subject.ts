/**
 * What the model is compared with: a mounted bucket whose root belongs to the test, and the hand of
 * somebody else in the same bucket. Failures of the tree carry `code`.
 */

import type { OpenFile, Tree } from "../rigs/rig.ts";

/** What a mount that believes S3 for a moment only must have forgotten; a test passes it in less. */
export const LATER_MS = 2000;

export interface Listed {
  readonly name: string;
  readonly kind: "file" | "directory";
  readonly ino: number;
  readonly sizeBytes: number;
}

export interface Subject {
  readonly tree: Tree;
  /** The real handles behind the model's. */
  readonly files: Map<number, OpenFile>;
  /** Another client stores an object, or deletes one. */
  store(key: string, content: string): Promise<void>;
  remove(key: string): Promise<void>;
  /** Closes a copy of a handle's descriptor that dup(2) has made; throws where Node has no dup(2). */
  closeDuplicate(number: number): Promise<void>;
  /** The kernel gives back its lookups of directories; throws where it does so only by itself. */
  forget(): void;
  /** Keys in the bucket, sorted. */
  keys(): Promise<readonly string[]>;
  /** Of an object in the bucket; undefined when there is none. */
  sizeOf(key: string): Promise<number | undefined>;
  list(directory: string): Promise<readonly Listed[]>;
  /** Lets time pass. */
  elapse(ms: number): Promise<void>;
  /** A close of an empty file returns before it is stored; resolves when it is. */
  stored(path: string): Promise<void>;
  /** Whether a reader may be shown what it has read before of a version that is gone. */
  readonly cachesPages: boolean;
  /** Whether time passes by itself, and what is only believed for a while may be forgotten. */
  readonly clockRuns: boolean;
}
