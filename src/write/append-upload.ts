/**
 * One object that grows while it is written: each part is appended to it when it is full, or when
 * somebody wants to see it, and is visible from then on.
 *
 * Each append names the version that the one before has made, so that only one is under way, and nobody
 * else's bytes come between. Meanwhile the next part is filled, beyond its size if it has to wait. What
 * fails ends the upload; what was appended before stays.
 *
 *     write ─▶ part being filled ─▶ part under way ─▶ the object
 */

import { inBackground } from "../base/log.ts";
import { type Checksum, S3Error, type Stored } from "../s3/index.ts";
import type { AppendedObject, Upload, UploadParts, UploadTarget } from "./contract.ts";
import { WriteError, type WriteErrorKind } from "./error.ts";
import { md5OfBody, storedAfterAll } from "./lost-reply.ts";
import { OutgoingPart } from "./outgoing-part.ts";
import { type Filler, SENDABLE_BYTES } from "./part-memory.ts";
import type { Sums } from "./running-sum.ts";
import { UploadMemory } from "./upload-memory.ts";

/** How far a part is filled beyond its size while the one before is under way. */
const GROWTH = 4;

/** Sends nothing before the first part is full or somebody wants to see it, but for a question. */
export class AppendUpload implements Upload {
  readonly #target: UploadTarget;
  readonly #parts: UploadParts;
  readonly #filler: Filler;
  readonly #memory: UploadMemory;
  /** Ends those who wait for memory. */
  readonly #waiting = new AbortController();
  readonly #requests = new AbortController();
  #sums: Sums;
  /** The object as it is; undefined before there is one. */
  #object: AppendedObject | undefined;
  #bytesWritten: number;
  /** Bytes that were appended, and in how many parts. */
  #sentBytes = 0;
  #sentParts = 0;
  #part: OutgoingPart;
  /** The part under way. Never rejects. */
  #sending: Promise<void> | undefined;
  /** Whether a block was asked for that the part has not got: it must not be sent before. */
  #isInLine: boolean = false;
  /** The last write that had to wait. */
  #tail: Promise<unknown> | undefined;
  #completion: Promise<Stored> | undefined;
  #failed: { readonly error: unknown; readonly cleanedUp: Promise<void> } | undefined;

