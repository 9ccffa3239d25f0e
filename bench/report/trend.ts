/**
 * Whether memory grows in a long run, in words: the slope of a line through the second half of what was seen,
 * of memory in use where that is known, since what is resident swings with the collections.
 */

import { median } from "simple-statistics";
import type { Measurement, Result } from "../result.ts";
import { type Trend, trendOf } from "../statistics.ts";
import { formatNumber } from "./figures.ts";

/** Of its median, in an hour: how sure one must be that it is no more. */
const FLAT_PART = 0.05;
const SECONDS_AN_HOUR = 3600;

export function describeTrends({ measurements }: Result): string[] {
  return measurements.filter(({ job }) => /^soak\b/.test(job)).flatMap(describeTrend);
}

function describeTrend({ contender, figure, memory, usage, used = [] }: Measurement): string[] {
  const seconds = memory.at(-1)?.[0] ?? 0;
  const resident = trendIn(memory, seconds);
  if (resident === undefined) return [];
  const inUse = trendIn(used, seconds);
  const part = Math.round((1000 * usage.cpuSeconds) / seconds) / 10;
  const words = [
    `${contender}: ${verdictOn(inUse ?? resident)}. In the second half of ${formatNumber(seconds / 60)} minutes`,
    ...(inUse === undefined ? [] : [`memory in use, after collections, was ${describe(inUse)};`]),
    `resident memory was ${describe(resident)}; ${figure.operations ?? 0} steps took ${part} % of one core`,
  ];
  return [words.join(" ")];
}

interface Half {
  readonly usual: number;
  readonly most: number;
  readonly trend: Trend;
}

/** The second half of `points`. */
function trendIn(points: Measurement["memory"], seconds: number): Half | undefined {
  const half = points.filter(([at]) => at >= seconds / 2);
  const values = half.map(([, mib]) => mib);
  const trend = trendOf(half.map(([at, mib]) => [at / SECONDS_AN_HOUR, mib]));
  return trend && { usual: median(values), most: Math.max(...values), trend };
}

function describe({ most, trend: { high, low, slope }, usual }: Half): string {
  return `${formatNumber(usual)} MiB, at most ${formatNumber(most)}, and changed by ${formatNumber(slope)} MiB an hour (95 %: ${formatNumber(low)} to ${formatNumber(high)})`;
}

function verdictOn({ trend: { high, low }, usual }: Half): string {
  const tolerated = FLAT_PART * usual;
  if (low > tolerated) return "memory grows";
  if (high > tolerated) return "too short a run to tell whether memory is flat";
  return low > 0 ? "memory grows by less than a twentieth an hour" : "memory is flat";
}
