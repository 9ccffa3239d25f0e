/**
 * How many processors a mount may use: those of the machine, or what the control group allows; and what
 * it does with them.
 */

import { availableParallelism } from "node:os";
import { controlGroupTexts, type FileSource, systemFiles } from "../base/control-groups.ts";

/** May be a fraction. A quota of a group is processor time per period, in microseconds. */
export function processorsAllowed(
  source: FileSource = systemFiles,
  ofMachine: number = availableParallelism(),
): number {
  const texts = (version1: string) =>
    controlGroupTexts(source, { controller: "cpu", version2: "cpu.max", version1 });
  const periods = texts("cpu.cfs_period_us");
  // "max 100000" in version 2 and -1 in version 1 are no limit.
  const quotas = texts("cpu.cfs_quota_us").map((text, group) => {
    const [, quota, period = periods[group]] = /^(\d+)(?: (\d+))?$/.exec(text) ?? [];
    return quota === undefined ? Infinity : Number(quota) / Number(period);
  });
  return Math.min(ofMachine, ...quotas.filter((count) => count > 0));
}

/** Longer than a server nearby takes to answer, and than programs take from one read to the next. */
const BUSY_POLL_MICROS = 200;

/** Whoever has a share of a processor, or no more than one, has nothing to spend on waiting. */
export function defaultBusyPoll(processors: number): number {
  return processors < 2 ? 0 : BUSY_POLL_MICROS;
}

/** One data thread for so many processors: the others are for the programs, the network and S3. */
const PROCESSORS_PER_DATA_THREAD = 4;
/** What one JavaScript thread can keep busy, with what there is to decrypt (docs/SCALING.md). */
const DATA_THREADS_MAX = 3;
const DATA_THREADS_MAX_TLS = 4;

/** How many data threads pay with so many processors. */
export function defaultDataThreads(overTls: boolean, processors: number): number {
  const most = overTls ? DATA_THREADS_MAX_TLS : DATA_THREADS_MAX;
  return Math.min(most, Math.floor(processors / PROCESSORS_PER_DATA_THREAD));
}
