/** The machine that measures: what it is, and whether others kept it busy meanwhile. */

import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { run, usageOf } from "./processes.ts";

const TICKS_PER_SECOND = 100;

/** A machine of which others use more than this part is too busy to measure on. */
const BUSY_PART = 0.1;

export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly kernel: string;
  readonly processor: string;
  readonly memory: string;
  readonly node: string;
  /** Over 1, 5 and 15 minutes, before the run. */
  readonly load: string;
}

export async function describeMachine(): Promise<Machine> {
  const git = (args: readonly string[]): Promise<string> =>
    run("git", args).then(
      (text) => text.trim(),
      () => "unknown",
    );
  return {
    date: new Date().toISOString(),
    commit: await git(["describe", "--always", "--dirty"]),
    kernel: release(),
    processor: `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    load: loadavg()
      .map((load) => load.toFixed(2))
      .join(" "),
  };
}

/** What of all processors is at work. */
export interface Load {
  readonly atMs: number;
  /** CPU-seconds of the whole machine, that which the hypervisor took away included. */
  readonly allSeconds: number;
  /** CPU-seconds of the harness and everything below it. */
  readonly ownSeconds: number;
}

export function readLoad(): Load {
  const [line = ""] = readFileSync("/proc/stat", "latin1").split("\n");
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .replace(/^cpu\s+/, "")
    .split(" ")
    .map(Number);
  return {
    atMs: performance.now(),
    allSeconds: (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND,
    ownSeconds: usageOf(process.pid).cpuSeconds,
  };
}

/** The part of the machine, from 0 to 1, that others had between two readings. */
export function partOfOthers(before: Load, after: Load, processors = cpus().length): number {
  const seconds = ((after.atMs - before.atMs) / 1000) * processors;
  const all = after.allSeconds - before.allSeconds;
  const own = after.ownSeconds - before.ownSeconds;
  return seconds <= 0 ? 0 : Math.min(1, Math.max(0, (all - own) / seconds));
}

export function isBusy(part: number): boolean {
  return part > BUSY_PART;
}
