/**
 * The reader of one open object: which reads belong to a run, and which stand alone.
 *
 * A read that continues a run (a `Stream`) is served from what was read ahead. Any other is one exact
 * GET, however many are under way; when later reads continue that one, a new run begins there. The
 * runs before it stay for a while, because several threads may read through one handle.
 */

import { assert } from "../base/assert.ts";

import type { ReadReply } from "../base/attributes.ts";
import { Cancellation } from "../base/cancellation.ts";
import { MIB } from "../base/sizes.ts";
import { type Holder, SMALL_BYTES } from "../memory/index.ts";
import { S3Error } from "../s3/index.ts";
import { readExactly } from "./exact-read.ts";
import { type ReaderOptions, Speculation } from "./source.ts";
import { Stream } from "./stream.ts";

/**
 * The first GET of an object that is larger than a part: enough to tell a file's kind or to start
 * playing it, little enough to throw away. A smaller object is fetched whole, because a second round
 * trip costs more than its bytes: 20 ms are 2.5 MiB at 1 Gbit/s.
 */
const FIRST_BYTES = MIB;
/** The first GET of a run elsewhere: the read that showed it, and three times its size ahead. */
const RUN_START_FACTOR = 4;
const STREAMS_MAX = 4;
/** A run that was not read for this many reads of its handle is over. */
const STREAM_READS_IDLE = 32;
/** How many reads that stood alone are remembered, to see the run in what follows. */
const ENDS_MAX = 8;
/**
 * Reads that must follow one another before a run is believed. Two would do for a reader that does
 * run; but of random reads of 256 KiB in 1 GiB one in 500 follows one of the last eight by chance, and
 * reading ahead for it takes more than the read.
 */
const RUN_READS_MIN = 3;

/** Enough of those that stand alone for a file that is read here and there. */
const MANY_READS = 128;

/** Where a read that stood alone ended, and how many before it led there without a gap. */
interface End {
  readonly offset: number;
  readonly reads: number;
}

/** The bytes of one open object. One per file handle. */
export interface ObjectReader {
  /** How many bytes were asked for, those outside of the object not counted. */
  readonly bytesRead: number;
  /**
   * Asks for what the first read would ask for, before there is one, or for its first `byteCount` bytes:
   * then no more is asked for before they have all been read. Resolves when they are here; undefined
   * when the pool has no block to spare. A failure is told here and nowhere else: reads that wait for
   * these bytes ask for them anew.
   */
  fetchAhead(byteCount: number): Promise<void> | undefined;
  /**
   * Bytes from `offset`, clipped at the end of the object (no parts at or past it). Fails with the
   * S3Error of the GET, or with MemoryError "exhausted"; the next read tries again, except after
   * `precondition-failed` and `corrupted`, which say that the bytes read before are not to be trusted.
   */
  read(offset: number, byteCount: number): ReadReply | Promise<ReadReply>;
  /**
   * Stops reading ahead, fails the reads that wait, and gives back every block that no unreleased
   * reply lends (those of aborted transfers when these have ended). Idempotent.
   */
  close(): void;
}

/** Opens an object of known size and ETag for reading. Sends nothing before the first read. */
export function openReader(options: ReaderOptions): ObjectReader {
  return new Reader(options);
}

const emptyReply: ReadReply = { parts: [], release: () => {} };

class Reader implements ObjectReader {
  readonly #source: ReaderOptions;
  /** These are there once they are needed: a file that is only held open takes little memory. */
  #speculation: Speculation | undefined;
  #cancellation: Cancellation | undefined;
  /** The one that was read last comes first. */
  #streams: Stream[] | undefined;
  /** Of recent exact reads, the latest last. */
  #ends: End[] | undefined;
  #reads = 0;
  /** Of them, those that belonged to no run. */
  #readsAlone = 0;
  #bytesRead = 0;
  /** Whether what `fetchAhead` asked for is under way. */
  #fetchingAhead: boolean = false;
  #holder: Holder | undefined;
  #failure: { readonly error: unknown } | undefined;
  #closed: boolean = false;

