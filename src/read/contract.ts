/** CONTRACT (to be implemented, then folded into the layer's own files). */
import type { ReadReply } from "../base/attributes.ts";
import type { Log } from "../base/log.ts";
import type { BlockPool } from "../memory/block-pool.ts";
import type { ObjectClient } from "../s3/object-client.ts";

export interface ReaderOptions {
  readonly client: ObjectClient;
  readonly pool: BlockPool;
  readonly key: string;
  readonly etag: string;
  readonly objectBytes: number;
  /** The size of one ranged GET while reading ahead (--read-part-size). */
  readonly partBytes: number;
  readonly log: Log;
}

/** The bytes of one open object. One per file handle. */
export interface ObjectReader {
  /** Bytes from `offset`, clipped at the end of the object (no parts at or past it). */
  read(offset: number, byteCount: number): ReadReply | Promise<ReadReply>;
  /** Stops reading ahead and gives back every block that no unreleased reply lends. Idempotent. */
  close(): void;
}

export type OpenReader = (options: ReaderOptions) => ObjectReader;
