/**
 * One sequential run through an object: the parts around and ahead of its reader.
 *
 *        behind        position          window          end
 *   ┄┄┄┄|▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒|▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒|┄┄┄┄
 *      start    4 MiB                held or under way
 *
 * The kernel sends the requests of one reader slightly out of order and several at a time, so
 * "sequential" means near the run, not exactly after the last request.
 */

import { assert } from "../base/assert.ts";
import type { ReadReply } from "../base/attributes.ts";
import { inBackground, messageOf } from "../base/log.ts";
import { MIB } from "../base/sizes.ts";
import { BLOCK_BYTES, SMALL_BYTES } from "../memory/index.ts";
import { Part } from "./part.ts";
import type { ReaderOptions, Speculation } from "./source.ts";
import { ReadWindow } from "./window.ts";

/** Kept for seeks back and for requests that the kernel sent late: four of its largest. */
const BEHIND_BYTES = 4 * MIB;
/** How far past the end a request may lie and still be of the run: one of the kernel's, early. */
const SKIP_BYTES_MAX = MIB;
/** A read that begins this far behind the last one jumps: the kernel sends none so much too early. */
const JUMP_BYTES_MIN = 2 * MIB;
/** Never more for one reader: 250 ms of latency at 1 GiB/s. */
const WINDOW_BYTES_MAX = 256 * MIB;

export interface StreamOptions {
  readonly source: ReaderOptions;
  readonly speculation: Speculation;
  /** Where the run begins. */
  readonly offset: number;
  /** The size of the first GET, at least. */
  readonly firstBytes: number;
  /** A GET failed. What it should have brought is asked for anew by whoever reads it next. */
  readonly onFailure: (error: unknown) => void;
}

