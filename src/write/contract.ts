/** CONTRACT (to be implemented, then folded into the layer's own files). */
import type { Log } from "../base/log.ts";
import type { BlockPool } from "../memory/block-pool.ts";
import type { ObjectClient, Stored } from "../s3/object-client.ts";

export interface UploadOptions {
  readonly client: ObjectClient;
  readonly pool: BlockPool;
  readonly key: string;
  /** The size of one part (--write-part-size). */
  readonly partBytes: number;
  readonly contentType?: string;
  readonly log: Log;
}

/** One object being written, from its first byte to its last. One per file handle. */
export interface Upload {
  readonly bytesWritten: number;
  /**
   * Takes all of `data`, which must begin at `bytesWritten` (else WriteError "out-of-order"). Resolves
   * once the bytes are in the arena; waits when too much is in flight. After any failure the upload
   * is dead: everything already sent is aborted, and every later call fails with the same error.
   */
  write(offset: number, data: Uint8Array): number | Promise<number>;
  /** Makes the object visible with all that was written; also with nothing. Idempotent. */
  complete(): Promise<Stored>;
  /** Leaves nothing behind. Idempotent; does nothing after a successful complete(). */
  abort(): Promise<void>;
}

export type StartUpload = (options: UploadOptions) => Upload;
