/** What of one upload is under way and has its blocks, or must end before the upload is aborted. */
export class InFlight {
  /** They never reject. */
  readonly #work = new Set<Promise<void>>();

  get size(): number {
    return this.#work.size;
  }

  /** Follows `work`, however it ends. */
  track(work: Promise<unknown>): void {
    const forget = (): void => {
      this.#work.delete(tracked);
    };
    const tracked: Promise<void> = work.then(forget, forget);
    this.#work.add(tracked);
  }

  async untilOneEnds(): Promise<void> {
    await Promise.race(this.#work);
  }

  async untilAllEnd(): Promise<void> {
    await Promise.all(this.#work);
  }
}
