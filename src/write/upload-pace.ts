/**
 * How many parts of one file may be under way, which is also all the memory that one writer takes: the
 * next part is begun only when one of them is done.
 *
 * A server nearby is busy with three; more only wait in memory, and by the time they are sent have left
 * the processor's cache. Where parts take longer there are more, so that those of 8 MiB are 320 MiB/s
 * at 75 ms each as at 100, and 640 MiB/s from there.
 */

const PARTS_IN_FLIGHT_NEAR = 3;
const PARTS_IN_FLIGHT_BETWEEN = 4;
const BETWEEN_PART_MS = 75;
const PARTS_IN_FLIGHT_FAR = 8;
const FAR_PART_MS = 100;
/** The weight of the latest part in how long parts take. */
const LATEST_WEIGHT = 0.25;

export class UploadPace {
  readonly #nowMs: () => number;
  #partMs = 0;

  /** `nowMs`: a monotonic clock in milliseconds. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  get partsInFlightMax(): number {
    if (this.#partMs > FAR_PART_MS) return PARTS_IN_FLIGHT_FAR;
    return this.#partMs > BETWEEN_PART_MS ? PARTS_IN_FLIGHT_BETWEEN : PARTS_IN_FLIGHT_NEAR;
  }

  /** Uploads a part and remembers how long it took. */
  async time<T>(upload: () => Promise<T>): Promise<T> {
    const startMs = this.#nowMs();
    const uploaded = await upload();
    this.#partMs += (this.#nowMs() - startMs - this.#partMs) * LATEST_WEIGHT;
    return uploaded;
  }
}
