/**
 * One ranged GET of a stream and the blocks that it fills, from the first byte to the last reader.
 *
 * A block has three interests in it: the transfer that fills it, the stream that wants it kept, and
 * the reads that pin it. It goes back to the pool when the last of them is gone, whatever the order.
 *
 *   file   ..|----- 1 MiB -----|----- 1 MiB -----|----- 1 MiB -----|..
 *   part          [ block 0    | block 1         | block 2  ]         blocks end where the file's MiB end
 *                  ▒▒▒▒▒▒▒▒▒▒▒▒ ▒▒▒▒▒▒▒▒            arrived: readers of it are served at once
 */

import { assert } from "../base/assert.ts";
import { Cancellation } from "../base/cancellation.ts";
import { type Deferred, deferred } from "../base/deferred.ts";
import { KIB } from "../base/sizes.ts";
import { BLOCK_BYTES, type Block, SmallBuffer } from "../memory/index.ts";
import { type BodySink, S3Error } from "../s3/index.ts";
import type { ReaderOptions, Speculation } from "./source.ts";

/** Where the rest of a body goes that nobody may see any more, until its transfer has ended. */
const waste = new Uint8Array(64 * KIB);

export interface PartOptions {
  readonly source: ReaderOptions;
  readonly speculation: Speculation;
  /** Offset in the object. */
  readonly offset: number;
  readonly byteCount: number;
  /** Enough for `byteCount`, given that the first one ends where a MiB of the object ends; or a small buffer. */
  readonly blocks: readonly Block[];
  readonly onArrival: (byteCount: number) => void;
  /** The GET failed, or delivered bytes that were wrong after some of them had been read. */
  readonly onFailure: (part: Part, error: unknown) => void;
}

interface Slot {
  readonly block: Block;
  pins: number;
  /** By the stream. */
  wanted: boolean;
}

interface Waiter {
  /** How many bytes of the part it needs. */
  readonly bytes: number;
  readonly arrived: Deferred<void>;
}

export class Part implements BodySink {
  readonly offset: number;
  readonly end: number;
  readonly #options: PartOptions;
  /** Bytes of the first block's MiB that lie before the part. */
  readonly #leadBytes: number;
  /** Of a GET that the client verifies, the last block is shown only after that. */
  readonly #heldBackFrom: number;
  readonly #slots: (Slot | undefined)[];
  /** Of what is let go, how much the pool has back at once: a small buffer may free no block. */
  readonly #blocksPerSlot: number;
  readonly #cancellation = new Cancellation();
  #firstWanted = 0;
  #arrivedBytes = 0;
  #waiters: Waiter[] = [];
  #pins = 0;
  #running: boolean = true;
  /** Whether the GET succeeded. */
  #verified: boolean = false;
  #detached: boolean = false;
  /** Whether a reader has seen, or is about to see, any of the bytes. */
  #seen: boolean = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: PartOptions) {
    const { source, offset, byteCount } = options;
    this.#options = options;
    this.offset = offset;
    this.end = offset + byteCount;
    this.#leadBytes = offset % BLOCK_BYTES;
    this.#blocksPerSlot = options.blocks[0] instanceof SmallBuffer ? 0 : 1;
    this.#slots = options.blocks.map((block) => ({ block, pins: 0, wanted: true }));
    const lastSlotAt = (this.#slots.length - 1) * BLOCK_BYTES - this.#leadBytes;
    assert(
      byteCount > lastSlotAt && byteCount <= lastSlotAt + BLOCK_BYTES,
      "the blocks fit the part",
    );
    const whole = byteCount === source.objectBytes;
    this.#heldBackFrom = whole ? Math.max(0, lastSlotAt) : byteCount;
  }

  /** Whether a read waits for this part or has not given its bytes back yet. */
  get pinned(): boolean {
    return this.#pins > 0;
  }