  constructor(target: UploadTarget, parts: UploadParts) {
    this.#target = target;
    this.#parts = parts;
    const owner = { sendEarly: () => this.#sendEarly(), spill: () => this.#spill() };
    this.#filler = parts.memory.join(owner);
    this.#memory = new UploadMemory(parts, this.#filler);
    this.#sums = parts.sums;
    this.#object = target.appendTo;
    this.#bytesWritten = target.appendTo?.sizeBytes ?? 0;
    this.#part = this.#newPart();
    // Whoever writes waits for it, and learns why it failed.
    if (target.appendTo !== undefined) {
      this.#enqueue(this.#learnChecksum(target.appendTo)).catch(() => {});
    }
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  write(offset: number, data: Uint8Array): number | Promise<number> {
    this.#throwIfFailed();
    if (this.#completion !== undefined) throw this.#error("completed", "the object is complete");
    this.#admit(offset, data.length);
    this.#memory.noteWrite();
    if (this.#tail !== undefined) {
      return this.#enqueue(this.#tail.then(() => this.#appendRest(data, 0)));
    }
    const taken = this.#append(data, 0);
    return taken === data.length ? taken : this.#enqueue(this.#appendRest(data, taken));
  }

  readonly sync = async (): Promise<AppendedObject> => {
    try {
      this.#throwIfFailed();
      const end = this.#bytesWritten;
      await this.#tail;
      while (this.#object === undefined || this.#object.sizeBytes < end) {
        if (this.#sending === undefined) this.#send();
        await this.#sending;
        this.#throwIfFailed();
      }
      return this.#object;
    } catch (error) {
      throw this.#fail(error);
    }
  };

  complete(): Promise<Stored> {
    this.#completion ??= this.#complete();
    return this.#completion;
  }

  async abort(): Promise<void> {
    const error = this.#fail(this.#error("aborted", "the upload was aborted"));
    this.#requests.abort(error);
    await this.#failed?.cleanedUp;
  }

  async #complete(): Promise<Stored> {
    try {
      const stored = await this.sync();
      this.#memory.leave();
      return stored;
    } catch (error) {
      await this.#failed?.cleanedUp;
      throw error;
    }
  }

  /** What is appended has to be summed as the object is. */
  async #learnChecksum({ etag }: AppendedObject): Promise<void> {
    const { client, sums } = this.#parts;
    try {
      const info = await client.headStored(this.#target.key, undefined, this.#requests.signal);
      if (info.etag !== etag) throw this.#overtaken();
      this.#sums = sums.by(info.checksum?.algorithm);
      this.#part = this.#newPart();
    } catch (error) {
      throw this.#fail(this.#explain(error));
    }
  }

  #admit(offset: number, byteCount: number): void {
    const { schedule } = this.#parts;
    const expected = this.#bytesWritten;
    if (offset !== expected) {
      const why = `the write begins at ${offset}, not at ${expected} where the file ends`;
      throw this.#fail(this.#error("out-of-order", why));
    }
    // How many parts there were before is not known: S3 says when there are too many.
    const before = this.#target.appendTo?.sizeBytes ?? 0;
    if (expected - before + byteCount > schedule.reachBytes) {
      throw this.#fail(this.#error("too-large", schedule.whyTooLarge));
    }
    this.#bytesWritten += byteCount;
  }

  #enqueue<T>(work: Promise<T>): Promise<T> {
    const done = (): void => {
      if (this.#tail === work) this.#tail = undefined;
    };
    this.#tail = work;
    work.then(done, done);
    return work;
  }

  /** Takes what can be taken of `data` from `start` without waiting. Returns where it stopped. */
  #append(data: Uint8Array, start: number): number {
    let at = start;
    while (at < data.length) {
      if (this.#part.full) {
        if (this.#sending !== undefined) break;
        this.#send();
      }
      const isRoom = !this.#part.needsBlock || this.#findRoom(data.length - at);
      if (!isRoom) break;
      at += this.#part.append(at === 0 ? data : data.subarray(at));
    }
    this.#sendIfDue();
    return at;
  }

  #findRoom(byteCount: number): boolean {
    return this.#memory.beginSmall(this.#part, byteCount) || this.#memory.tryAddBlock(this.#part);
  }

  async #appendRest(data: Uint8Array, start: number): Promise<number> {
    let at = start;
    while (at < data.length) {
      this.#throwIfFailed();
      at = this.#append(data, at);
      if (at < data.length) await this.#room();
    }
    return data.length;
  }

  /** Waits for the part under way, or sends what there is, or stands in line for a block. */
  async #room(): Promise<void> {
    if (this.#sending !== undefined) {
      await this.#sending;
      return;
    }
    if (this.#sendEarly()) return;
    this.#isInLine = true;
    try {
      const part = () => (this.#failed === undefined ? this.#part : undefined);
      await this.#memory.addBlock(part, this.#waiting.signal);
    } catch (error) {
      throw this.#fail(error);
    } finally {
      this.#isInLine = false;
    }
  }

  get #partBytes(): number {
    return this.#parts.schedule.sizeOf(this.#sentParts + 1, this.#sentBytes);
  }

