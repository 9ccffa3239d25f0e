/** The order of cells, what a resumed run still has to do, and the guess of the time left. */

import { describe, expect, test } from "vitest";
import { planCells, remainingCells, TimeLeft } from "../../bench/plan.ts";
import { formatDuration } from "../../bench/progress.ts";
import { measurement } from "./results.ts";

const plan = (seed: number) =>
  planCells({
    jobs: ["a", "b"],
    contendersOf: () => ["one", "two", "three"],
    rounds: 4,
    seed,
  });

describe("planCells", () => {
  test("has every job on every contender in every round, once", () => {
    const cells = plan(1).map((cell) => `${cell.job} ${cell.contender} ${cell.round}`);
    expect(cells.length).toBe(2 * 3 * 4);
    expect(new Set(cells).size).toBe(cells.length);
  });

  test("interleaves: a round ends before the next begins", () => {
    const rounds = plan(1).flatMap((cell) => (cell.job === "a" ? [cell.round] : []));
    expect(rounds).toEqual([...rounds].sort((one, other) => one - other));
  });

  test("has an order that differs between rounds and follows from the seed", () => {
    const orderOf = (seed: number, round: number): string[] =>
      plan(seed).flatMap((cell) => (cell.round === round ? [cell.contender] : []));
    expect(plan(5)).toEqual(plan(5));
    expect(plan(5)).not.toEqual(plan(6));
    const orders = new Set([0, 1, 2, 3].map((round) => orderOf(5, round).join()));
    expect(orders.size).toBeGreaterThan(1);
  });
});

describe("remainingCells", () => {
  test("leaves out what was measured", () => {
    const measured = measurement({ job: "a", contender: "two", round: 3 });
    const rest = remainingCells(plan(1), [measured]);
    expect(rest.length).toBe(23);
    expect(rest).not.toContainEqual({ job: "a", contender: "two", round: 3 });
  });
});

describe("the time left", () => {
  test("is unknown at first, then what such cells took", () => {
    const time = new TimeLeft();
    expect(time.estimate([{ job: "a" }])).toBeUndefined();
    time.record("a", 1000);
    time.record("a", 3000);
    expect(time.estimate([{ job: "a" }, { job: "b" }])).toBe(4000);
    time.record("b", 8000);
    expect(time.estimate([{ job: "a" }, { job: "b" }])).toBe(10_000);
  });

  test("is told as people say it", () => {
    expect(formatDuration(41_400)).toBe("41 s");
    expect(formatDuration(61_000)).toBe("1 min 1 s");
    expect(formatDuration(3_700_000)).toBe("1 h 1 min");
  });
});
