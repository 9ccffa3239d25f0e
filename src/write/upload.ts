/**
 * One object being written, from its first byte to its last.
 *
 * Bytes are copied into blocks of the pool and sent from there. As long as they fit one part nothing
 * is sent before `complete`, which is then one PUT; the byte after that starts a multipart upload,
 * whose parts are sent while the next are filled. Whatever fails first decides: the rest is aborted,
 * and every later call gets the same error.
 *
 *   open ──complete──▶ completing ──▶ completed
 *     └──── failure, abort ────┴────▶ failed (clean-up runs; abort and complete wait for it)
 */

import type { Log } from "../base/log.ts";
import { inBackground, messageOf } from "../base/log.ts";
import { MIB } from "../base/sizes.ts";
import type { Block, BlockPool } from "../memory/index.ts";
import type { ObjectClient, Stored, UploadedPart } from "../s3/index.ts";
import { WriteError, type WriteErrorKind } from "./error.ts";
import { type ExpectedObject, md5OfBody, md5OfParts, storedAfterAll } from "./lost-reply.ts";
import { type Crc32c, OutgoingPart } from "./outgoing-part.ts";
import { UploadPace } from "./upload-pace.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const PARTS_MAX = 10_000;
/** Sooner sent alone than waited with for memory: the least that S3 takes as a part but the last. */
const EARLY_PART_BYTES = 5 * MIB;
/** For the clean-up after a failure, which somebody in close(2) waits for. */
const ABORT_MS = 30_000;

export interface UploadOptions {
  readonly client: ObjectClient;
  readonly pool: BlockPool;
  readonly crc32c: Crc32c;
  readonly key: string;
  /** The size of one part (--write-part-size). */
  readonly partBytes: number;
  readonly contentType?: string;
  /** Store only if there is no such object, or only over this version. */
  readonly ifNoneMatch?: "*";
  readonly ifMatch?: string;
  readonly log: Log;
}

/** One object being written. One per file handle. Errors: S3Error, MemoryError and WriteError. */
export interface Upload {
  /** Bytes taken so far, with those that a `write` still waits to place. */
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
  /** Leaves nothing behind. Idempotent; does nothing after a successful complete(). Never fails. */
  abort(): Promise<void>;
}

/** Begins an object. Sends nothing before the first part is full or `complete` is called. */
export function startUpload(options: UploadOptions): Upload {
  return new SequentialUpload(options);
}

interface Failed {
  readonly error: unknown;
  /** Resolves when nothing of the upload is left, here or in the store. */
  readonly cleanedUp: Promise<void>;
}

class SequentialUpload implements Upload {
  readonly #options: UploadOptions;
  readonly #abort = new AbortController();
  #bytesWritten = 0;
  #part: OutgoingPart;
  /** Parts that were given to the transport; the blocks of most are given back. */
  readonly #sent: OutgoingPart[] = [];
  readonly #uploaded: (UploadedPart | undefined)[] = [];
  #uploadId: Promise<string> | undefined;
  /** Requests that lend blocks or must end before the upload is aborted. They never reject. */
  readonly #inFlight = new Set<Promise<void>>();
  #blocksHeld = 0;
  readonly #pace = new UploadPace();
  /** The last write that had to wait. */
  #tail: Promise<number> | undefined;
  #completion: Promise<Stored> | undefined;
  #stored: Stored | undefined;
  #failed: Failed | undefined;

