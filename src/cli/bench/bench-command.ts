/**
 * Runs `mount-s3-ts bench`. Three processes take part: the daemon of the mount, one that works on it,
 * and this one, which says what came out. Whatever happens, nothing is left in the bucket or mounted.
 */

import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmdirSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { MountChild } from "../demo/mount-child.ts";
import { Stage, type Style } from "../demo/stage.ts";
import { CliError } from "../error.ts";
import type { BenchOptions } from "./bench-table.ts";
import { AT_ONCE_MAX, type Load } from "./load.ts";
import { LoadChild } from "./load-child.ts";
import { figureOf, type Task, tasksFor, type Verdict, verdictOf } from "./tasks.ts";

interface Finding {
  readonly task: Task;
  readonly figure: number;
  readonly verdict: Verdict;
}

const COLOURS = { good: "green", fair: "yellow", poor: "red" } as const satisfies Record<
  Verdict,
  Style
>;

/** Resolves with the exit status. */
export async function runBench(
  options: BenchOptions,
  environment: NodeJS.ProcessEnv,
): Promise<number> {
  const quiet = { write: () => true };
  const stage = new Stage(options.json ? quiet : process.stdout, environment);
  const run = new Run(options, environment);
  const interrupted = new Promise<never>((_, reject) => {
    const onSignal = (): void => reject(new CliError("failure", "interrupted"));
    process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  });
  try {
    stage.title(`bench of s3://${options.bucket}/${run.prefix}`);
    const findings = await Promise.race([measure(run, stage, options.sizeMib), interrupted]);
    const memoryMib = run.peakMemoryMib();
    await run.cleanUp();
    if (options.json) {
      process.stdout.write(`${JSON.stringify(asJson(findings, memoryMib), null, 2)}\n`);
    } else {
      summarise(stage, findings, memoryMib);
    }
    return 0;
  } finally {
    await run.cleanUp();
  }
}

async function measure(run: Run, stage: Stage, sizeMib: number): Promise<readonly Finding[]> {
  const tasks = tasksFor(sizeMib);
  const columns = Math.max(...tasks.map(({ name }) => name.length));
  const findings: Finding[] = [];
  for (const [at, task] of tasks.entries()) {
    stage.progress(at / tasks.length, task.name);
    const outcome = await run.perform(task);
    const figure = figureOf(task, outcome);
    const verdict = verdictOf(task, figure);
    findings.push({ task, figure, verdict });
    const number = figure.toFixed(figure < 10 ? 1 : 0).padStart(8);
    const word = stage.style(verdict, COLOURS[verdict], "bold");
    stage.say(`${task.name.padEnd(columns)} ${number} ${task.unit.padEnd(8)} ${word}`);
  }
  return findings;
}

function summarise(stage: Stage, findings: readonly Finding[], memoryMib: number): void {
  stage.say(`peak memory of the mount: ${memoryMib.toFixed(0)} MiB`);
  const [load = 0] = loadavg();
  if (load > availableParallelism()) {
    stage.say(`this machine is busy, which makes it slower: its load is ${load.toFixed(1)}`);
  }
  const slow = findings.filter(({ verdict }) => verdict !== "good");
  if (slow.length === 0) {
    stage.verified(stage.style("this mount is as fast as one may expect", "green", "bold"));
  }
  for (const advice of new Set(slow.map(({ task }) => task.advice))) {
    const names = slow.filter(({ task }) => task.advice === advice).map(({ task }) => task.name);
    stage.say(`${names.join(", ")}: ${advice}`);
  }
}

function asJson(findings: readonly Finding[], memoryMib: number): unknown {
  return {
    results: findings.map(({ figure, task: { name, unit }, verdict }) => ({
      ...{ name, figure, unit, verdict },
    })),
    peakMemoryMib: memoryMib,
  };
}

/** The mount and what works on it. */
class Run {
  readonly prefix: string;
  readonly #options: BenchOptions;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #directory: string = mkdtempSync(join(tmpdir(), "mount-s3-ts-bench-"));
  readonly #mount: MountChild;
  readonly #load: LoadChild;
  /** What may be in the bucket. */
  readonly #written = new Set<string>();
  #peakMemoryMib: number = 0;
  /** The mount for the task at hand. */
  #prepared: Promise<void> = Promise.resolve();
  #cleaned: Promise<void> | undefined;

  constructor(options: BenchOptions, environment: NodeJS.ProcessEnv) {
    this.prefix = `${options.prefix}mount-s3-ts-bench-${randomBytes(6).toString("hex")}/`;
    this.#options = options;
    this.#environment = environment;
    this.#mount = new MountChild(this.#directory, environment);
    this.#load = new LoadChild(environment);
  }

  async perform({ fresh, load }: Task): ReturnType<LoadChild["run"]> {
    this.#prepared = this.#prepare(fresh === true);
    await this.#prepared;
    if (load.kind === "write") for (const name of load.names) this.#written.add(name);
    const outcome = await this.#load.run(load, this.#directory);
    if (load.kind === "remove") for (const name of load.names) this.#written.delete(name);
    return outcome;
  }

  /** Of all mounts so far. */
  peakMemoryMib(): number {
    for (const pid of this.#mount.daemons()) {
      const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
      this.#peakMemoryMib = Math.max(this.#peakMemoryMib, Number(kib ?? 0) / 1024);
    }
    return this.#peakMemoryMib;
  }

  /** Once, however often it is called. */
  cleanUp(): Promise<void> {
    this.#cleaned ??= this.#cleanUp();
    return this.#cleaned;
  }

  async #prepare(fresh: boolean): Promise<void> {
    if (fresh && this.#mount.mounted) await this.#unmount();
    if (!this.#mount.mounted) await this.#mountBucket();
  }

  async #mountBucket(): Promise<void> {
    const { bucket, mountArgs } = this.#options;
    await this.#mount.mount([
      ...[bucket, this.#directory, "--prefix", this.prefix, ...mountArgs],
      ...["--allow-delete", "--allow-overwrite"],
    ]);
  }

  async #unmount(): Promise<void> {
    this.peakMemoryMib();
    await this.#mount.unmount();
  }

  async #cleanUp(): Promise<void> {
    // Two mounts at one directory would be in each other's way.
    await this.#prepared.catch(() => {});
    await this.#load.end();
    try {
      if (this.#written.size > 0) await this.#removeWritten();
      if (this.#mount.mounted) await this.#unmount();
    } finally {
      this.#mount.clear();
      rmdirSync(this.#directory);
    }
  }

  /** What was interrupted half-way may be there or not. */
  async #removeWritten(): Promise<void> {
    const load = new LoadChild(this.#environment);
    try {
      if (this.#mount.mounted) await this.#unmount();
      await this.#mountBucket();
      const remove: Load = { kind: "remove", names: [...this.#written], atOnce: AT_ONCE_MAX };
      await load.run(remove, this.#directory);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new CliError(
        "failure",
        `s3://${this.#options.bucket}/${this.prefix} could not be emptied: ${why}: remove what is there`,
      );
    } finally {
      await load.end();
    }
  }
}
