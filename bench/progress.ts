/** Shows how far a run is: a bar on a terminal, with the time left; elsewhere a line for each cell. */

import { Presets, SingleBar } from "cli-progress";

export class Progress {
  readonly #bar: SingleBar | undefined;

  /** `total` cells in all, of which `done` were measured before. */
  constructor(total: number, done: number, terminal: boolean) {
    if (!terminal) return;
    const format = "{bar} {value}/{total}  {left}  {now}";
    this.#bar = new SingleBar(
      { format, hideCursor: true, barsize: 24, clearOnComplete: true, stream: process.stderr },
      Presets.shades_classic,
    );
    this.#bar.start(total, done, { left: "", now: "" });
  }

  /** What is being measured, and for how long all that is left will take. */
  now(label: string, leftMs: number | undefined): void {
    const left = leftMs === undefined ? "" : `${formatDuration(leftMs)} left`;
    this.#bar?.update({ left, now: label });
  }

  /** One cell is done, and this is what came out. */
  cell(line: string): void {
    if (this.#bar !== undefined) {
      this.#bar.increment();
      process.stderr.write("\r\u001b[2K");
    }
    process.stdout.write(`${line}\n`);
    this.#bar?.render();
  }

  end(): void {
    this.#bar?.stop();
  }
}

export function formatDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
