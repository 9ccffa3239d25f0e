/** In which order cells are measured, which of them are still to be done, and how long that will take. */

import { shuffle } from "simple-statistics";
import type { Result } from "./result.ts";
import { seededRandom } from "./statistics.ts";

/** One job on one contender, once. */
export interface PlannedCell {
  readonly job: string;
  readonly contender: string;
  readonly round: number;
}

interface PlanOptions {
  readonly jobs: readonly string[];
  /** Those that take part in a job. */
  readonly contendersOf: (job: string) => readonly string[];
  readonly rounds: number;
  readonly seed: number;
}

/**
 * Job after job, since a job's rounds share what was loaded; within a round every contender once, in an
 * order that the seed decides, so that nobody always follows the same other.
 */
export function planCells({ contendersOf, jobs, rounds, seed }: PlanOptions): PlannedCell[] {
  const random = seededRandom(seed);
  const cells: PlannedCell[] = [];
  for (const job of jobs) {
    for (let round = 0; round < rounds; round++) {
      const order = shuffle([...contendersOf(job)], random);
      cells.push(...order.map((contender) => ({ job, contender, round })));
    }
  }
  return cells;
}

/** Without what was measured already. */
export function remainingCells(
  cells: readonly PlannedCell[],
  measurements: Result["measurements"],
): PlannedCell[] {
  const done = new Set(
    measurements.map(({ contender, job, round }) => `${job}\n${contender}\n${round}`),
  );
  return cells.filter(({ contender, job, round }) => !done.has(`${job}\n${contender}\n${round}`));
}

/** Guesses from the cells that are done: those of the same job where there are some. */
export class TimeLeft {
  readonly #byJob = new Map<string, number[]>();

  record(job: string, milliseconds: number): void {
    const known = this.#byJob.get(job);
    if (known === undefined) this.#byJob.set(job, [milliseconds]);
    else known.push(milliseconds);
  }

  /** Milliseconds for the given cells; undefined while nothing is known. */
  estimate(cells: readonly Pick<PlannedCell, "job">[]): number | undefined {
    const all = [...this.#byJob.values()].flat();
    if (all.length === 0) return undefined;
    const usual = mean(all);
    return cells.reduce((total, { job }) => total + mean(this.#byJob.get(job) ?? [usual]), 0);
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
