/**
 * Child processes as the benchmark needs them: started, awaited, and accounted for. CPU time and
 * peak memory are read from /proc for a process and everything below it, since contenders fork.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks a second in /proc/PID/stat: USER_HZ, 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** As long as the published benchmarks of mount-s3 let one job take. */
const TIMEOUT_MS = 300_000;

export interface Usage {
  readonly cpuSeconds: number;
  /** Of these, those of the first thread of the process that serves. */
  readonly firstThreadSeconds?: number;
  readonly peakMemoryMib: number;
}

/** Runs a command to its end and returns what it printed. Throws with its stderr unless it exits 0. */
export async function run(
  command: string,
  args: readonly string[],
  options: { readonly timeoutMs?: number } = {},
): Promise<string> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  // A group of its own: Ctrl-C reaches the harness, which ends after the cell, and a program that hangs
  // is ended with everything that it has started.
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  running.add(child);
  const timer = setTimeout(() => killGroup(child), timeoutMs);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  await once(child, "close").finally(() => {
    clearTimeout(timer);
    running.delete(child);
  });
  if (child.exitCode === 0) return Buffer.concat(out).toString();
  const how =
    child.signalCode === null
      ? `exited with ${child.exitCode}`
      : `was ended by ${child.signalCode}, after at most ${timeoutMs / 1000} s`;
  const detail = Buffer.concat(err).toString().trim().slice(-2000);
  throw new Error(`${command} ${args.join(" ").slice(0, 500)} ${how}: ${detail}`);
}

const running = new Set<ChildProcess>();

/** Ends the programs that `run` waits for. */
export function endPrograms(): void {
  for (const child of running) killGroup(child);
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

/** The seconds that a command takes. Throws unless it exits with 0. */
export async function timed(command: string, args: readonly string[]): Promise<number> {
  const begun = process.hrtime.bigint();
  await run(command, args);
  return Number(process.hrtime.bigint() - begun) / 1e9;
}

const companions = new Set<ChildProcess>();

/**
 * Has a server or a mount end with the harness, however that ends. They are started detached, out of
 * the reach of Ctrl-C, after which the harness still needs them.
 */
export function adopt<Child extends ChildProcess>(child: Child): Child {
  if (!process.listeners("exit").includes(endCompanions)) process.once("exit", endCompanions);
  companions.add(child);
  child.once("exit", () => companions.delete(child));
  return child;
}

function endCompanions(): void {
  for (const child of companions) child.kill("SIGTERM");
}

/** What a process and its living descendants have used so far. */
export function usageOf(pid: number): Usage {
  let ticks = 0;
  let peakKib = 0;
  for (const each of [pid, ...descendantsOf(pid)]) {
    try {
      const stat = readFileSync(`/proc/${each}/stat`, "latin1");
      // Fields behind the command's closing parenthesis: utime, stime, cutime, cstime are 14 to 17.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      for (let field = 11; field <= 14; field++) ticks += Number(fields[field]);
      const status = readFileSync(`/proc/${each}/status`, "latin1");
      peakKib += Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return {
    cpuSeconds: ticks / TICKS_PER_SECOND,
    firstThreadSeconds: firstThreadTicksOf(pid) / TICKS_PER_SECOND,
    peakMemoryMib: peakKib / 1024,
  };
}

function firstThreadTicksOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/task/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}

/** Resident memory, in MiB, of the given processes. */
export function residentMibOf(pids: readonly number[]): number {
  let kib = 0;
  for (const pid of pids) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "latin1");
      kib += Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    } catch {
      // It has ended.
    }
  }
  return kib / 1024;
}

/** The processes below `pid` that live. */
export function descendantsOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      const siblings = children.get(parent);
      if (siblings === undefined) children.set(parent, [Number(name)]);
      else siblings.push(Number(name));
    } catch {
      // Ended meanwhile.
    }
  }
  const found: number[] = [];
  const waiting = [pid];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const below = children.get(next) ?? [];
    found.push(...below);
    waiting.push(...below);
  }
  return found;
}

/** Ends a process: SIGTERM, and SIGKILL when it has not gone after `graceMs`. */
export async function stop(child: ChildProcess, graceMs = 10_000): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await gone;
  clearTimeout(timer);
}

/** Calls `probe` until it returns true; throws when that takes longer than `timeoutMs`. */
export async function until(
  what: string,
  probe: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await probe())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
