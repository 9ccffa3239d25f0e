/** What an upload is to those who write through it, and what it is made of. */

import type { Log } from "../base/log.ts";
import type { Block, SmallBuffers } from "../memory/index.ts";
import type { ObjectClient, Stored } from "../s3/index.ts";
import type { PartMemory } from "./part-memory.ts";
import type { PartSchedule } from "./part-schedule.ts";
import type { Sums } from "./running-sum.ts";
import type { SpillFile } from "./spill-file.ts";
import type { PacedFiles } from "./upload-pace.ts";

/** What is to be written, and on which conditions. */
export interface UploadTarget {
  readonly key: string;
  /** Store only if there is no such object, or only over this version. */
  readonly ifNoneMatch?: "*";
  readonly ifMatch?: string;
  /** The object that is appended to, as it is; only of an uploader that appends. */
  readonly appendTo?: AppendedObject;
}

export interface AppendedObject {
  readonly etag: string;
  readonly sizeBytes: number;
}

/** The block that begins with `data`, in exchange for `block`; undefined where `data` has to be copied. */
export type Exchange = (data: Uint8Array, block: Block) => Block | undefined;

/** What all uploads of a mount share, made by `createUploader`. */
export interface UploadParts {
  readonly client: ObjectClient;
  readonly memory: PartMemory;
  readonly smallBuffers: SmallBuffers;
  readonly spillFile: SpillFile;
  readonly schedule: PartSchedule;
  readonly pacedFiles: PacedFiles;
  readonly sums: Sums;
  readonly contentTypeOf: (key: string) => string;
  readonly afterReply: (work: () => void) => void;
  readonly exchange: Exchange;
  readonly log: Log;
}

/** One object being written. One per file handle. Errors: S3Error, MemoryError and WriteError. */
export interface Upload {
  /** Where the next write begins: behind the bytes taken so far, placed or still waiting for room. */
  readonly bytesWritten: number;
  /**
   * Takes all of `data`, which must begin at `bytesWritten` (else WriteError "out-of-order") and is
   * lent until the result. Resolves once the bytes are in the arena; waits when too much is in
   * flight. After any failure the upload is dead: everything already sent is aborted, and every later
   * call fails with the same error. After `complete` was called it only says "completed".
   */
  write(offset: number, data: Uint8Array): number | Promise<number>;
  /** Makes the object visible with all that was written; also with nothing. Idempotent. */
  complete(): Promise<Stored>;
  /**
   * Makes visible what was written so far, and takes more; missing where an object is stored whole or not
   * at all.
   */
  readonly sync?: () => Promise<AppendedObject>;
  /**
   * Leaves nothing behind but what was appended. Idempotent; does nothing after a successful complete().
   * Never fails.
   */
  abort(): Promise<void>;
}