  constructor(options: UploadOptions) {
    this.#options = options;
    this.#part = new OutgoingPart(1, options.partBytes);
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  write(offset: number, data: Uint8Array): number | Promise<number> {
    this.#throwIfFailed();
    if (this.#completion !== undefined) throw this.#error("completed", "the object is complete");
    this.#admit(offset, data.length);
    if (this.#tail !== undefined) {
      return this.#enqueue(this.#tail.then(() => this.#appendRest(data, 0)));
    }
    const taken = this.#append(data, 0);
    return taken === data.length ? taken : this.#enqueue(this.#appendRest(data, taken));
  }

  complete(): Promise<Stored> {
    this.#completion ??= this.#complete();
    return this.#completion;
  }

  async abort(): Promise<void> {
    if (this.#stored !== undefined) return;
    this.#fail(this.#error("aborted", "the upload was aborted"));
    await this.#failed?.cleanedUp;
  }

  #admit(offset: number, byteCount: number): void {
    const { partBytes } = this.#options;
    const expected = this.#bytesWritten;
    if (offset !== expected) {
      const why = `the write begins at ${offset}, not at ${expected} where the last one ended`;
      throw this.#fail(this.#error("out-of-order", why));
    }
    if (expected + byteCount > partBytes * PARTS_MAX) {
      const why = `${expected + byteCount} bytes are more than ${PARTS_MAX} parts of ${partBytes}`;
      throw this.#fail(
        this.#error("too-large", `${why}; a larger --write-part-size allows larger files`),
      );
    }
    this.#bytesWritten += byteCount;
  }

  #enqueue(write: Promise<number>): Promise<number> {
    const done = (): void => {
      if (this.#tail === write) this.#tail = undefined;
    };
    this.#tail = write;
    write.then(done, done);
    return write;
  }

  /** Takes what can be taken of `data` from `start` without waiting. Returns where it stopped. */
  #append(data: Uint8Array, start: number): number {
    const { crc32c, pool } = this.#options;
    let at = start;
    while (at < data.length) {
      if (this.#part.full) this.#send();
      if (this.#part.needsBlock) {
        const ahead = this.#part.byteCount > 0 || this.#inFlight.size < this.#pace.partsInFlightMax;
        const block = ahead ? pool.tryTake("write", this.#blocksHeld) : undefined;
        if (block === undefined) break;
        this.#addBlock(block);
      }
      at += this.#part.append(at === 0 ? data : data.subarray(at), crc32c);
    }
    // The first part waits for the next byte: it may be the whole object.
    if (this.#part.full && this.#uploadId !== undefined) this.#send();
    return at;
  }

  async #appendRest(data: Uint8Array, start: number): Promise<number> {
    let at = this.#failed === undefined ? this.#append(data, start) : start;
    while (at < data.length) {
      this.#throwIfFailed();
      await this.#room();
      this.#throwIfFailed();
      at = this.#append(data, at);
    }
    return data.length;
  }

  /**
   * Waits for a part of ours to give its blocks back. A writer that has none under way sends what it
   * has, if that may be a part; only one with less stands in line for a block. So writers share the
   * pool however large their parts are to be, unless there are more of them than it has 5 MiB.
   */
  async #room(): Promise<void> {
    if (this.#inFlight.size > 0) {
      await Promise.race(this.#inFlight);
      return;
    }
    if (this.#part.byteCount >= EARLY_PART_BYTES) {
      this.#send();
      return;
    }
    try {
      const block = await this.#options.pool.take("write", this.#abort.signal);
      if (this.#failed === undefined) this.#addBlock(block);
      else this.#options.pool.give(block);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #addBlock(block: Block): void {
    this.#blocksHeld += 1;
    this.#part.addBlock(block);
  }

  #giveBlocks(part: OutgoingPart): void {
    this.#blocksHeld -= part.blockCount;
    part.give(this.#options.pool);
  }

  /** Sends the part that was filled, and begins the next. */
  #send(): void {
    const part = this.#part;
    this.#part = new OutgoingPart(part.partNumber + 1, this.#options.partBytes);
    this.#sent.push(part);
    this.#uploadId ??= this.#createUpload();
    const uploadId = this.#uploadId;
    this.#track(async () => {
      try {
        const id = await uploadId;
        const uploaded = await this.#pace.time(() => this.#uploadPart(part, id));
        this.#uploaded[part.partNumber - 1] = uploaded;
      } catch (error) {
        this.#fail(error);
      } finally {
        this.#giveBlocks(part);
      }
    });
  }

  /** Not aborted by the signal: without the id nobody could abort what was created. */
  #createUpload(): Promise<string> {
    const { client, key, contentType } = this.#options;
    return client.createUpload({
      key,
      checksumAlgorithm: "crc32c",
      ...(contentType === undefined ? {} : { contentType }),
    });
  }

  #uploadPart(part: OutgoingPart, uploadId: string): Promise<UploadedPart> {
    this.#throwIfFailed();
    const { client, key } = this.#options;
    const { partNumber, checksum } = part;
    const body = part.body();
    return client.uploadPart({ key, uploadId, partNumber, body, checksum }, this.#abort.signal);
  }

  #track(request: () => Promise<void>): void {
    const tracked = request().finally(() => this.#inFlight.delete(tracked));
    this.#inFlight.add(tracked);
  }

