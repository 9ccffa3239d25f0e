/** What changed between two results: job by job, for the contenders that both measured. */

import type { Result } from "../result.ts";
import { ratioOf, summarise } from "../statistics.ts";
import { formatNumber, formatSureRatio } from "./figures.ts";
import { groupBy, type Verdict, verdictOf } from "./summary.ts";
import { type Paint, renderTable } from "./terminal.ts";

export interface Change {
  readonly job: string;
  readonly contender: string;
  readonly unit: string;
  readonly before: number;
  readonly after: number;
  readonly ratio: string;
  /** Undefined where there are too few rounds to tell. */
  readonly verdict: Verdict | undefined;
}

/** Changes of what both have, in the order of the later one. */
export function changesBetween(before: Result, after: Result): Change[] {
  const keyOf = (each: { job: string; contender: string }): string =>
    `${each.job}\n${each.contender}`;
  const earlier = groupBy(before.measurements, keyOf);
  return [...groupBy(after.measurements, keyOf)].flatMap(([key, later]) => {
    const [first] = later;
    const old = earlier.get(key)?.map((each) => each.figure.value) ?? [];
    const values = later.map((each) => each.figure.value);
    const [was, is, ratio] = [summarise(old), summarise(values), ratioOf(values, old)];
    const verdict = first && verdictOf(ratio, first.figure.unit);
    if (!first || !was || !is || !ratio) return [];
    return {
      ...{ job: first.job, contender: first.contender, unit: first.figure.unit, verdict },
      before: was.median,
      after: is.median,
      ratio: formatSureRatio(ratio),
    };
  });
}

export function describeChanges(before: Result, after: Result, paint: Paint): string {
  const changes = changesBetween(before, after);
  if (changes.length === 0) return "The two results have no job of one contender in common.";
  const lines = changes.map((change) => [
    change.job,
    change.contender,
    `${formatNumber(change.before)} ${change.unit}`,
    `${formatNumber(change.after)} ${change.unit}`,
    paint(change.verdict, `${change.ratio} ${change.verdict ?? ""}`),
  ]);
  const header = ["job", "contender", "before", "after", "change"];
  return [
    `before: ${describeOrigin(before)}`,
    `after:  ${describeOrigin(after)}`,
    ...differences(before, after),
    "",
    renderTable(header, lines),
  ].join("\n");
}

function describeOrigin({ machine }: Result): string {
  return `${machine.commit}, ${machine.date}, ${machine.processor}`;
}

/** What makes a comparison doubtful. */
function differences(before: Result, after: Result): string[] {
  const machines = (["processor", "memory", "kernel", "node"] as const)
    .filter((name) => before.machine[name] !== after.machine[name])
    .map((name) => `${name}: ${before.machine[name]} became ${after.machine[name]}`);
  const sizes =
    before.settings.sizes === after.settings.sizes
      ? []
      : [`sizes: ${before.settings.sizes} became ${after.settings.sizes}`];
  return [...machines, ...sizes].map((line) => `Not the same ${line}`);
}
