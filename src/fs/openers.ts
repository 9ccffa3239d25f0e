/** How many threads open files at one time, one after the other each. */

/** Whoever opens two files within this time reads one after the other. */
const WINDOW_MS = 50;

export class Openers {
  /** By thread: the files that it has opened in this window. */
  readonly #opens = new Map<number, number>();
  #endMs = 0;
  #count = 0;
  #countBefore = 0;

  /** In this window and the one before. */
  get count(): number {
    return Math.max(this.#count, this.#countBefore);
  }

  /** Thread `pid` opens a file. */
  note(pid: number, nowMs: number): void {
    if (nowMs >= this.#endMs) {
      this.#countBefore = nowMs < this.#endMs + WINDOW_MS ? this.#count : 0;
      this.#count = 0;
      this.#endMs = nowMs + WINDOW_MS;
      this.#opens.clear();
    }
    const opens = (this.#opens.get(pid) ?? 0) + 1;
    this.#opens.set(pid, opens);
    if (opens === 2) this.#count += 1;
  }
}
