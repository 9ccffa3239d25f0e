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

import { Cancellation } from "../base/cancellation.ts";
import { inBackground } from "../base/log.ts";
import { KIB } from "../base/sizes.ts";
import type { Stored, UploadedPart } from "../s3/index.ts";
import type { Upload, UploadParts, UploadTarget } from "./contract.ts";
import { WriteError, type WriteErrorKind } from "./error.ts";
import { InFlight } from "./in-flight.ts";
import { type ExpectedObject, md5OfBody, md5OfParts, storedAfterAll } from "./lost-reply.ts";
import { OutgoingPart } from "./outgoing-part.ts";
import { type Filler, SENDABLE_BYTES } from "./part-memory.ts";
import type { RunningSum } from "./running-sum.ts";
import { SentParts } from "./sent-parts.ts";
import { Spill } from "./spill.ts";
import { UploadMemory } from "./upload-memory.ts";
import { UploadPace } from "./upload-pace.ts";
import { withdrawUpload } from "./withdrawal.ts";

/** Copying and summing so many bytes takes long enough for their writer to get on meanwhile. */
const LATE_BYTES = 64 * KIB;

interface Failed {
  readonly error: unknown;
  /** Resolves when nothing of the upload is left, here or in the store. */
  readonly cleanedUp: Promise<void>;
}

/** Sends nothing before the first part is full or `complete` is called. */
export class SequentialUpload implements Upload {
  readonly #target: UploadTarget;
  readonly #parts: UploadParts;
  readonly #filler: Filler;
  readonly #memory: UploadMemory;
  readonly #spill: Spill;
  readonly #cancellation = new Cancellation();
  #bytesWritten = 0;
  #part: OutgoingPart;
  /** Bytes in parts before `#part`. */
  #sentBytes = 0;
  readonly #sent = new SentParts();
  readonly #whole: RunningSum | undefined;
  #uploadId: Promise<string> | undefined;
  readonly #inFlight = new InFlight();
  readonly #pace: UploadPace;
  /** The last write that had to wait. */
  #tail: Promise<number> | undefined;
  #completion: Promise<Stored> | undefined;
  /** Whether the blocks of `#part` count as under way. */
  #isPut: boolean = false;
  #stored: Stored | undefined;
  #failed: Failed | undefined;

