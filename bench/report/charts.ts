/**
 * What the page draws, as data: bars with their spread for each job, and lines. `page.js` gives this to
 * Chart.js, in the colours of the reader's theme.
 */

import { CURVES, STREAMS_CURVE } from "../jobs/curves.ts";
import { moreIsBetter } from "../jobs/job.ts";
import { LIMIT } from "../limit.ts";
import type { DescribedJob, Measurement, Result } from "../result.ts";
import { formatNumber } from "./figures.ts";
import { groupBy, type Row, summariseAll } from "./summary.ts";

interface Bars {
  readonly kind: "bars";
  readonly title: string;
  readonly caption: string;
  readonly unit: string;
  /** Less is better. */
  readonly less: boolean;
  readonly bars: readonly {
    readonly contender: string;
    readonly value: number;
    readonly least: number;
    readonly most: number;
  }[];
  /** Where the physical limit is. */
  readonly limit?: number;
}

export interface Lines {
  readonly kind: "lines";
  readonly title: string;
  readonly caption: string;
  readonly x: string;
  readonly y: string;
  readonly logarithmic: { readonly x: boolean; readonly y: boolean };
  /** What stands at the points of the x axis, where they are no numbers. */
  readonly labels?: readonly string[];
  readonly lines: readonly {
    readonly contender: string;
    readonly points: readonly (readonly [x: number, y: number])[];
  }[];
}

export type Chart = Bars | Lines;

export interface Section {
  readonly title: string;
  readonly charts: readonly Chart[];
}

/** Sections in which a chart has something to show, in the order of the page. */
export function sectionsOf(result: Result): Section[] {
  const rows = summariseAll(result);
  const sections = [
    ...jobSections(result, rows),
    { title: "How the cost grows", charts: curveCharts(result, rows) },
    { title: "Throughput against streams", charts: streamCharts(result, rows) },
    { title: "CPU-seconds per GiB moved", charts: cpuCharts(result, rows) },
    { title: "Latency", charts: latencyCharts(result) },
    { title: "Memory over time", charts: memoryCharts(result) },
  ];
  return sections.filter(({ charts }) => charts.length > 0);
}

function jobSections(result: Result, rows: readonly Row[]): Section[] {
  return [...groupBy(jobsOutsideCurves(result), ({ group }) => group)].map(([title, ofGroup]) => ({
    title,
    charts: ofGroup.flatMap((job) => barsOf(job, rows, describeLimit(result, job.name, rows))),
  }));
}

function jobsOutsideCurves({ jobs }: Result): DescribedJob[] {
  return jobs.filter(({ point }) => point === undefined || !(point.curve in CURVES));
}

/** What the limit is made of, and how near to it the first contender comes. */
function describeLimit({ measurements }: Result, job: string, rows: readonly Row[]): string {
  const parts = measurements.findLast((each) => each.contender === LIMIT && each.job === job)
    ?.figure.parts;
  const own = rows.filter((row) => row.job === job);
  const limit = own.find((row) => row.contender === LIMIT);
  const [first] = own;
  if (parts === undefined || first === undefined || limit === undefined) return "";
  const part = Math.round((100 * first.value.median) / limit.value.median);
  const { received, served } = parts;
  return `; ${first.contender} reaches ${part} % of the limit, ${formatNumber(received)} received and ${formatNumber(served)} served, in turn`;
}

function barsOf(
  { delayMs, description, name, server }: DescribedJob,
  rows: readonly Row[],
  limitWords: string,
): Bars[] {
  const own = rows.filter((row) => row.job === name);
  const [first] = own;
  if (first === undefined) return [];
  const limit = own.find((row) => row.contender === LIMIT)?.value.median;
  const distance = delayMs === 0 ? "" : `, ${delayMs} ms away`;
  return [
    {
      kind: "bars",
      title: name,
      caption: `${description}; ${server}${distance}${limitWords}`,
      unit: first.unit,
      less: !moreIsBetter(first.unit),
      bars: own
        .filter((row) => row.contender !== LIMIT)
        .map(({ contender, value: { least, median, most } }) => ({
          ...{ contender, least, most },
          value: median,
        })),
      ...(limit !== undefined && { limit }),
    },
  ];
}

function cpuCharts(result: Result, rows: readonly Row[]): Bars[] {
  return jobsOutsideCurves(result).flatMap((job) => {
    const own = rows.filter((row) => row.job === job.name && row.cpuIsPerGib);
    if (own.length === 0) return [];
    return {
      kind: "bars",
      title: job.name,
      caption: "of the process that serves, and of those below it",
      unit: "CPU-s/GiB",
      less: true,
      bars: own.map(({ contender, cpu: { least, median, most } }) => ({
        ...{ contender, least, most },
        value: median,
      })),
    } satisfies Bars;
  });
}

function streamCharts(result: Result, rows: readonly Row[]): Lines[] {
  const titles = {
    streams: "Sequential readers, through the page cache",
    "streams, O_DIRECT": "Sequential readers, O_DIRECT",
    writers: "Sequential writers",
  };
  return Object.entries(titles).flatMap(([curve, title]) =>
    linesOf(result, rows, { curve, title, x: "streams" }),
  );
}

