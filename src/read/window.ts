/**
 * How far to read ahead of one sequential reader: the policy alone, without bytes, clocks or requests.
 *
 * First the window is a multiple of what has been read, so that a short run costs little. From two
 * parts on it climbs a hill: it is doubled for a trial while the reader has to wait, and stays so only
 * if the reader got faster. By Little's law the smallest window of full speed is throughput × latency;
 * it is found by trial because latency, measured under a queue that the window itself makes, grows
 * with the window. Now and then half the window is tried too, so that an error, a link that got
 * shorter or a reader that got slower does not keep its memory.
 *
 *     run ×4 ──▶ 2 parts ──▶ hold ⇄ trial ×2 (kept if > 15 % faster, and not at the others' cost)
 *                                 ⇄ trial ÷2 (kept if not > 5 % slower)
 */

/** Bytes ahead for each byte of the run. Who reads from the beginning gets whole parts all the same. */
const RUN_FACTOR = 4;
/** Below the 100 % that doubling a too small window brings, above the noise of one measurement. */
const FASTER = 1.15;
const NOT_SLOWER = 0.95;
/** So much of what a reader gains has to be a gain of all readers: the rest may be noise. */
const OWN_GAIN = 0.5;
/**
 * A measurement spans a whole window, and this long, or a fast link measures the scheduler: beside a
 * server at 800 MiB/s one of 50 ms was 15 % above the one before in 20 % of cases, one of 100 ms in 6 to 15 %.
 */
const MEASURE_MS_MIN = 100;
/**
 * Measurements between two trials. A trial of half the window costs about one window's time where
 * the window is right, so that trials cost a few percent.
 */
const PATIENCE = 16;
/** The weight of a slower measurement in the reference, so that one pause is not believed. */
const SLOWER_WEIGHT = 0.25;

/** Bytes that have come for all readers: who shares a full link gets faster only if others get slower. */
export interface Arrivals {
  bytes: number;
}

export interface WindowLimits {
  /** Where the climb begins: two parts, so that one arrives while the other is read. */
  readonly bytesMin: number;
  readonly bytesMax: number;
}

type Trial = "up" | "down" | undefined;

export class ReadWindow {
  readonly #limits: WindowLimits;
  readonly #arrivals: Arrivals;
  #bytes = 0;
  #runBytes = 0;
  #trial: Trial;
  /** Throughput, in bytes per millisecond, that a trial is compared with; 0 before the first. */
  #reference = 0;
  /** The same of all readers. */
  #referenceOfAll = 0;
  #measurementsLeft = 1;
  #upNext: boolean = true;
  /** Bytes still to be read that were asked for under the window before. */
  #skipBytes = 0;
  #readBytes = 0;
  /**
   * What the throughput is measured by. What is read comes in bursts when parts that share a link
   * end together; what arrives does not.
   */
  #arrivedBytes = 0;
  #arrivalsStart = 0;
  #measureStartMs = 0;
  #waited: boolean = false;

  constructor(limits: WindowLimits, arrivals: Arrivals = { bytes: 0 }) {
    this.#limits = limits;
    this.#arrivals = arrivals;
  }

  /** How many bytes beyond the reader should be held or under way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The reader asked for the next `byteCount` bytes of its run. */
  advance(byteCount: number, nowMs: number): void {
    const climbing = this.#bytes >= this.#limits.bytesMin;
    this.#runBytes += byteCount;
    if (!climbing) {
      this.#bytes = Math.min(this.#runBytes * RUN_FACTOR, this.#limits.bytesMin);
      if (this.#bytes === this.#limits.bytesMin) this.#settleAfterChange(this.#bytes);
      return;
    }
    if (this.#skipBytes > 0) {
      this.#skipBytes -= byteCount;
      this.#measureFrom(nowMs);
      return;
    }
    this.#readBytes += byteCount;
    const elapsedMs = nowMs - this.#measureStartMs;
    if (this.#readBytes < this.#bytes || elapsedMs < MEASURE_MS_MIN) return;
    const arrivedForAll = this.#arrivals.bytes - this.#arrivalsStart;
    this.#judge(this.#arrivedBytes / elapsedMs, arrivedForAll / elapsedMs);
    this.#measureFrom(nowMs);
  }

  /** Bytes came in, anywhere ahead of the reader. */
  arrive(byteCount: number): void {
    this.#arrivedBytes += byteCount;
    this.#arrivals.bytes += byteCount;
  }

  /** The reader has to wait for bytes that have not come yet. */
  wait(): void {
    this.#waited = true;
  }

  #judge(throughput: number, ofAll: number): void {
    switch (this.#trial) {
      case "up":
        this.#judgeUp(throughput, ofAll);
        return;
      case "down":
        this.#judgeDown(throughput);
        return;
      case undefined:
        this.#reference = observed(this.#reference, throughput);
        this.#referenceOfAll = observed(this.#referenceOfAll, ofAll);
        this.#measurementsLeft -= 1;
        if (this.#measurementsLeft <= 0) this.#try();
    }
  }

  #judgeUp(throughput: number, ofAll: number): void {
    const gain = throughput - this.#reference;
    const isFaster = throughput >= this.#reference * FASTER;
    if (!isFaster || ofAll - this.#referenceOfAll < gain * OWN_GAIN) {
      this.#giveUp(this.#bytes / 2);
      return;
    }
    this.#reference = throughput;
    this.#referenceOfAll = ofAll;
    this.#hold();
    this.#upNext = true;
    if (this.#waited) this.#try();
  }

  /** The reference stays, so that many small losses do not add up unseen. */
  #judgeDown(throughput: number): void {
    if (throughput < this.#reference * NOT_SLOWER) {
      this.#giveUp(this.#bytes * 2);
      return;
    }
    this.#hold();
    this.#upNext = false;
    this.#try();
  }

  /** A reader who never waits has enough: then only less is tried. */
  #try(): void {
    const mayGrow = this.#waited && this.#bytes * 2 <= this.#limits.bytesMax;
    const mayShrink = this.#bytes / 2 >= this.#limits.bytesMin;
    if (mayGrow && (this.#upNext || !mayShrink)) {
      this.#trial = "up";
      this.#upNext = false;
      this.#change(this.#bytes * 2);
    } else if (mayShrink) {
      this.#trial = "down";
      this.#upNext = true;
      this.#change(this.#bytes / 2);
    } else {
      this.#hold();
    }
  }

  #giveUp(bytes: number): void {
    this.#change(bytes);
    this.#hold();
  }

  #hold(): void {
    this.#trial = undefined;
    this.#measurementsLeft = PATIENCE;
  }

  #change(bytes: number): void {
    const before = this.#bytes;
    this.#bytes = bytes;
    this.#settleAfterChange(before);
  }

  /** What was asked for under the old window arrives at the old speed, and says nothing of the new. */
  #settleAfterChange(bytesBefore: number): void {
    this.#skipBytes = bytesBefore;
  }

  #measureFrom(nowMs: number): void {
    this.#measureStartMs = nowMs;
    this.#readBytes = 0;
    this.#arrivedBytes = 0;
    this.#arrivalsStart = this.#arrivals.bytes;
    this.#waited = false;
  }
}

function observed(reference: number, throughput: number): number {
  const weight = throughput > reference ? 1 : SLOWER_WEIGHT;
  return reference + (throughput - reference) * weight;
}
