/**
 * Runs fio and reads its JSON. Several groups of one run are added up: what the mount moved in all.
 */

import { run } from "./processes.ts";
import { PERCENTILES, type Percentiles } from "./statistics.ts";

const MIB = 2 ** 20;
const NS_PER_MS = 1e6;

export interface FioOutcome {
  readonly mibPerSecond: number;
  readonly iops: number;
  readonly bytes: number;
  readonly operations: number;
  /** Of the whole operation, over all of them. */
  readonly meanLatencyMs: number;
  readonly latencyMs: Percentiles;
}

interface Direction {
  readonly bw_bytes: number;
  readonly iops: number;
  readonly io_bytes: number;
  readonly total_ios: number;
  readonly lat_ns: { readonly mean: number };
  readonly clat_ns: {
    readonly mean: number;
    readonly percentile?: Readonly<Record<string, number>>;
  };
}

/** What every job of ours has: reads and writes as programs make them, and no preallocation. */
const ALWAYS = ["--ioengine=sync", "--fallocate=none", "--thread", "--group_reporting"];

/** Runs one fio of the given arguments, e.g. `--name=x --rw=read …`, and resolves with what it did. */
export async function fio(args: readonly string[], timeoutMs?: number): Promise<FioOutcome> {
  const percentiles = `--percentile_list=${PERCENTILES.join(":")}`;
  const text = await run(
    "fio",
    [...ALWAYS, percentiles, "--output-format=json", ...args],
    timeoutMs === undefined ? {} : { timeoutMs },
  );
  return parseFio(text);
}

/** Reads what fio printed. Throws when it holds no job that moved anything, or one that failed. */
export function parseFio(text: string): FioOutcome {
  // Warnings come before the object, on the same stream.
  const begin = text.indexOf("{\n");
  const report: unknown = begin === -1 ? undefined : JSON.parse(text.slice(begin));
  const directions: Direction[] = [];
  for (const job of listOf(report, "jobs")) {
    const failed = property(job, "error");
    if (typeof failed === "number" && failed !== 0) {
      throw new Error(`fio's job ${String(property(job, "jobname"))} failed with errno ${failed}`);
    }
    for (const name of ["read", "write"]) {
      const found = property(job, name);
      if (isDirection(found) && found.io_bytes > 0) directions.push(found);
    }
  }
  if (directions.length === 0) {
    throw new Error(`fio reported nothing that was read or written: ${text.slice(0, 500)}`);
  }
  const operations = sum(directions, (each) => each.total_ios);
  const largest = directions.reduce((most, each) =>
    each.total_ios > most.total_ios ? each : most,
  );
  return {
    mibPerSecond: sum(directions, (each) => each.bw_bytes) / MIB,
    iops: sum(directions, (each) => each.iops),
    bytes: sum(directions, (each) => each.io_bytes),
    operations,
    meanLatencyMs:
      sum(directions, (each) => meanNsOf(each) * each.total_ios) / operations / NS_PER_MS,
    latencyMs: Object.fromEntries(
      Object.entries(largest.clat_ns.percentile ?? {}).map(([name, ns]) => [
        String(Number(name)),
        ns / NS_PER_MS,
      ]),
    ),
  };
}

/** What creates files has no latency besides that of completion. */
function meanNsOf({ clat_ns, lat_ns }: Direction): number {
  return lat_ns.mean > 0 ? lat_ns.mean : clat_ns.mean;
}

function sum(directions: readonly Direction[], of: (each: Direction) => number): number {
  return directions.reduce((total, each) => total + of(each), 0);
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;
}

function listOf(value: unknown, name: string): readonly unknown[] {
  const list = property(value, name);
  return Array.isArray(list) ? list : [];
}

function isDirection(value: unknown): value is Direction {
  const numbers = ["bw_bytes", "iops", "io_bytes", "total_ios"];
  return (
    numbers.every((name) => typeof property(value, name) === "number") &&
    typeof property(property(value, "lat_ns"), "mean") === "number" &&
    typeof property(property(value, "clat_ns"), "mean") === "number"
  );
}