/** Of the given curves, or of all. */
export function curveCharts(
  result: Result,
  rows: readonly Row[],
  curves: readonly string[] = Object.keys(CURVES),
): Lines[] {
  const shown = Object.entries(CURVES).filter(([curve]) => curves.includes(curve));
  return shown.flatMap(([curve, { title, x }]) => [
    ...linesOf(result, rows, { curve, title, x }),
    ...(curve === STREAMS_CURVE ? costsOfStreams(result, rows, x) : []),
  ]);
}

function costsOfStreams(result: Result, rows: readonly Row[], x: string): Lines[] {
  const cpu: Measure = { unit: "CPU-s/GiB", of: (row) => row.cpu.median };
  const memory: Measure = { unit: "MiB", of: (row) => row.peakMemoryMib.median };
  const curve = STREAMS_CURVE;
  return [
    ...linesOf(result, rows, { curve, title: "CPU of sequential readers", x, measure: cpu }),
    ...linesOf(result, rows, { curve, title: "Peak memory of readers", x, measure: memory }),
  ];
}

/** What of a row is drawn, where it is not the job's own figure. */
interface Measure {
  readonly unit: string;
  readonly of: (row: Row) => number;
}

interface Curve {
  readonly curve: string;
  readonly title: string;
  readonly x: string;
  readonly measure?: Measure;
}

/** One line for each contender through all jobs of the curve; none where there is but one point. */
function linesOf(
  { jobs }: Result,
  rows: readonly Row[],
  { curve, measure, title, x }: Curve,
): Lines[] {
  const points = jobs.flatMap((job) => {
    if (job.point?.curve !== curve || job.delayMs > 0) return [];
    const at = job.point.x;
    return rows.filter((row) => row.job === job.name).map((row) => ({ at, row }));
  });
  if (new Set(points.map(({ at }) => at)).size < 2) return [];
  const unit = measure?.unit ?? points[0]?.row.unit ?? "";
  const valueIn = measure?.of ?? ((row: Row) => row.value.median);
  const lines = [...groupBy(points, ({ row }) => row.contender)].map(([contender, own]) => ({
    contender,
    points: own
      .map(({ at, row }) => [at, valueIn(row)] as const)
      .sort(([one], [other]) => one - other),
  }));
  const caption = `median of the rounds, ${unit}`;
  const logarithmic = { x: true, y: unit === "s" };
  return [{ kind: "lines", title, caption, x, y: unit, logarithmic, lines }];
}

/** The distribution over all operations of the last round; the median of percentiles would be none. */
function latencyCharts({ jobs, measurements }: Result): Lines[] {
  return jobs.flatMap(({ name }) => {
    const measured = measurements.filter(
      ({ figure, job }) => job === name && Object.keys(figure.latencyMs ?? {}).length > 0,
    );
    const labels = Object.keys(measured[0]?.figure.latencyMs ?? {}).sort(
      (one, other) => Number(one) - Number(other),
    );
    if (labels.length === 0 || !/^(?:rand|first|ttfb)/.test(name)) return [];
    const lines = [...groupBy(measured, ({ contender }) => contender)].map(([contender, own]) => ({
      contender,
      points: labels.map(
        (label, at) => [at, own.at(-1)?.figure.latencyMs?.[label] ?? Number.NaN] as const,
      ),
    }));
    return {
      kind: "lines",
      title: name,
      caption: "milliseconds of one operation by percentile, last round",
      ...{ x: "percentile", y: "ms", labels, lines },
      logarithmic: { x: false, y: true },
    } satisfies Lines;
  });
}

/** Only where a job lasted long enough to see something. */
const SECONDS_MIN = 0.3;

export function memoryCharts(result: Result): Lines[] {
  return jobsOutsideCurves(result).flatMap(({ name }) => [
    ...memoryOver(result, name, { title: name, caption: "resident memory", of: (it) => it.memory }),
    ...memoryOver(result, name, {
      title: `${name}, in use`,
      caption: "memory in use after collections",
      of: ({ used = [] }) => used,
    }),
  ]);
}

interface MemoryChart {
  readonly title: string;
  readonly caption: string;
  readonly of: (measurement: Measurement) => Measurement["memory"];
}

/** One chart with a line for each contender, or none. */
function memoryOver(
  { measurements }: Result,
  job: string,
  { caption, of, title }: MemoryChart,
): Lines[] {
  const lines = [...groupBy(measurements, ({ contender }) => contender)].flatMap(
    ([contender, own]) => {
      const last = own.findLast((each) => each.job === job);
      if (last === undefined || last.contender === LIMIT) return [];
      const points = of(last);
      return (points.at(-1)?.[0] ?? 0) < SECONDS_MIN ? [] : [{ contender, points }];
    },
  );
  if (lines.length === 0) return [];
  return [
    {
      kind: "lines",
      ...{ title, caption: `${caption} while the job ran, last round` },
      ...{ x: "seconds", y: "MiB", lines },
      logarithmic: { x: false, y: false },
    },
  ];
}
