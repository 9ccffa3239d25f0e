/**
 * Child processes as the benchmark needs them: started, awaited, and accounted for. CPU time and
 * peak memory are read from /proc for a process and everything below it, since contenders fork.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks a second in /proc/PID/stat: USER_HZ, 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface Usage {
  readonly cpuSeconds: number;
  readonly peakMemoryMib: number;
}

/** Runs a command to its end and returns what it printed. Throws with its stderr unless it exits 0. */
export async function run(
  command: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Promise<string> {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) {
    const detail = Buffer.concat(err).toString().trim().slice(-2000);
    throw new Error(`${command} ${args.join(" ")} exited with ${code}: ${detail}`);
  }
  return Buffer.concat(out).toString();
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
  return { cpuSeconds: ticks / TICKS_PER_SECOND, peakMemoryMib: peakKib / 1024 };
}

function descendantsOf(pid: number): number[] {
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
  if (child.exitCode !== null || child.signalCode !== null) return;
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