export class Stream {
  /** The count of the handle's reads when this stream served one last. */
  lastRead = 0;
  readonly #options: StreamOptions;
  readonly #nowMs: () => number;
  readonly #runStart: number;
  /** Contiguous, in order. */
  #parts: Part[] = [];
  #end: number;
  #position: number;
  /** Where the last jump ended: a read that goes on there shows that the reader has moved. */
  #jumpEnd = -1;
  #window: ReadWindow;
  #isFetchedAhead: boolean = false;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#nowMs = options.source.nowMs ?? (() => performance.now());
    this.#runStart = options.offset;
    this.#end = options.offset;
    this.#position = options.offset;
    this.#window = this.#newWindow();
  }

  /** The end of the furthest request. */
  get position(): number {
    return this.#position;
  }

  /** Whether a read at `offset` is one of this run. */
  accepts(offset: number): boolean {
    const skipBytes = Math.min(SKIP_BYTES_MAX, this.#position - this.#runStart);
    return offset >= this.#start && offset <= this.#end + skipBytes;
  }

  /** Starts the first GET before anybody reads. Resolves when its bytes are here; undefined without memory. */
  fetchAhead(): Promise<void> | undefined {
    this.#isFetchedAhead = true;
    this.#fetch(this.#options.firstBytes);
    const [part] = this.#parts;
    return part?.arrival(part.end);
  }

  /**
   * Reads a range that lies within the object and was accepted. Undefined when the pool has no
   * block to spare for it: then the caller fetches the range by itself.
   */
  read(offset: number, byteCount: number): ReadReply | Promise<ReadReply> | undefined {
    const end = offset + byteCount;
    if (end > this.#position && this.#goesOn(offset, end)) {
      this.#window.advance(end - this.#position, this.#nowMs());
      this.#position = end;
    }
    this.#extend(end);
    if (end > this.#end) {
      this.#continueAt(end);
      return undefined;
    }
    const reply = new StreamReply(this.#pin(offset, end));
    this.#trim(this.#position - BEHIND_BYTES);
    if (reply.arrived()) return reply;
    this.#window.wait();
    return reply.wait();
  }

  /**
   * Whether a read beyond the position takes the run along. One that jumps ahead is served from what is
   * held, but only when the next continues it has the reader moved: a random reader who now and then
   * hits what is held shall not have it read ahead for ever.
   */
  #goesOn(offset: number, end: number): boolean {
    if (offset - this.#position < JUMP_BYTES_MIN || offset === this.#jumpEnd) return true;
    this.#jumpEnd = end;
    return false;
  }

  /** Gives up about `wanted` blocks that no read waits for: behind first, then furthest ahead. */
  reclaim(wanted: number): number {
    let count = this.#trim(this.#position);
    while (count < wanted) {
      const last = this.#parts.at(-1);
      if (last === undefined || last.pinned) break;
      count += last.detach();
      this.#parts.pop();
      this.#end = last.offset;
    }
    if (this.#end < this.#position) this.#continueAt(this.#position);
    return count;
  }

  /** Stops reading ahead. Reads that wait are still served. */
  detach(): void {
    this.#continueAt(this.#position);
  }

  /** Stops everything. Reads that wait fail. */
  close(): void {
    for (const part of this.#parts) part.cancel();
    this.#parts = [];
  }

  /** The least that the next GET asks for. */
  get #leastBytes(): number {
    if (this.#end === this.#runStart) return this.#options.firstBytes;
    // Who reads on from the beginning mostly reads all: whole parts are the fewest requests.
    return this.#runStart === 0 ? this.#windowBytesMax / 2 : 0;
  }

  /** Whether `byteCount` more bytes may be asked for before somebody waits for them. */
  #hasRoomFor(byteCount: number): boolean {
    const { firstBytes, source } = this.#options;
    let window = this.#window.bytes;
    if (this.#runStart === 0) {
      // As long as the reader may only have looked at the beginning, the first GET is enough; who has
      // read half of it gets a whole part, and who has read all of it two at a time, whatever the window.
      // So does what was fetched ahead, of as many bytes as are likely to be read.
      if (this.#end === firstBytes) {
        return this.#position >= (this.#isFetchedAhead ? this.#end + 1 : this.#end / 2);
      }
      if (this.#position >= firstBytes) window = Math.max(window, 2 * source.partBytes);
    }
    return byteCount <= this.#position + Math.min(window, this.#windowBytesMax) - this.#end;
  }

  get #start(): number {
    return this.#parts[0]?.wantedFrom ?? this.#end;
  }

  get #windowBytesMax(): number {
    const { pool, windowBytesMax = WINDOW_BYTES_MAX } = this.#options.source;
    return Math.min(windowBytesMax, (pool.blocksMax * BLOCK_BYTES) / 2);
  }

  #newWindow(): ReadWindow {
    const { arrivals, partBytes } = this.#options.source;
    const bytesMax = this.#windowBytesMax;
    return new ReadWindow({ bytesMin: Math.min(2 * partBytes, bytesMax), bytesMax }, arrivals);
  }

  /** Starts the GETs that the window has room for, and those that a read up to `needed` waits for. */
  #extend(needed: number): void {
    const { objectBytes, partBytes } = this.#options.source;
    while (this.#end < objectBytes) {
      const left = objectBytes - this.#end;
      // Half a window each, so that one arrives while the other is read.
      const half = Math.floor(Math.max(this.#leastBytes, this.#window.bytes / 2));
      const byteCount = Math.min(left, partBytes, half);
      if (this.#end >= needed && !this.#hasRoomFor(Math.max(byteCount, 1))) return;
      if (!this.#fetch(Math.max(byteCount, needed - this.#end))) return;
    }
  }

  /** Starts a GET at the end of what is held. False when the pool has no block for it. */
  #fetch(byteCount: number): boolean {
    const { source, speculation } = this.#options;
    const offset = this.#end;
    const leadBytes = offset % BLOCK_BYTES;
    let end = this.#alignedEnd(offset, byteCount);
    const isSmall = offset === 0 && end === source.objectBytes && end <= SMALL_BYTES;
    const small = isSmall ? speculation.takeSmall() : undefined;
    const blocks =
      small === undefined
        ? speculation.take(Math.ceil((leadBytes + end - offset) / BLOCK_BYTES))
        : [small];
    if (blocks.length === 0) return false;
    end = Math.min(end, offset - leadBytes + blocks.length * BLOCK_BYTES);
    const part = new Part({
      source,
      speculation,
      offset,
      byteCount: end - offset,
      blocks,
      onArrival: (arrivedBytes) => this.#window.arrive(arrivedBytes),
      onFailure: (failed, error) => this.#onFailure(failed, error),
    });
    this.#parts.push(part);
    this.#end = end;
    inBackground(source.log, () => `reading ${JSON.stringify(source.key)} ahead`, part.run());
    return true;
  }

  /** Ends GETs where blocks end, and large ones where parts do: S3 serves aligned ranges best. */
  #alignedEnd(offset: number, byteCount: number): number {
    const { objectBytes, partBytes } = this.#options.source;
    const end = offset + byteCount;
    if (end >= objectBytes) return objectBytes;
    if (byteCount < BLOCK_BYTES) return end;
    const unit = byteCount >= partBytes ? partBytes : BLOCK_BYTES;
    const aligned = end - (end % unit);
    return aligned > Math.max(offset, this.#position) ? aligned : end;
  }

  #pin(offset: number, end: number): Pin[] {
    const pins: Pin[] = [];
    for (const part of this.#parts) {
      if (part.end <= offset) continue;
      if (part.offset >= end) break;
      const pin = { part, from: Math.max(offset, part.offset), to: Math.min(end, part.end) };
      part.pin(pin.from, pin.to);
      pins.push(pin);
    }
    return pins;
  }

  /** Lets go of what lies before `offset`. Returns the number of blocks. */
  #trim(offset: number): number {
    let count = 0;
    for (;;) {
      const first = this.#parts[0];
      if (first === undefined) return count;
      if (first.end > offset) return count + first.trim(offset);
      count += first.detach();
      this.#parts.shift();
    }
  }

  /** Forgets what is held; the run goes on at `offset`. */
  #continueAt(offset: number): void {
    for (const part of this.#parts) part.detach();
    this.#parts = [];
    this.#end = offset;
    this.#position = offset;
  }

  #onFailure(failed: Part, error: unknown): void {
    const { log, key } = this.#options.source;
    const index = this.#parts.indexOf(failed);
    assert(index !== -1, "a part that failed was not let go before");
    for (const part of this.#parts.splice(index)) part.detach();
    this.#end = failed.offset;
    this.#position = Math.min(this.#position, this.#end);
    // Trouble is no time for large windows.
    this.#window = this.#newWindow();
    log.debug(`reading ${JSON.stringify(key)} at ${failed.offset} failed: ${messageOf(error)}`);
    this.#options.onFailure(error);
  }
}

interface Pin {
  readonly part: Part;
  readonly from: number;
  readonly to: number;
}

/** Blocks of a stream, lent to whoever asked until `release`. */
class StreamReply implements ReadReply {
  readonly parts: Uint8Array[] = [];
  readonly #pins: readonly Pin[];
  #released = false;

  constructor(pins: readonly Pin[]) {
    this.#pins = pins;
  }

  /** Fills `parts` if all bytes have arrived. */
  arrived(): boolean {
    for (const pin of this.#pins) if (!pin.part.has(pin.to)) return false;
    this.#fill();
    return true;
  }

  async wait(): Promise<this> {
    try {
      for (const pin of this.#pins) await pin.part.arrival(pin.to);
      this.#fill();
      return this;
    } catch (error) {
      this.release();
      throw error;
    }
  }

  release(): void {
    assert(!this.#released, "a reply is released once");
    this.#released = true;
    for (const pin of this.#pins) pin.part.unpin(pin.from, pin.to);
  }

  #fill(): void {
    for (const pin of this.#pins) pin.part.view(pin.from, pin.to, this.parts);
  }
}
