/**
 * How curves grow, in sentences: what one more costs where a curve is one of memory, the slope of a straight
 * line through its points; and the power of x with which time grows, that of the last tenfold.
 */

import { linearRegression } from "simple-statistics";
import { CURVES } from "../jobs/curves.ts";
import type { Result } from "../result.ts";
import { groupBy, type Row, summariseAll } from "./summary.ts";

const MIB = 2 ** 20;
/** More than noise makes of a straight line. */
const LINEAR_MOST = 1.15;

interface Point {
  readonly x: number;
  readonly row: Row;
}

/** Each curve on each contender that has at least three points, in the order of the curves. */
export function describeGrowth(
  result: Result,
  curves: readonly string[] = Object.keys(CURVES),
): string[] {
  const rows = summariseAll(result);
  return curves.flatMap((curve) => {
    const points = result.jobs.flatMap(({ name, point }) =>
      point?.curve === curve
        ? rows.filter((row) => row.job === name).map((row) => ({ x: point.x, row }))
        : [],
    );
    return [...groupBy(points, ({ row }) => row.contender)].flatMap(([contender, own]) => {
      own.sort((one, other) => one.x - other.x);
      const sentence = own.length < 3 ? undefined : describeCurve(curve, own);
      return sentence === undefined ? [] : [`${contender}: ${sentence}`];
    });
  });
}

function describeCurve(curve: string, points: readonly Point[]): string | undefined {
  const { goal, one, title } = CURVES[curve] ?? {};
  if (one === undefined) return describePower(title ?? curve, points);
  const resident = slopeOf(points.map(({ row, x }) => [x, row.value.median]));
  const used = points.flatMap(({ row, x }) => (row.used === undefined ? [] : [[x, row.used]]));
  if (used.length < points.length) return `${one} takes ${formatBytes(resident)}`;
  const bytes = slopeOf(used);
  const verdict =
    goal === undefined
      ? ""
      : `, ${bytes <= goal ? "within" : "beyond"} the ${formatBytes(goal)} that it may`;
  return `${one} takes ${formatBytes(bytes)}${verdict}; ${formatBytes(resident)} resident, with what is not collected yet`;
}

function slopeOf(points: number[][]): number {
  return linearRegression(points).m * MIB;
}

/** Only of what takes time: throughput is not to grow. */
function describePower(title: string, points: readonly Point[]): string | undefined {
  const [before, last] = points.slice(-2);
  if (before === undefined || last === undefined) return undefined;
  if (last.row.unit !== "s" && last.row.unit !== "ms") return undefined;
  const grown = Math.log(last.row.value.median / before.row.value.median);
  const power = grown / Math.log(last.x / before.x);
  const verdict = power <= LINEAR_MOST ? "not worse than linear" : "worse than linear";
  return `${title}: from ${before.x} to ${last.x} it grows with the power ${power.toFixed(2)}, ${verdict}`;
}

function formatBytes(bytes: number): string {
  return Math.abs(bytes) < 1024 ? `${bytes.toFixed(0)} bytes` : `${(bytes / 1024).toFixed(1)} KiB`;
}
