/**
 * How many parts of one file may be under way, which is also all the memory that one writer takes: the
 * next part is begun only when one of them is done.
 *
 * A server nearby is busy with four; more only wait in memory, and by the time they are sent have left
 * the processor's cache. From afar, where a part takes longer than `FAR_PART_MS`, eight of 8 MiB are
 * 640 MiB/s at 100 ms each.
 */

const PARTS_IN_FLIGHT_NEAR = 4;
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
    return this.#partMs > FAR_PART_MS ? PARTS_IN_FLIGHT_FAR : PARTS_IN_FLIGHT_NEAR;
  }

  /** Uploads a part and remembers how long it took. */
  async time<T>(upload: () => Promise<T>): Promise<T> {
    const startMs = this.#nowMs();
    const uploaded = await upload();
    this.#partMs += (this.#nowMs() - startMs - this.#partMs) * LATEST_WEIGHT;
    return uploaded;
  }
}