  /** The offset in the object from which bytes are held. */
  get wantedFrom(): number {
    return this.offset + Math.max(0, this.#firstWanted * BLOCK_BYTES - this.#leadBytes);
  }

  /** Performs the GET. Never rejects: failures reach the waiters and `onFailure`. */
  async run(): Promise<void> {
    const { client, key, etag, objectBytes } = this.#options.source;
    const byteCount = this.end - this.offset;
    const request = { key, etag, offset: this.offset, byteCount, objectBytes, sink: this };
    try {
      await client.get(request, this.#cancellation);
      if (this.#failure === undefined && this.#arrivedBytes < byteCount) {
        throw this.#error("bad-response", `${this.#arrivedBytes} of ${byteCount} bytes arrived`);
      }
      this.#running = false;
      this.#verified = true;
      this.#wake();
    } catch (error) {
      this.#running = false;
      this.#fail(error);
    }
    this.#giveBackAll();
  }

  target(): Uint8Array {
    if (this.#failure !== undefined) return waste;
    const at = this.#arrivedBytes + this.#leadBytes;
    const inBlock = at % BLOCK_BYTES;
    const slot = this.#slots[(at - inBlock) / BLOCK_BYTES];
    assert(slot !== undefined, "a body stays within its range");
    const left = this.end - this.offset - this.#arrivedBytes;
    return slot.block.bytes.subarray(inBlock, Math.min(BLOCK_BYTES, inBlock + left));
  }

  filled(byteCount: number): void {
    if (this.#failure !== undefined) return;
    const index = this.#slotAt(this.#arrivedBytes);
    this.#arrivedBytes += byteCount;
    this.#options.onArrival(byteCount);
    if (this.#slotAt(this.#arrivedBytes) !== index) this.#giveBack(index);
    this.#wake();
  }

  restart(): void {
    if (this.#failure !== undefined) return;
    const wasSeen = this.#seen || this.#slots.includes(undefined);
    this.#arrivedBytes = 0;
    if (wasSeen) {
      this.#fail(this.#error("corrupted", "bytes that were read failed their checksum"));
      this.#cancellation.abort();
    }
  }

  /**
   * Keeps the blocks of [from, to), offsets in the object within this part, until `unpin` is called
   * with the same range.
   */
  pin(from: number, to: number): void {
    this.#addPins(from, to, 1);
  }

  unpin(from: number, to: number): void {
    this.#addPins(from, to, -1);
    for (let i = this.#slotOf(from); i <= this.#slotOf(to - 1); i += 1) this.#giveBack(i);
    this.#abortIfUnused();
  }

  /** Whether the bytes before `to` can be read now. */
  has(to: number): boolean {
    return to - this.offset <= this.#visibleBytes();
  }

  /** Resolves when the bytes before `to` can be read. */
  arrival(to: number): Promise<void> {
    if (this.has(to)) return Promise.resolve();
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    const arrived = deferred<void>();
    this.#waiters.push({ bytes: to - this.offset, arrived });
    return arrived.promise;
  }

  /**
   * Adds views of [from, to), which is pinned and has arrived, to `views`: one for each block.
   * Throws when what has arrived turned out to be wrong meanwhile.
   */
  view(from: number, to: number, views: Uint8Array[]): void {
    if (!this.has(to) && this.#failure !== undefined) throw this.#failure.error;
    this.#seen = true;
    let at = from - this.offset + this.#leadBytes;
    const end = to - this.offset + this.#leadBytes;
    while (at < end) {
      const inBlock = at % BLOCK_BYTES;
      const slot = this.#slots[(at - inBlock) / BLOCK_BYTES];
      assert(slot !== undefined, "a pinned block is there");
      const byteCount = Math.min(BLOCK_BYTES - inBlock, end - at);
      views.push(slot.block.bytes.subarray(inBlock, inBlock + byteCount));
      at += byteCount;
    }
  }

  /** Lets go of the blocks that lie wholly before `offset`. Returns how many. */
  trim(offset: number): number {
    const before = this.#firstWanted;
    while (this.#firstWanted < this.#slots.length && this.#slotEnd(this.#firstWanted) <= offset) {
      this.#unwant(this.#firstWanted);
      this.#firstWanted += 1;
    }
    return (this.#firstWanted - before) * this.#blocksPerSlot;
  }

  /** Lets go of everything; the GET is aborted unless a read still waits. Returns how many blocks. */
  detach(): number {
    const count = (this.#slots.length - this.#firstWanted) * this.#blocksPerSlot;
    this.#detached = true;
    for (; this.#firstWanted < this.#slots.length; this.#firstWanted += 1) {
      this.#unwant(this.#firstWanted);
    }
    this.#abortIfUnused();
    return count;
  }

  /** As `detach`, and fails the reads that wait. */
  cancel(): void {
    this.detach();
    if (this.#running) this.#cancellation.abort();
  }

  #visibleBytes(): number {
    return this.#verified ? this.#arrivedBytes : Math.min(this.#arrivedBytes, this.#heldBackFrom);
  }

  #wake(): void {
    if (this.#waiters.length === 0) return;
    const visible = this.#visibleBytes();
    const left: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (waiter.bytes > visible) {
        left.push(waiter);
      } else {
        this.#seen = true;
        waiter.arrived.resolve();
      }
    }
    this.#waiters = left;
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.arrived.reject(error);
    if (!this.#detached) this.#options.onFailure(this, error);
  }

  #error(kind: "bad-response" | "corrupted", message: string): S3Error {
    return new S3Error(message, { kind, operation: "GetObject", key: this.#options.source.key });
  }

  #abortIfUnused(): void {
    if (this.#detached && this.#running && this.#pins === 0) this.#cancellation.abort();
  }

  #addPins(from: number, to: number, count: 1 | -1): void {
    for (let i = this.#slotOf(from); i <= this.#slotOf(to - 1); i += 1) {
      const slot = this.#slots[i];
      assert(slot !== undefined && slot.pins + count >= 0, "pins are paired, on blocks held");
      slot.pins += count;
      this.#pins += count;
    }
  }

  #unwant(index: number): void {
    const slot = this.#slots[index];
    if (slot !== undefined) slot.wanted = false;
    this.#giveBack(index);
  }

  #giveBackAll(): void {
    for (let i = 0; i < this.#slots.length; i += 1) this.#giveBack(i);
  }

  /** The transfer may write into a block until it has passed it or ended, even when aborted. */
  #giveBack(index: number): void {
    const slot = this.#slots[index];
    if (slot === undefined || slot.wanted || slot.pins > 0) return;
    if (this.#running && this.offset + this.#arrivedBytes < this.#slotEnd(index)) return;
    this.#slots[index] = undefined;
    this.#options.speculation.give(slot.block);
  }

  /** The block that holds the byte at `offset` in the object. */
  #slotOf(offset: number): number {
    return this.#slotAt(offset - this.offset);
  }

  #slotAt(inPart: number): number {
    return Math.floor((inPart + this.#leadBytes) / BLOCK_BYTES);
  }

  /** The offset in the object at which a block ends. */
  #slotEnd(index: number): number {
    return Math.min(this.end, this.offset - this.#leadBytes + (index + 1) * BLOCK_BYTES);
  }
}
