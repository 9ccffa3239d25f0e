/** From single measurements to one row for each job and contender: medians, spread, ratios, verdicts. */

import { moreIsBetter, type Unit } from "../jobs/job.ts";
import { LIMIT } from "../limit.ts";
import type { Measurement, Result } from "../result.ts";
import { type Ratio, ratioOf, type Summary, summarise } from "../statistics.ts";
import { formatNumber, formatRatio, formatSpread, formatSureRatio } from "./figures.ts";

/** Whether the whole interval of a ratio is on one side of 1. */
export type Verdict = "better" | "worse" | "even";

export interface Row {
  readonly job: string;
  readonly server: string;
  readonly contender: string;
  readonly unit: Unit;
  readonly value: Summary;
  /** CPU-seconds per GiB where bytes were moved, otherwise CPU-seconds. */
  readonly cpu: Summary;
  readonly cpuIsPerGib: boolean;
  readonly peakMemoryMib: Summary;
  /** MiB in use, the median, where the value is resident memory and the mount has told. */
  readonly used: number | undefined;
  /** To the baseline; undefined for the baseline itself, and where it did not finish the job. */
  readonly ratio: Ratio | undefined;
  readonly cpuRatio: Ratio | undefined;
  readonly memoryRatio: Ratio | undefined;
  readonly verdict: Verdict | undefined;
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Rows in the order in which the run was told of jobs and contenders. */
export function summariseAll({ jobs, measurements, settings }: Result): Row[] {
  const { baseline, contenders } = settings;
  const servers = new Map(jobs.map(({ name, server }) => [name, server]));
  const placeOf = (contender: string): number => {
    const place = contenders.indexOf(contender);
    return place === -1 ? contenders.length : place;
  };
  return [...groupBy(measurements, (each) => each.job)].flatMap(([job, ofJob]) => {
    const base = ofJob.filter((each) => each.contender === baseline);
    const groups = [...groupBy(ofJob, (each) => each.contender)];
    groups.sort(([one], [other]) => placeOf(one) - placeOf(other));
    return groups.flatMap(([contender, own]) => {
      const row = rowOf(own, contender === baseline ? [] : base);
      if (row === undefined) return [];
      // A limit is no contender, that it could be better.
      const server = servers.get(job) ?? "";
      return [
        { job, server, contender, ...row, ...(contender === LIMIT && { verdict: undefined }) },
      ];
    });
  });
}

export function groupBy<Each>(
  all: readonly Each[],
  keyOf: (each: Each) => string,
): ReadonlyMap<string, Each[]> {
  const groups = new Map<string, Each[]>();
  for (const each of all) {
    const key = keyOf(each);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  return groups;
}

export function verdictOf(ratio: Ratio | undefined, unit: Unit): Verdict | undefined {
  if (ratio?.interval === undefined) return undefined;
  if (ratio.interval.low <= 1 && ratio.interval.high >= 1) return "even";
  return ratio.value > 1 === moreIsBetter(unit) ? "better" : "worse";
}

const figureOf = ({ figure }: Measurement): number => figure.value;
const memoryOf = ({ usage }: Measurement): number => usage.peakMemoryMib;
/** Undefined where so little was moved that CPU for a GiB would mean nothing. */
const gibOf = ({ figure: { bytes = 0 } }: Measurement): number | undefined =>
  bytes < MIB ? undefined : bytes / GIB;
const cpuOf = (each: Measurement): number => each.usage.cpuSeconds / (gibOf(each) ?? 1);

function rowOf(
  own: readonly Measurement[],
  base: readonly Measurement[],
): Omit<Row, "job" | "server" | "contender"> | undefined {
  const [first] = own;
  const value = summarise(own.map(figureOf));
  const cpu = summarise(own.map(cpuOf));
  const peakMemoryMib = summarise(own.map(memoryOf));
  if (!first || !value || !cpu || !peakMemoryMib) return undefined;
  const { unit } = first.figure;
  const ratio = ratioOf(own.map(figureOf), base.map(figureOf));
  return {
    ...{ unit, value, cpu, peakMemoryMib, ratio },
    cpuIsPerGib: gibOf(first) !== undefined,
    used: summarise(own.flatMap(({ figure }) => figure.usedMib ?? []))?.median,
    cpuRatio: ratioOf(own.map(cpuOf), base.map(cpuOf)),
    memoryRatio: ratioOf(own.map(memoryOf), base.map(memoryOf)),
    verdict: verdictOf(ratio, unit),
  };
}

/** The columns in which every form of the report shows a row. */
export function headerOf(baseline: string): readonly string[] {
  return [
    ...["job", "server", "contender", "median", "least – most", `to ${baseline}`, "CPU-s"],
    "peak MiB",
  ];
}

/** What stands in them, with the ratio as `ratio` says it. */
export function cellsOf(row: Row, ratio: string = formatSureRatio(row.ratio)): string[] {
  return [
    row.job,
    row.server,
    row.contender,
    `${formatNumber(row.value.median)} ${row.unit}`,
    formatSpread(row.value),
    ratio,
    `${row.cpu.median.toFixed(2)}${row.cpuIsPerGib ? "/GiB" : ""} ${formatRatio(row.cpuRatio)}`,
    `${row.peakMemoryMib.median.toFixed(0)} ${formatRatio(row.memoryRatio)}`,
  ];
}

/** Contenders that cannot take part in jobs, since they cannot speak with the server. */
export interface Omission {
  readonly contender: string;
  readonly server: string;
  readonly jobs: readonly string[];
  readonly reason: string;
}

export function omissionsOf({ contenders, jobs }: Result): Omission[] {
  return contenders.flatMap(({ name, notApplicable = {} }) =>
    Object.entries(notApplicable).flatMap(([server, reason]) => {
      const on = jobs.filter((job) => job.server === server).map((job) => job.name);
      return on.length === 0 ? [] : [{ contender: name, server, jobs: on, reason }];
    }),
  );
}

/** The lines of the table for them. */
export function omittedCells(result: Result): readonly (readonly string[])[] {
  const blank = headerOf("")
    .slice(4)
    .map(() => "");
  return omissionsOf(result).flatMap(({ contender, jobs, server }) =>
    jobs.map((job) => [job, server, contender, "not applicable", ...blank]),
  );
}

export function describeOmission({ contender, jobs, reason, server }: Omission): string {
  return `not applicable: ${contender} on ${server} (${jobs.join(", ")}): ${reason}`;
}
