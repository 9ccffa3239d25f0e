/**
 * How many parts of one file may be under way, which is also all the memory that one writer takes: the
 * next part is begun only when one of them is done.
 *
 * A server nearby is busy with three; more only wait in memory, and by the time they are sent have left
 * the processor's cache. Where parts take longer there are more, so that those of 8 MiB are 320 MiB/s
 * at 75 ms each as at 100, and 640 MiB/s from there. Files that are written at the same time slow each
 * other down, which looks like a distant server, and share what one mount can keep busy: twelve parts
 * are 960 MiB/s at 100 ms each.
 */

const PARTS_IN_FLIGHT_NEAR = 3;
const PARTS_IN_FLIGHT_BETWEEN = 4;
const BETWEEN_PART_MS = 75;
const PARTS_IN_FLIGHT_FAR = 8;
const FAR_PART_MS = 100;
const PARTS_IN_FLIGHT_OF_ALL = 12;
/** Of each file, however many there are: one is sent while another waits for its answer. */
const PARTS_IN_FLIGHT_LEAST = 2;
/** The weight of the latest part in how long parts take. */
const LATEST_WEIGHT = 0.25;

/** What the paces of one mount share. */
export interface PacedFiles {
  /** How many of them have parts under way. */
  count: number;
}

export class UploadPace {
  readonly #files: PacedFiles;
  readonly #nowMs: () => number;
  #inFlight = 0;
  #partMs = 0;

  /** `nowMs`: a monotonic clock in milliseconds. */
  constructor(files: PacedFiles, nowMs: () => number = () => performance.now()) {
    this.#files = files;
    this.#nowMs = nowMs;
  }

  get partsInFlightMax(): number {
    const share = Math.ceil(PARTS_IN_FLIGHT_OF_ALL / Math.max(this.#files.count, 1));
    return Math.min(this.#busyWith, Math.max(share, PARTS_IN_FLIGHT_LEAST));
  }

  /** How many parts of one file keep a server busy. */
  get #busyWith(): number {
    if (this.#partMs > FAR_PART_MS) return PARTS_IN_FLIGHT_FAR;
    return this.#partMs > BETWEEN_PART_MS ? PARTS_IN_FLIGHT_BETWEEN : PARTS_IN_FLIGHT_NEAR;
  }

  /** Uploads a part and remembers how long it took. */
  async time<T>(upload: () => Promise<T>): Promise<T> {
    const startMs = this.#nowMs();
    if (this.#inFlight++ === 0) this.#files.count++;
    try {
      const uploaded = await upload();
      this.#partMs += (this.#nowMs() - startMs - this.#partMs) * LATEST_WEIGHT;
      return uploaded;
    } finally {
      if (--this.#inFlight === 0) this.#files.count--;
    }
  }
}