  async #complete(): Promise<Stored> {
    try {
      this.#throwIfFailed();
      await this.#tail;
      this.#stored = await (this.#uploadId === undefined ? this.#put() : this.#completeUpload());
      return this.#stored;
    } catch (error) {
      const first = this.#fail(error);
      await this.#failed?.cleanedUp;
      throw first;
    }
  }

  async #put(): Promise<Stored> {
    const { client, key, contentType } = this.#options;
    const part = this.#part;
    const body = part.byteCount === 0 ? [] : part.body();
    const { checksum } = part;
    const type = contentType === undefined ? {} : { contentType };
    const request = { key, body, checksum, ...type, ...this.#conditions() };
    const stored = await this.#settle(() => client.put(request, this.#abort.signal), {
      key,
      sizeBytes: this.#bytesWritten,
      md5Etag: () => md5OfBody(body),
    });
    this.#giveBlocks(part);
    return stored;
  }

  async #completeUpload(): Promise<Stored> {
    const { client, key } = this.#options;
    if (this.#part.byteCount > 0) this.#send();
    await Promise.all(this.#inFlight);
    this.#throwIfFailed();
    const parts = this.#checkedParts();
    const uploadId = (await this.#uploadId) ?? "";
    const request = { key, uploadId, parts, ...this.#conditions() };
    return await this.#settle(() => client.completeUpload(request, this.#abort.signal), {
      key,
      sizeBytes: this.#bytesWritten,
      md5Etag: () => md5OfParts(parts.map((part) => part.etag)),
    });
  }

  /** Performs the request that makes the object visible; nothing is cleaned up before it has ended. */
  async #settle(request: () => Promise<Stored>, expected: ExpectedObject): Promise<Stored> {
    const outcome = request().catch(async (error: unknown) => {
      const { client } = this.#options;
      const stored = await storedAfterAll(client, error, expected, this.#abort.signal);
      if (stored === undefined) throw error;
      return stored;
    });
    this.#track(async () => {
      await outcome.catch(() => {});
    });
    return await outcome;
  }

  /** The parts as the store has them, compared with what was written. */
  #checkedParts(): UploadedPart[] {
    const parts: UploadedPart[] = [];
    let byteCount = 0;
    for (const [i, sent] of this.#sent.entries()) {
      const uploaded = this.#uploaded[i];
      if (uploaded?.partNumber !== i + 1) throw this.#inconsistent(`part ${i + 1} is missing`);
      if (uploaded.sizeBytes !== sent.byteCount) {
        throw this.#inconsistent(
          `part ${i + 1} has ${uploaded.sizeBytes} of ${sent.byteCount} bytes`,
        );
      }
      const { base64 } = sent.checksum;
      // Stores that know no CRC-32C send none back.
      if (uploaded.checksum !== undefined && uploaded.checksum.base64 !== base64) {
        throw this.#inconsistent(`part ${i + 1} has another checksum`);
      }
      byteCount += sent.byteCount;
      parts.push(uploaded);
    }
    if (byteCount !== this.#bytesWritten) {
      throw this.#inconsistent(`the parts have ${byteCount} of ${this.#bytesWritten} bytes`);
    }
    return parts;
  }

  #conditions(): { readonly ifMatch?: string; readonly ifNoneMatch?: "*" } {
    const { ifMatch, ifNoneMatch } = this.#options;
    return {
      ...(ifMatch === undefined ? {} : { ifMatch }),
      ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
    };
  }

  /** Notes the first failure and starts the clean-up. Returns the error that everybody gets. */
  #fail(error: unknown): unknown {
    if (this.#failed === undefined) {
      this.#abort.abort(error);
      const cleanedUp = this.#cleanUp();
      this.#failed = { error, cleanedUp };
      inBackground(
        this.#options.log,
        `cleaning up after ${JSON.stringify(this.#options.key)}`,
        cleanedUp,
      );
    }
    return this.#failed.error;
  }

  async #cleanUp(): Promise<void> {
    const { client, key, log } = this.#options;
    // Lets the caller note the failure, so that what ends now finds it.
    await Promise.all(this.#inFlight);
    this.#giveBlocks(this.#part);
    if (this.#uploadId === undefined) return;
    let uploadId: string;
    try {
      uploadId = await this.#uploadId;
    } catch {
      // It was never created, and that is the failure being cleaned up after.
      return;
    }
    try {
      await client.abortUpload(key, uploadId, AbortSignal.timeout(ABORT_MS));
    } catch (error) {
      log.warn(
        `the parts of the failed upload of ${JSON.stringify(key)} stay in the bucket, unseen but ` +
          `billed, until a lifecycle rule or AbortMultipartUpload removes them: ${messageOf(error)}`,
      );
    }
  }

  #throwIfFailed(): void {
    if (this.#failed !== undefined) throw this.#failed.error;
  }

  #inconsistent(why: string): WriteError {
    return this.#error("inconsistent", why);
  }

  #error(kind: WriteErrorKind, why: string): WriteError {
    return new WriteError(kind, `writing ${JSON.stringify(this.#options.key)} failed: ${why}`);
  }
}
