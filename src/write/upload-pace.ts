/**
 * How many parts of one file may be under way, which is also all the memory that one writer takes: the
 * next part is begun only when one of them is done.
 *
 * A server nearby is busy with two, of which one is sent while the other waits for its answer; more only
 * wait in memory, and by the time they are sent have left the processor's cache. Where parts take longer
 * there are more, so that those of 8 MiB are 320 MiB/s at 50 ms each, at 75 and at 100, and 640 MiB/s from
 * there.
 *
 * Files that are written at the same time slow each other down, which looks like a distant server. How far
 * it is, the fastest part tells: behind others a part waits now and then only, but on the way always. Such
 * files share what keeps a server nearby busy, or, if it is distant and all parts take about as long as the
 * fastest, twelve parts: 960 MiB/s at 100 ms each.
 */

import { SENDABLE_BYTES } from "./part-memory.ts";

/** Also of each of several files, however many there are. */
const PARTS_IN_FLIGHT_LEAST = 2;
/** Parts take so long, at most, where those keep a server busy. */
const NEAR_PART_MS = 50;
/** For each such time that they take, there is one under way. */
const STEP_MS = NEAR_PART_MS / PARTS_IN_FLIGHT_LEAST;
const FAR_PART_MS = 100;
const PARTS_IN_FLIGHT_FAR = 8;
const PARTS_IN_FLIGHT_OF_ALL_NEAR = 8;
const PARTS_IN_FLIGHT_OF_ALL_FAR = 12;
/** The weight of the latest part in how long parts take. */
const LATEST_WEIGHT = 0.25;
/** The fastest part tells how far a server is when there were so many: the first ones wait for each other. */
const PARTS_TO_JUDGE_BY = 24;
/** A server is busy, however far, when parts take so much longer than the fastest did. */
const BUSY_RATIO = 2;
/** The weight of the latest part of all files in how long parts take. */
const LATEST_WEIGHT_OF_ALL = 1 / 8;
/** What the fastest took is believed a little less after each part: networks change. */
const FASTEST_GROWTH = 1.001;

/** A file of which no part was under way for so long is not being written. */
const REST_MS = 1000;

/** What the paces of one mount share. */
export class PacedFiles {
  readonly #written = new Set<UploadPace>();
  #partCount = 0;
  #fastestMs = Number.POSITIVE_INFINITY;
  #partMs = 0;

  /** A part of this file was sent. */
  add(file: UploadPace): void {
    this.#written.add(file);
  }

  remove(file: UploadPace): void {
    this.#written.delete(file);
  }

  /** A part took so long. */
  note(partMs: number): void {
    this.#partCount += 1;
    this.#partMs += (partMs - this.#partMs) * LATEST_WEIGHT_OF_ALL;
    this.#fastestMs = Math.min(this.#fastestMs * FASTEST_GROWTH, partMs);
  }

  /** Whether parts take long for no other reason than the way. */
  get #isFar(): boolean {
    if (this.#partCount < PARTS_TO_JUDGE_BY || this.#fastestMs <= NEAR_PART_MS) return false;
    return this.#partMs <= this.#fastestMs * BUSY_RATIO;
  }

  /** How many parts each file may have under way. */
  share(nowMs: number): number {
    const ofAll = this.#isFar ? PARTS_IN_FLIGHT_OF_ALL_FAR : PARTS_IN_FLIGHT_OF_ALL_NEAR;
    let fileCount = 0;
    for (const file of this.#written) if (!file.rests(nowMs)) fileCount += 1;
    return Math.max(Math.ceil(ofAll / Math.max(fileCount, 1)), PARTS_IN_FLIGHT_LEAST);
  }
}

export class UploadPace {
  readonly #files: PacedFiles;
  readonly #nowMs: () => number;
  #inFlight = 0;
  #movedMs = 0;
  #isAnswered: boolean = false;
  #partMs = 0;

  /** `nowMs`: a monotonic clock in milliseconds. */
  constructor(files: PacedFiles, nowMs: () => number = () => performance.now()) {
    this.#files = files;
    this.#nowMs = nowMs;
  }

  get partsInFlightMax(): number {
    // Others that began at the same time may not have sent theirs.
    if (!this.#isAnswered) return PARTS_IN_FLIGHT_LEAST;
    return Math.min(this.#busyWith, this.#files.share(this.#nowMs()));
  }

  /** How many parts of one file keep a server busy. */
  get #busyWith(): number {
    if (this.#partMs > FAR_PART_MS) return PARTS_IN_FLIGHT_FAR;
    return Math.max(Math.ceil(this.#partMs / STEP_MS), PARTS_IN_FLIGHT_LEAST);
  }

  rests(nowMs: number): boolean {
    return this.#inFlight === 0 && nowMs - this.#movedMs >= REST_MS;
  }

  /** Uploads a part of so many bytes when `ready` has come, and remembers how long that took. */
  async time<Ready, T>(
    byteCount: number,
    ready: Promise<Ready>,
    upload: (ready: Ready) => Promise<T>,
  ): Promise<T> {
    this.#inFlight += 1;
    this.#files.add(this);
    try {
      const whatFor = await ready;
      const startMs = this.#nowMs();
      const uploaded = await upload(whatFor);
      this.#note(byteCount, this.#nowMs() - startMs);
      return uploaded;
    } finally {
      this.#inFlight -= 1;
      this.#movedMs = this.#nowMs();
    }
  }

  /** The file is no longer written. Idempotent. */
  end(): void {
    this.#files.remove(this);
  }

  #note(byteCount: number, partMs: number): void {
    this.#isAnswered = true;
    this.#partMs += (partMs - this.#partMs) * LATEST_WEIGHT;
    // The last part of a file may be as short as it likes.
    if (byteCount >= SENDABLE_BYTES) this.#files.note(partMs);
  }
}
