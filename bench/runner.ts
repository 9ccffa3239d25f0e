/** Runs what is left of a plan, job by job, and writes the result after every cell. */

import type { Contender } from "./contenders.ts";
import type { Job } from "./jobs/job.ts";
import type { Sizes } from "./jobs/sizes.ts";
import { LIMIT, measureLimit } from "./limit.ts";
import { measureCell } from "./measure.ts";
import { type PlannedCell, TimeLeft } from "./plan.ts";
import { Progress } from "./progress.ts";
import { describeMeasurement } from "./report/terminal.ts";
import type { Failure, Measurement, Result } from "./result.ts";
import type { Servers } from "./servers/catalogue.ts";
import { type Link, linked, type Server } from "./servers/server.ts";

export interface Run {
  readonly jobs: readonly Job[];
  readonly contenders: readonly Contender[];
  readonly sizes: Sizes;
  readonly linkOf: (job: Job) => Link;
  readonly servers: Servers;
  readonly rounds: number;
  readonly dropsCaches: boolean;
  /** Ends the run after the cell that is being measured. */
  readonly signal: AbortSignal;
  /** Called with what is known after each cell. */
  readonly save: (result: Result) => void;
}

/** Resolves with everything measured, before and now. */
export async function runCells(
  run: Run,
  cells: readonly PlannedCell[],
  before: Result,
): Promise<Result> {
  const state = new State(run, before);
  const total = cells.length + before.measurements.length;
  const progress = new Progress(total, before.measurements.length, process.stderr.isTTY);
  try {
    for (const [at, job] of run.jobs.entries()) {
      const own = cells.filter((cell) => cell.job === job.name);
      if (own.length === 0 || run.signal.aborted) continue;
      const later = run.jobs.slice(at + 1);
      await runJob({ run, job, cells: own, later, rest: cells, state, progress });
    }
  } finally {
    progress.end();
  }
  return state.result;
}

/** What is measured so far. */
class State {
  result: Result;
  readonly timeLeft = new TimeLeft();
  readonly loaded = new Map<string, Set<string>>();
  readonly #run: Run;

  constructor(run: Run, before: Result) {
    this.#run = run;
    this.result = before;
  }

  measured(measurement: Measurement): void {
    const { measurements } = this.result;
    this.#keep({ ...this.result, measurements: [...measurements, measurement] });
  }

  failed(failure: Failure): void {
    this.#keep({ ...this.result, failures: [...this.result.failures, failure] });
  }

  serves({ description, name }: Server): void {
    const { servers } = this.result;
    if (servers.some((each) => each.name === name)) return;
    this.result = { ...this.result, servers: [...servers, { name, description }] };
  }

  /** Remembers the words that a contender is started with. */
  starts(contender: Contender, command: string): void {
    const contenders = this.result.contenders.map((each) =>
      each.name === contender.name && each.command === undefined ? { ...each, command } : each,
    );
    this.result = { ...this.result, contenders };
  }

  isDone(cell: PlannedCell): boolean {
    const isIt = (each: PlannedCell): boolean =>
      each.job === cell.job && each.contender === cell.contender && each.round === cell.round;
    return this.result.measurements.some(isIt) || this.hasFailed(cell);
  }

  hasFailed({ contender, job }: PlannedCell): boolean {
    return this.result.failures.some((each) => each.contender === contender && each.job === job);
  }

  #keep(result: Result): void {
    this.result = result;
    this.#run.save(result);
  }
}

interface JobRun {
  readonly run: Run;
  readonly job: Job;
  readonly cells: readonly PlannedCell[];
  /** Jobs that follow: what they need is kept. */
  readonly later: readonly Job[];
  /** All cells of the run, for the time left. */
  readonly rest: readonly PlannedCell[];
  readonly state: State;
  readonly progress: Progress;
}

async function runJob(jobRun: JobRun): Promise<void> {
  const { cells, job, progress, run, state } = jobRun;
  progress.now(`${job.name}: getting ready`, leftOf(jobRun));
  try {
    await runOn(await run.servers.get(job.server), jobRun);
  } catch (error) {
    if (run.signal.aborted) return;
    // Whoever has not failed by itself has not been measured for this reason.
    for (const cell of cells.filter((each) => !state.isDone(each))) {
      if (!state.hasFailed(cell)) state.failed({ ...cell, message: messageOf(error) });
    }
    progress.cell(`${job.name}: FAILED: ${messageOf(error)}`);
  }
}

async function runOn(server: Server, jobRun: JobRun): Promise<void> {
  const { cells, job, run, state } = jobRun;
  state.serves(server);
  await loadFor(jobRun, server);
  const way = await linked(server.url, run.linkOf(job));
  try {
    for (const cell of cells) {
      if (run.signal.aborted) break;
      if (state.hasFailed(cell)) continue;
      await runCell(jobRun, cell, { server, url: way.url });
    }
  } finally {
    await way.close();
    await unload(jobRun, server);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function runCell(
  { job, progress, run, state, ...rest }: JobRun,
  cell: PlannedCell,
  { server, url }: { readonly server: Server; readonly url: string | undefined },
): Promise<void> {
  const contender = run.contenders.find((each) => each.name === cell.contender);
  if (contender === undefined) throw new Error(`${cell.contender} is not there any more`);
  const label = `${job.name} ${contender.name} ${cell.round + 1}/${run.rounds}`;
  progress.now(label, leftOf({ job, progress, run, state, ...rest }));
  state.starts(
    contender,
    contender
      .command({ ...server, endpointUrl: url, directory: "DIRECTORY", mountFlags: [] })
      .join(" "),
  );
  const begun = performance.now();
  try {
    const { round } = cell;
    const { dropsCaches, signal, sizes } = run;
    const measure = contender.name === LIMIT ? measureLimit : measureCell;
    const request = { job, contender, round, sizes, server, url, signal, dropsCaches };
    const measurement = await measure(request);
    state.timeLeft.record(job.name, performance.now() - begun);
    state.measured(measurement);
    progress.cell(`${label}: ${describeMeasurement(measurement)}`);
  } catch (error) {
    if (run.signal.aborted) return;
    state.failed({ ...cell, message: messageOf(error) });
    progress.cell(`${label}: FAILED: ${messageOf(error)}`);
  }
}

function leftOf({ rest, state }: JobRun): number | undefined {
  return state.timeLeft.estimate(rest.filter((cell) => !state.isDone(cell)));
}

async function loadFor({ job, run, state }: JobRun, server: Server): Promise<void> {
  const loaded = loadedOn(state, server);
  for (const set of job.data?.(run.sizes) ?? []) {
    if (loaded.has(set.prefix)) continue;
    loaded.add(set.prefix);
    await server.load(set, run.signal);
  }
}

/** Removes what no later job on this server reads. */
async function unload({ job, later, run, state }: JobRun, server: Server): Promise<void> {
  const loaded = loadedOn(state, server);
  const needed = new Set(
    later
      .filter((each) => baseOf(each.server) === baseOf(server.name))
      .flatMap((each) => each.data?.(run.sizes) ?? [])
      .map((set) => set.prefix),
  );
  for (const { prefix } of job.data?.(run.sizes) ?? []) {
    if (needed.has(prefix)) continue;
    loaded.delete(prefix);
    await server.remove(prefix);
  }
}

function loadedOn({ loaded }: State, server: Server): Set<string> {
  const name = baseOf(server.name);
  const known = loaded.get(name) ?? new Set();
  loaded.set(name, known);
  return known;
}

/** nginx serves the same files over HTTP and TLS. */
function baseOf(server: string): string {
  return server === "nginx-tls" ? "nginx" : server;
}