  #newPart(): OutgoingPart {
    const { partBytes } = this.#parts.schedule;
    const bytesMax = Math.max(this.#partBytes, GROWTH * partBytes);
    return new OutgoingPart(this.#sentParts + 1, bytesMax, {
      sums: this.#sums,
      exchange: this.#parts.exchange,
    });
  }

  #sendIfDue(): void {
    if (this.#sending === undefined && this.#part.byteCount >= this.#partBytes) this.#send();
  }

  /** Sends the part before it has its size, so that its memory comes back. */
  #sendEarly(bytesMin = SENDABLE_BYTES): boolean {
    const isIdle = this.#failed === undefined && this.#sending === undefined;
    if (!isIdle || this.#isInLine || this.#part.byteCount < bytesMin) return false;
    this.#send();
    return true;
  }

  /** Anything can be appended, so that nothing has to wait on disk. Returns how many blocks come back. */
  #spill(): number {
    const { heldBlocks } = this.#filler;
    return heldBlocks > 0 && this.#sendEarly(1) ? heldBlocks : 0;
  }

  /** Sends the part that was filled, and begins the next. The caller has seen that none is under way. */
  #send(): void {
    const part = this.#part;
    this.#memory.send();
    this.#sentParts += 1;
    this.#sentBytes += part.byteCount;
    this.#part = this.#newPart();
    this.#sending = this.#store(part);
  }

  async #store(part: OutgoingPart): Promise<void> {
    try {
      const { etag } = await this.#put(part);
      this.#object = { etag, sizeBytes: (this.#object?.sizeBytes ?? 0) + part.byteCount };
    } catch (error) {
      this.#fail(this.#explain(error));
    } finally {
      this.#memory.give(part, true);
      this.#sending = undefined;
    }
    if (this.#failed === undefined) this.#sendIfDue();
  }

  async #put(part: OutgoingPart): Promise<Stored> {
    const { client } = this.#parts;
    const { key } = this.#target;
    const { checksum } = part;
    const body = part.byteCount === 0 ? [] : part.body();
    // Nobody else will compare what is sent with what was written.
    if (checksum === undefined && !part.isIntact()) {
      throw this.#error("inconsistent", "it has changed in memory");
    }
    if (this.#object === undefined) return await this.#create(body, checksum, part.byteCount);
    const { etag, sizeBytes: offset } = this.#object;
    const { signal } = this.#requests;
    return await client.append({ key, etag, offset, body, checksum }, signal);
  }

  /** Stores the object's first bytes. */
  async #create(
    body: readonly Uint8Array[],
    checksum: Checksum | undefined,
    sizeBytes: number,
  ): Promise<Stored> {
    const { client, contentTypeOf } = this.#parts;
    const { signal } = this.#requests;
    const { appendTo: _, key, ...conditions } = this.#target;
    const request = { key, ...conditions, body, checksum, contentType: contentTypeOf(key) };
    try {
      return await client.put(request, signal);
    } catch (error) {
      const expected = { key, sizeBytes, checksum, md5Etag: () => md5OfBody(body) };
      const stored = await storedAfterAll(client, error, expected, signal);
      if (stored === undefined) throw error;
      return stored;
    }
  }

  /** Says what it means that the object is not what it was. */
  #explain(error: unknown): unknown {
    if (!(error instanceof S3Error) || this.#object === undefined) return error;
    if (error.kind === "precondition-failed") return this.#overtaken(error);
    if (error.kind !== "not-found") return error;
    return this.#error("deleted", "the object was deleted", error);
  }

  #overtaken(cause?: unknown): WriteError {
    const why =
      "another client has changed the object; open the file again to append to it as it is";
    return this.#error("overtaken", why, cause);
  }

  /** Notes the first failure. Returns the error that everybody gets. */
  #fail(error: unknown): unknown {
    if (this.#failed === undefined) {
      this.#waiting.abort(error);
      const cleanedUp = this.#cleanUp();
      this.#failed = { error, cleanedUp };
      const what = `cleaning up after ${JSON.stringify(this.#target.key)}`;
      inBackground(this.#parts.log, what, cleanedUp);
    }
    return this.#failed.error;
  }

  async #cleanUp(): Promise<void> {
    // Lets the caller note the failure, so that what ends now finds it.
    await this.#sending;
    this.#memory.give(this.#part, false);
    this.#memory.leave();
  }

  #throwIfFailed(): void {
    if (this.#failed !== undefined) throw this.#failed.error;
  }

  #error(kind: WriteErrorKind, why: string, cause?: unknown): WriteError {
    const message = `appending to ${JSON.stringify(this.#target.key)} failed: ${why}`;
    return new WriteError(kind, message, cause === undefined ? {} : { cause });
  }
}
