/** From single measurements to a table: medians, spread, and ratios to the baseline of the same run. */

import type { Figure } from "./jobs.ts";
import type { Usage } from "./processes.ts";

export interface Measurement {
  readonly job: string;
  readonly contender: string;
  readonly round: number;
  readonly figure: Figure;
  readonly usage: Usage;
}

export interface Row {
  readonly job: string;
  readonly contender: string;
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly unit: Figure["unit"];
  readonly cpuSeconds: number;
  readonly peakMemoryMib: number;
  /** To the baseline's medians; undefined for a job that the baseline did not finish. */
  readonly ratio:
    | { readonly value: number; readonly cpu: number; readonly memory: number }
    | undefined;
}

export function summarise(measurements: readonly Measurement[], baseline: string): Row[] {
  const rows: Row[] = [];
  for (const job of new Set(measurements.map((each) => each.job))) {
    const ofJob = measurements.filter((each) => each.job === job);
    const base = aggregate(ofJob.filter((each) => each.contender === baseline));
    for (const contender of new Set(ofJob.map((each) => each.contender))) {
      const own = aggregate(ofJob.filter((each) => each.contender === contender));
      if (own === undefined) continue;
      rows.push({
        job,
        contender,
        ...own,
        ratio:
          base === undefined
            ? undefined
            : {
                value: own.median / base.median,
                cpu: own.cpuSeconds / base.cpuSeconds,
                memory: own.peakMemoryMib / base.peakMemoryMib,
              },
      });
    }
  }
  return rows;
}

function aggregate(
  measurements: readonly Measurement[],
): Omit<Row, "job" | "contender" | "ratio"> | undefined {
  const first = measurements[0];
  if (first === undefined) return undefined;
  const values = measurements.map((each) => each.figure.value);
  return {
    median: median(values),
    least: Math.min(...values),
    most: Math.max(...values),
    unit: first.figure.unit,
    cpuSeconds: median(measurements.map(cpuCost)),
    peakMemoryMib: median(measurements.map((each) => each.usage.peakMemoryMib)),
  };
}

/** CPU-seconds per GiB where bytes were moved, otherwise CPU-seconds. */
function cpuCost(measurement: Measurement): number {
  const bytes = measurement.figure.bytes;
  return bytes === undefined
    ? measurement.usage.cpuSeconds
    : measurement.usage.cpuSeconds / (bytes / 2 ** 30);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function table(rows: readonly Row[], baseline: string): string {
  const header = ["job", "contender", "median", "least – most", "CPU-s", "peak MiB"];
  const lines = rows.map((row) => [
    row.job,
    row.contender,
    `${figure(row.median)} ${row.unit}${times(row.ratio?.value)}`,
    `${figure(row.least)} – ${figure(row.most)}`,
    `${row.cpuSeconds.toFixed(2)}${times(row.ratio?.cpu)}`,
    `${row.peakMemoryMib.toFixed(0)}${times(row.ratio?.memory)}`,
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  const format = (cells: readonly string[]) =>
    cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return [
    `× is the ratio to ${baseline}; CPU-s is per GiB where bytes were moved`,
    format(header),
    rule,
    ...lines.map(format),
  ].join("\n");
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function times(ratio: number | undefined): string {
  return ratio === undefined ? "" : ` ×${ratio.toFixed(2)}`;
}
