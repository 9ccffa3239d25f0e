/** What ours is to reach, as data, and whether it does: how near to the physical limit, in how much memory. */

import { OURS } from "../contenders.ts";
import { BUDGET_MIB, BUDGETED } from "../jobs/lifecycle.ts";
import { LIMIT } from "../limit.ts";
import type { Result } from "../result.ts";
import { formatNumber } from "./figures.ts";
import { type Row, summariseAll } from "./summary.ts";

interface Goal {
  readonly job: string;
  readonly what: string;
  readonly of: (row: Row) => number;
  readonly least?: number;
  readonly most?: number;
}

interface MemoryGoal {
  readonly job: string;
  readonly what: string;
  readonly mostMib: number;
}

const MEMORY: readonly MemoryGoal[] = [
  { job: "seq-read", what: "one stream", mostMib: 140 },
  { job: "idle-memory", what: "idle", mostMib: 80 },
  { job: BUDGETED, what: "64 readers with a budget", mostMib: BUDGET_MIB },
];

/** A sentence for each of which ours was measured. */
export function describeMemory(result: Result): string[] {
  const rows = summariseAll(result).filter((row) => row.contender === OURS);
  return MEMORY.flatMap(({ job, mostMib, what }) => {
    const row = rows.find((each) => each.job === job);
    if (row === undefined) return [];
    const { median, most } = row.peakMemoryMib;
    const verdict = median <= mostMib ? "holds" : "does not hold";
    return `${job}, memory of ${what}: ${OURS} ${formatNumber(median)} MiB at its peak, at most ${formatNumber(most)}; at most ${mostMib} ${verdict}`;
  });
}

const GOALS: readonly Goal[] = [
  { job: "seq-read", what: "throughput, MiB/s", of: (row) => row.value.median, least: 0.8 },
  { job: "seq-read", what: "CPU-s/GiB", of: (row) => row.cpu.median, most: 1.6 },
  ...["rand-4k-1", "rand-4k-4"].map((job) => ({
    ...{ job, what: "IOPS", least: 0.7 },
    of: (row: Row) => row.value.median,
  })),
];

/** A sentence for each goal of which both sides were measured, on the first contender. */
export function describeLimits(result: Result): string[] {
  const rows = summariseAll(result);
  return GOALS.flatMap((goal) => {
    const own = rows.filter((row) => row.job === goal.job);
    const limit = own.find((row) => row.contender === LIMIT);
    const [first] = own;
    if (limit === undefined || first === undefined || first === limit) return [];
    const [ours, theirs] = [goal.of(first), goal.of(limit)];
    const ratio = ours / theirs;
    const { least = 0, most = Number.POSITIVE_INFINITY } = goal;
    const bound = goal.least === undefined ? `at most ${most}` : `at least ${least}`;
    const verdict = ratio >= least && ratio <= most ? "holds" : "does not hold";
    return `${goal.job}, ${goal.what}: ${first.contender} ${formatNumber(ours)}, ${LIMIT} ${formatNumber(theirs)}, ×${ratio.toFixed(2)}; ${bound} ${verdict}`;
  });
}