  constructor(source: ReaderOptions) {
    assert(source.partBytes > 0, "a part has bytes");
    this.#source = source;
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  fetchAhead(byteCount: number): Promise<void> | undefined {
    assert(this.#reads === 0 && this.#streams === undefined, "nobody has read yet");
    const stream = this.#newStream(0, Math.min(this.#firstBytes, byteCount));
    const arrival = stream.fetchAhead();
    if (arrival === undefined) return undefined;
    this.#streams = [stream];
    this.#renew();
    this.#fetchingAhead = true;
    const end = (): void => {
      this.#fetchingAhead = false;
    };
    arrival.then(end, end);
    return arrival;
  }

  read(offset: number, byteCount: number): ReadReply | Promise<ReadReply> {
    assert(!this.#closed, "a closed reader is not read");
    assert(offset >= 0 && byteCount >= 0, "a range has no negative numbers");
    if (this.#failure !== undefined) throw this.#failure.error;
    const clipped = Math.min(byteCount, this.#source.objectBytes - offset);
    if (clipped <= 0) return emptyReply;
    this.#reads += 1;
    this.#bytesRead += clipped;
    // A small object that is read at once, as most are: nothing is left to be read ahead, or kept.
    if (this.#reads === 1 && this.#isSmall && clipped === this.#source.objectBytes) {
      if (this.#streams === undefined) return this.#readExactly(offset, clipped);
    }
    const stream = this.#streamAt(offset) ?? this.#begin(offset, clipped);
    if (stream !== undefined) {
      stream.lastRead = this.#reads;
      this.#renew();
      const reply = stream.read(offset, clipped);
      if (this.#fetchingAhead && reply instanceof Promise) {
        return reply.catch((error: unknown) => this.#readAgain(offset, clipped, error));
      }
      if (reply !== undefined) return reply;
    } else {
      this.#readsAlone += 1;
      if (this.#readsAlone === MANY_READS) this.#source.onManyReads?.();
      if (this.#reads % STREAM_READS_IDLE === 0) this.#dropIdleStreams(STREAMS_MAX);
    }
    return this.#readExactly(offset, clipped);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#holder?.end();
    for (const stream of this.#streams ?? []) stream.close();
    this.#streams = undefined;
    this.#cancellation?.abort();
  }

  /** The run that a read at `offset` belongs to: of two that meet there, the one that is nearer. */
  #streamAt(offset: number): Stream | undefined {
    const streams = this.#streams;
    if (streams === undefined) return undefined;
    let nearest: Stream | undefined;
    let distance = Number.POSITIVE_INFINITY;
    for (const stream of streams) {
      if (!stream.accepts(offset)) continue;
      const away = Math.abs(stream.position - offset);
      if (away < distance) [nearest, distance] = [stream, away];
    }
    if (nearest === undefined || nearest === streams[0]) return nearest;
    streams.splice(streams.indexOf(nearest), 1);
    streams.unshift(nearest);
    return nearest;
  }

  /**
   * A new run, if a read at `offset` looks like one: the first at the start, or one that continues.
   * Otherwise the read stands alone, and is remembered as such.
   */
  #begin(offset: number, byteCount: number): Stream | undefined {
    // An exact read that ended here, and those before it without a gap, and this one.
    const reads = (this.#ends?.find((end) => end.offset === offset)?.reads ?? 0) + 1;
    let firstBytes: number;
    if (offset === 0 && (this.#reads === 1 || this.#isSmall)) {
      firstBytes = this.#firstBytes;
    } else if (reads >= RUN_READS_MIN) {
      firstBytes = byteCount * RUN_START_FACTOR;
    } else {
      this.#ends ??= [];
      this.#ends.push({ offset: offset + byteCount, reads });
      if (this.#ends.length > ENDS_MAX) this.#ends.shift();
      return undefined;
    }
    const others = this.#dropIdleStreams(STREAMS_MAX - 1);
    const stream = this.#newStream(offset, firstBytes);
    this.#streams = [stream, ...others];
    return stream;
  }

  get #isSmall(): boolean {
    return this.#source.objectBytes <= SMALL_BYTES;
  }

  /** What the first read asks for at the start of the object. */
  get #firstBytes(): number {
    const { objectBytes, partBytes } = this.#source;
    return objectBytes <= partBytes ? objectBytes : FIRST_BYTES;
  }

  #newStream(offset: number, firstBytes: number): Stream {
    this.#speculation ??= new Speculation(this.#source);
    return new Stream({
      source: this.#source,
      speculation: this.#speculation,
      offset,
      firstBytes,
      onFailure: (error) => this.#onFailure(error),
    });
  }

  /** Leaves `most` of the runs at the most, and none that is over. */
  #dropIdleStreams(most: number): Stream[] {
    const streams = this.#streams ?? [];
    const oldest = this.#reads - STREAM_READS_IDLE;
    const kept = streams.filter((stream) => stream.lastRead >= oldest).slice(0, most);
    for (const stream of streams) if (!kept.includes(stream)) stream.detach();
    this.#streams = kept;
    return kept;
  }

  #renew(): void {
    if (this.#holder === undefined) {
      this.#holder = this.#source.pool.onShortage((wanted) => this.#reclaim(wanted));
    } else {
      this.#holder.renew();
    }
  }

  /** The run that was read longest ago gives first. */
  #reclaim(wanted: number): number {
    let count = 0;
    for (const stream of this.#streams?.toReversed() ?? []) {
      if (count >= wanted) break;
      count += stream.reclaim(wanted - count);
    }
    return count;
  }

  #readExactly(offset: number, byteCount: number): Promise<ReadReply> {
    this.#cancellation ??= new Cancellation();
    const signal = this.#cancellation;
    const onFailure = (error: unknown): void => this.#distrust(error);
    return readExactly(this.#source, offset, byteCount, { signal, onFailure });
  }

  /** What was fetched ahead has failed the read that came to wait for it. */
  #readAgain(offset: number, byteCount: number, error: unknown): ReadReply | Promise<ReadReply> {
    if (this.#closed) throw error;
    return this.read(offset, byteCount);
  }

  #onFailure(error: unknown): void {
    if (this.#fetchingAhead) this.#fetchingAhead = false;
    else this.#distrust(error);
  }

  /** After these failures what was read before and what would be read now do not belong together. */
  #distrust(error: unknown): void {
    if (!(error instanceof S3Error)) return;
    if (error.kind === "precondition-failed" || error.kind === "corrupted") {
      this.#failure ??= { error };
    }
  }
}
