/**
 * What a piece of work costs in CPU time, and on which thread: from that follows what one mount can do at the
 * most, since everything in it that is JavaScript runs on one thread, and what more cores are good for.
 */

import { median } from "simple-statistics";
import { OURS } from "../contenders.ts";
import { SETS } from "../jobs/catalogue.ts";
import { DATA_THREADS } from "../jobs/reading.ts";
import type { Measurement, Result } from "../result.ts";
import { formatNumber } from "./figures.ts";
import { groupBy } from "./summary.ts";

const GIB = 2 ** 30;
const MACHINES = [8, 64] as const;

/** CPU-seconds for one GiB, or for one operation. */
interface Cost {
  readonly job: string;
  readonly description: string;
  readonly perGib: boolean;
  /** Of the thread that runs JavaScript. */
  readonly first: number;
  /** Of the other threads of the mount. */
  readonly others: number;
  /** Of the server and of the programs that use the mount. */
  readonly around: number;
  /** What was reached, in GiB or operations a second. */
  readonly reached: number;
}

function costsOf({ jobs, measurements }: Result): Cost[] {
  const ours = measurements.filter(
    ({ contender, job }) => contender === OURS && SETS["costs"]?.includes(job),
  );
  return [...groupBy(ours, ({ job }) => job)].flatMap(([job, rounds]) => {
    const known = rounds.filter((each) => each.usage.firstThreadSeconds !== undefined);
    const [one] = known;
    if (one === undefined || unitsOf(one) === 0) return [];
    const part = (of: (each: Measurement) => number): number =>
      median(known.map((each) => of(each) / unitsOf(each)));
    const described = jobs.find(({ name }) => name === job);
    return {
      job,
      description: described === undefined ? "" : `${described.description} (${described.server})`,
      perGib: one.figure.operations === undefined,
      first: part(({ usage }) => usage.firstThreadSeconds ?? 0),
      others: part(({ usage }) => usage.cpuSeconds - (usage.firstThreadSeconds ?? 0)),
      around: part(({ aroundSeconds = 0 }) => aroundSeconds),
      reached: median(known.map((each) => unitsOf(each) / secondsOf(each))),
    };
  });
}

function unitsOf({ figure: { bytes = 0, operations } }: Measurement): number {
  return operations ?? bytes / GIB;
}

/** How long the work took, whatever the figure says about it. */
function secondsOf(measurement: Measurement): number {
  const { bytes = 0, operations = 0, unit, value } = measurement.figure;
  if (unit === "MiB/s") return bytes / 2 ** 20 / value;
  return unit === "IOPS" ? operations / value : value;
}

const HEADER = [
  ...["work", "job", "JavaScript thread", "other threads", "server, programs", "reached here"],
  ...["one mount, at most", ...MACHINES.map((cores) => `${cores} cores`)],
];

/** A table in Markdown; no lines where no job of the set was measured. */
export function costTable(result: Result): string[] {
  const costs = costsOf(result);
  if (costs.length === 0) return [];
  const lines = costs.map((cost) => [
    ...[cost.description, `\`${cost.job}\``],
    ...[cost.first, cost.others, cost.around].map((seconds) => formatCost(seconds, cost)),
    formatRate(cost.reached, cost),
    formatRate(1 / busiest(cost), cost),
    ...MACHINES.map((cores) => onCores(cost, cores)),
  ]);
  return [HEADER, HEADER.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`);
}

function formatCost(seconds: number, { perGib }: Cost): string {
  return perGib ? `${formatNumber(seconds)} s/GiB` : `${formatNumber(seconds * 1e6)} µs`;
}

function formatRate(rate: number, { perGib }: Cost): string {
  const rounded = Number(rate.toPrecision(3));
  return perGib ? `${formatNumber(rate)} GiB/s` : `${rounded.toLocaleString("en")}/s`;
}

/** What the busiest thread of a mount takes: data threads share what is theirs, of which others have little. */
function busiest({ first, others }: Cost): number {
  return Math.max(first, others / DATA_THREADS);
}

/** What the machine can do if the server is on it too, and how many mounts that takes. */
function onCores(cost: Cost, cores: number): string {
  const all = cores / (cost.first + cost.others + cost.around);
  const mounts = Math.max(1, Math.ceil(all * busiest(cost)));
  return `${formatRate(all, cost)} with ${mounts} ${mounts === 1 ? "mount" : "mounts"}`;
}
