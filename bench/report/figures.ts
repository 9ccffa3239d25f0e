/** How numbers are written, the same on a terminal, in Markdown and on the page. */

import type { Ratio, Summary } from "../statistics.ts";

/** Three digits that mean something. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

export function formatSpread({ least, most }: Summary): string {
  return `${formatNumber(least)} – ${formatNumber(most)}`;
}

export function formatRatio(ratio: Ratio | undefined): string {
  return ratio === undefined ? "" : `×${formatTimes(ratio.value)}`;
}

export function formatRounds(rounds: number): string {
  return `${rounds} ${rounds === 1 ? "round" : "rounds"}`;
}

/** The ratio with its interval. */
export function formatSureRatio(ratio: Ratio | undefined): string {
  if (ratio?.interval === undefined) return formatRatio(ratio);
  const { high, low } = ratio.interval;
  return `×${formatTimes(ratio.value)} (${formatTimes(low)}–${formatTimes(high)})`;
}

function formatTimes(value: number): string {
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
