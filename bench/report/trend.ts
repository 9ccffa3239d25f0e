/** Whether memory grows in a long run, in words: the slope of a line through the second half of what was seen. */

import { median } from "simple-statistics";
import type { Measurement, Result } from "../result.ts";
import { type Trend, trendOf } from "../statistics.ts";
import { formatNumber } from "./figures.ts";

/** Of its median, in an hour: less is taken for none, if one can be so sure. */
const FLAT_PART = 0.05;
const SECONDS_AN_HOUR = 3600;

export function describeTrends({ measurements }: Result): string[] {
  return measurements.filter(({ job }) => /^soak\b/.test(job)).flatMap(describeTrend);
}

function describeTrend({ contender, figure, memory, usage }: Measurement): string[] {
  const seconds = memory.at(-1)?.[0] ?? 0;
  const half = memory.filter(([at]) => at >= seconds / 2);
  const values = half.map(([, mib]) => mib);
  const trend = trendOf(half.map(([at, mib]) => [at / SECONDS_AN_HOUR, mib]));
  if (trend === undefined) return [];
  const usual = median(values);
  const { high, low, slope } = trend;
  const part = Math.round((1000 * usage.cpuSeconds) / seconds) / 10;
  return [
    `${contender}: ${verdictOn(trend, usual)}. In the second half of ${formatNumber(seconds / 60)} minutes resident memory was ${formatNumber(usual)} MiB, at most ${formatNumber(Math.max(...values))}, and changed by ${formatNumber(slope)} MiB an hour (95 %: ${formatNumber(low)} to ${formatNumber(high)}); ${figure.operations ?? 0} steps took ${part} % of one core`,
  ];
}

function verdictOn({ high, low }: Trend, usual: number): string {
  const tolerated = FLAT_PART * usual;
  if (low > tolerated) return "memory grows";
  return high <= tolerated ? "memory is flat" : "too short a run to tell whether memory is flat";
}
