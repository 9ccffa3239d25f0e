/** What starts the uploads of a mount, and all that they share. */

import type { Log } from "../base/log.ts";
import { BLOCK_BYTES, type BlockPool, SmallBuffers } from "../memory/index.ts";
import type { Checksums, ObjectClient } from "../s3/index.ts";
import { AppendUpload } from "./append-upload.ts";
import type { Exchange, Upload, UploadTarget } from "./contract.ts";
import { PartMemory } from "./part-memory.ts";
import { PartSchedule } from "./part-schedule.ts";
import { Sums, type UploadChecksums } from "./running-sum.ts";
import { SpillFile } from "./spill-file.ts";
import { SequentialUpload } from "./upload.ts";
import { PacedFiles } from "./upload-pace.ts";

export interface UploaderOptions {
  readonly client: ObjectClient;
  readonly pool: BlockPool;
  readonly checksums: Checksums;
  readonly uploadChecksums: UploadChecksums;
  /** The size of the parts that a file begins with (--write-part-size). */
  readonly partBytes: number;
  /** Whether objects grow while they are written, as those of directory buckets can. */
  readonly appends?: boolean;
  /** The Content-Type of an object; that of any bytes when absent. */
  readonly contentTypeOf?: ((key: string) => string) | undefined;
  /** Fewer parts than S3 takes, or smaller objects: for tests. */
  readonly partsMax?: number;
  readonly targetBytes?: number;
  /** In place of 30 s: how long no writer may get on before one is refused. */
  readonly stuckMs?: number;
  /** Where parts may wait on disk while memory is short: the first that can be written to. */
  readonly spillDirectories?: readonly string[];
  /**
   * Runs `work` when whoever writes has been told that its bytes were taken, and before they are given
   * back or anything else is asked of the upload; at once when absent.
   */
  readonly afterReply?: ((work: () => void) => void) | undefined;
  /** Absent where all that is written has to be copied. */
  readonly exchange?: Exchange | undefined;
  readonly log: Log;
}

/** What S3 itself calls an object of no named type. */
export const ANY_BYTES = "binary/octet-stream";
/** Of the memory for writing: what is filled while another such part is sent. */
const LARGEST_PART_SHARE = 2;

/** Begins an object. Sends nothing before the first part is full or `complete` is called. */
export type StartUpload = (target: UploadTarget) => Upload;

export function createUploader(options: UploaderOptions): StartUpload {
  const { checksums, client, log, partBytes, pool, uploadChecksums } = options;
  const spillFile = new SpillFile({ directories: options.spillDirectories ?? [], log });
  const memory = new PartMemory({
    pool,
    partBytes,
    stuckMs: options.stuckMs,
    spillRefusal: () => spillFile.refusal,
  });
  const memoryBytes = (pool.writeBlocksMax * BLOCK_BYTES) / LARGEST_PART_SHARE;
  const shared = memory.join();
  const parts = {
    client,
    memory,
    smallBuffers: new SmallBuffers({
      tryTake: () => memory.tryTakeShared(shared),
      give: (block) => memory.giveHeld(shared, [block]),
    }),
    spillFile,
    schedule: new PartSchedule({ ...options, memoryBytes }),
    pacedFiles: new PacedFiles(),
    sums: new Sums(uploadChecksums, checksums),
    contentTypeOf: options.contentTypeOf ?? (() => ANY_BYTES),
    afterReply: options.afterReply ?? ((work) => work()),
    exchange: options.exchange ?? (() => undefined),
    log,
  };
  if (options.appends === true) return (target) => new AppendUpload(target, parts);
  return (target) => new SequentialUpload(target, parts);
}
