/** What one more costs, where a curve is one of memory: the slope of a straight line through its points. */

import { linearRegression } from "simple-statistics";
import { CURVES } from "../jobs/curves.ts";
import type { Result } from "../result.ts";
import { groupBy, summariseAll } from "./summary.ts";

const MIB = 2 ** 20;

/** Each curve of memory on each contender, in a sentence; none where there are fewer than three points. */
export function describeGrowth(result: Result): string[] {
  const rows = summariseAll(result).filter((row) => row.unit === "MiB");
  return Object.entries(CURVES).flatMap(([curve, { one }]) => {
    if (one === undefined) return [];
    const points = result.jobs.flatMap(({ name, point }) =>
      point?.curve === curve
        ? rows.filter((row) => row.job === name).map((row) => ({ x: point.x, row }))
        : [],
    );
    return [...groupBy(points, ({ row }) => row.contender)].flatMap(([contender, own]) => {
      if (own.length < 3) return [];
      const { m } = linearRegression(own.map(({ row, x }) => [x, row.value.median]));
      return `${contender}: ${one} takes ${formatBytes(m * MIB)}`;
    });
  });
}

function formatBytes(bytes: number): string {
  return Math.abs(bytes) < 1024 ? `${bytes.toFixed(0)} bytes` : `${(bytes / 1024).toFixed(1)} KiB`;
}