  constructor(target: UploadTarget, parts: UploadParts) {
    this.#target = target;
    this.#parts = parts;
    this.#filler = parts.memory.join({
      sendEarly: () => this.#sendEarly(),
      spill: () => this.#spillPart(),
    });
    this.#memory = new UploadMemory(parts, this.#filler);
    this.#pace = new UploadPace(parts.pacedFiles);
    this.#spill = new Spill(parts.spillFile, parts.memory, this.#filler);
    this.#whole = parts.sums.startWhole();
    this.#part = this.#newPart(1);
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
    const isLate = data.length >= LATE_BYTES && this.#hasRoom(data.length);
    if (isLate && data.length <= this.#part.roomBytes) {
      this.#parts.afterReply(() => this.#append(data, 0));
      return data.length;
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
    const { reachBytes } = this.#parts.schedule;
    const expected = this.#bytesWritten;
    if (offset !== expected) {
      const why = `the write begins at ${offset}, not at ${expected} where the last one ended`;
      throw this.#fail(this.#error("out-of-order", why));
    }
    if (expected + byteCount > reachBytes) {
      throw this.#fail(this.#error("too-large", this.#parts.schedule.whyTooLarge));
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
    let at = start;
    while (at < data.length) {
      if (!this.#hasRoom(data.length - at)) break;
      const source = at === 0 ? data : data.subarray(at);
      const taken = this.#part.append(source);
      this.#whole?.update(source.subarray(0, taken));
      at += taken;
    }
    // The first part waits for the next byte: it may be the whole object.
    if (this.#part.full && this.#uploadId !== undefined) this.#trySend();
    return at;
  }

  /** Whether `byteCount` bytes or some of them can be taken without waiting. */
  #hasRoom(byteCount: number): boolean {
    if (this.#part.full && !this.#trySend()) return false;
    return !this.#part.needsBlock || this.#findRoom(byteCount);
  }

  /** Memory for `byteCount` bytes or some of them, if there is any without waiting. */
  #findRoom(byteCount: number): boolean {
    const { byteCount: filledBytes, partNumber } = this.#part;
    if (partNumber === 1 && this.#memory.beginSmall(this.#part, byteCount)) return true;
    if (filledBytes === 0 && this.#inFlight.size >= this.#pace.partsInFlightMax) return false;
    return this.#memory.tryAddBlock(this.#part);
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
   * has, if that may be a part; only one with less stands in line for a block.
   */
  async #room(): Promise<void> {
    if (this.#part.full) {
      await this.#bringBack();
      return;
    }
    if (this.#inFlight.size > 0) {
      await this.#inFlight.untilOneEnds();
      return;
    }
    if (this.#sendEarly()) return;
    try {
      const part = () => (this.#failed === undefined ? this.#part : undefined);
      await this.#memory.addBlock(part, this.#cancellation);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Sends the part before it has its size, so that its memory comes back, if it may be one. */
  #sendEarly(): boolean {
    const { byteCount, partNumber } = this.#part;
    if (this.#failed !== undefined || this.#completion !== undefined) return false;
    if (byteCount < SENDABLE_BYTES || partNumber >= this.#parts.schedule.partsMax) return false;
    return this.#trySend();
  }

  /** Puts the part that is being filled on disk. It is sent as soon as it has what a part must have. */
  #spillPart(): number {
    const { byteCount, partNumber } = this.#part;
    if (this.#failed !== undefined || this.#completion !== undefined) return 0;
    if (byteCount > SENDABLE_BYTES || partNumber >= this.#parts.schedule.partsMax) return 0;
    const { heldBlocks } = this.#filler;
    const written = this.#spill.begin(this.#part);
    if (written === undefined) return 0;
    this.#part.limit(SENDABLE_BYTES);
    this.#inFlight.track(written);
    return heldBlocks;
  }

  async #bringBack(): Promise<void> {
    if (!this.#spill.isAway(this.#part)) return;
    const back = this.#spill.bringBack(this.#part, this.#cancellation);
    this.#inFlight.track(back);
    await back.catch((error: unknown) => {
      throw this.#fail(error);
    });
  }

  #newPart(partNumber: number): OutgoingPart {
    const { schedule } = this.#parts;
    const bytesMax = schedule.sizeOf(partNumber, this.#sentBytes);
    return new OutgoingPart(partNumber, bytesMax, this.#parts);
  }

  /** Sends the part that was filled, unless some of it is on disk. */
  #trySend(): boolean {
    if (this.#spill.isAway(this.#part)) return false;
    this.#send();
    return true;
  }

  /** Sends the part that was filled, and begins the next. */
  #send(): void {
    const part = this.#part;
    this.#sentBytes += part.byteCount;
    this.#sent.add(part);
    this.#part = this.#newPart(part.partNumber + 1);
    this.#memory.send();
    this.#uploadId ??= this.#createUpload();
    this.#inFlight.track(this.#sendPart(part, this.#uploadId));
  }

  /** Never rejects. */
  async #sendPart(part: OutgoingPart, uploadId: Promise<string>): Promise<void> {
    try {
      const uploaded = await this.#pace.time(part.byteCount, uploadId, (id) =>
        this.#uploadPart(part, id),
      );
      this.#sent.note(part.partNumber, uploaded);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#memory.give(part, true);
    }
  }

  /** Not aborted by the signal: without the id nobody could abort what was created. */
  #createUpload(): Promise<string> {
    const { client, contentTypeOf, sums } = this.#parts;
    const { key } = this.#target;
    const contentType = contentTypeOf(key);
    return client.createUpload({ key, contentType, checksumAlgorithm: sums.algorithm });
  }

  async #uploadPart(part: OutgoingPart, uploadId: string): Promise<UploadedPart> {
    this.#throwIfFailed();
    const { partNumber, checksum } = part;
    const body = part.body();
    const uploaded = await this.#parts.client.uploadPart(
      { key: this.#target.key, uploadId, partNumber, body, checksum },
      this.#cancellation,
    );
    // Nobody but us has compared what was sent with what was written.
    if (uploaded.checksum === undefined) this.#requireIntact(part);
    return uploaded;
  }

  #requireIntact(part: OutgoingPart): void {
    if (part.isIntact()) return;
    throw this.#error("inconsistent", `part ${part.partNumber} has changed in memory`);
  }

  async #complete(): Promise<Stored> {
    try {
      this.#throwIfFailed();
      await this.#tail;
      await this.#bringBack();
      this.#stored = await (this.#uploadId === undefined ? this.#put() : this.#completeUpload());
      this.#memory.leave();
      this.#pace.end();
      return this.#stored;
    } catch (error) {
      const first = this.#fail(error);
      await this.#failed?.cleanedUp;
      throw first;
    }
  }

  async #put(): Promise<Stored> {
    const { client, contentTypeOf } = this.#parts;
    const { key } = this.#target;
    const part = this.#part;
    const { checksum } = part;
    if (checksum === undefined) this.#requireIntact(part);
    const body = part.byteCount === 0 ? [] : part.body();
    const request = { ...this.#target, body, checksum, contentType: contentTypeOf(key) };
    this.#memory.send();
    this.#isPut = true;
    const stored = await this.#settle(() => client.put(request, this.#cancellation), {
      key,
      sizeBytes: this.#bytesWritten,
      checksum,
      md5Etag: () => md5OfBody(body),
    });
    this.#memory.give(part, true);
    return stored;
  }

  async #completeUpload(): Promise<Stored> {
    const { client, sums } = this.#parts;
    const { key } = this.#target;
    if (this.#part.byteCount > 0) this.#send();
    await this.#inFlight.untilAllEnd();
    this.#throwIfFailed();
    const parts = this.#sent.compared(this.#bytesWritten);
    if (typeof parts === "string") throw this.#error("inconsistent", parts);
    const uploadId = (await this.#uploadId) ?? "";
    const whole = this.#whole && sums.toSend(this.#whole);
    const request = { ...this.#target, uploadId, parts, ...(whole && { checksum: whole }) };
    return await this.#settle(() => client.completeUpload(request, this.#cancellation), {
      key,
      sizeBytes: this.#bytesWritten,
      checksum: this.#sent.objectChecksum(sums, this.#whole),
      md5Etag: () => md5OfParts(parts.map((part) => part.etag)),
    });
  }

  /** Performs the request that makes the object visible; nothing is cleaned up before it has ended. */
  async #settle(request: () => Promise<Stored>, expected: ExpectedObject): Promise<Stored> {
    const outcome = request().catch(async (error: unknown) => {
      const { client } = this.#parts;
      const stored = await storedAfterAll(client, error, expected, this.#cancellation);
      if (stored === undefined) throw error;
      return stored;
    });
    this.#inFlight.track(outcome);
    return await outcome;
  }

  /** Notes the first failure and starts the clean-up. Returns the error that everybody gets. */
  #fail(error: unknown): unknown {
    if (this.#failed === undefined) {
      this.#cancellation.abort(error);
      const cleanedUp = this.#cleanUp();
      this.#failed = { error, cleanedUp };
      const what = `cleaning up after ${JSON.stringify(this.#target.key)}`;
      inBackground(this.#parts.log, what, cleanedUp);
    }
    return this.#failed.error;
  }

  async #cleanUp(): Promise<void> {
    const { client, log } = this.#parts;
    const { key } = this.#target;
    // Lets the caller note the failure, so that what ends now finds it.
    await this.#inFlight.untilAllEnd();
    this.#spill.end();
    this.#memory.give(this.#part, this.#isPut);
    this.#memory.leave();
    this.#pace.end();
    if (this.#uploadId === undefined) return;
    let uploadId: string;
    try {
      uploadId = await this.#uploadId;
    } catch {
      // It was never created, and that is the failure being cleaned up after.
      return;
    }
    await withdrawUpload({ client, key, uploadId, log });
  }

  #throwIfFailed(): void {
    if (this.#failed !== undefined) throw this.#failed.error;
  }

  #error(kind: WriteErrorKind, why: string): WriteError {
    return new WriteError(kind, `writing ${JSON.stringify(this.#target.key)} failed: ${why}`);
  }
}
