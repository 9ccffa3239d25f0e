/**
 * `npm run bench`: every job on every contender, in interleaved rounds, each cell on a fresh mount with
 * dropped caches. Writes one JSON file and one page; Ctrl-C keeps what was measured.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Contender, findContenders, OURS } from "./contenders.ts";
import { ALL_JOBS, findJob, SETS } from "./jobs/catalogue.ts";
import type { Job, ServerName } from "./jobs/job.ts";
import { SIZES, type Sizes } from "./jobs/sizes.ts";
import { canMeasureLimit, hasLimit, LIMIT, LIMIT_CONTENDER } from "./limit.ts";
import { describeMachine } from "./machine.ts";
import { dropCaches } from "./mounted.ts";
import { planCells, remainingCells } from "./plan.ts";
import { endPrograms } from "./processes.ts";
import { describeChanges } from "./report/compare.ts";
import { publish } from "./report/markdown.ts";
import { renderPage } from "./report/page.ts";
import { publishScaling } from "./report/scaling.ts";
import { describeResult, paintFor } from "./report/terminal.ts";
import { FORMAT, type RecordedSettings, type Result, readResult, writeResult } from "./result.ts";
import { runCells } from "./runner.ts";
import { SERVER_NAMES, Servers } from "./servers/catalogue.ts";
import { type Arguments, parseArguments, settingsOf, UsageError } from "./settings.ts";

const PROGRAM = join(import.meta.dirname, "../dist/program/main.js");
const RESULTS = "bench-results";

async function main(): Promise<void> {
  // The SDK prints about old versions of Node, into whatever the output is.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
  const given = await parseArguments(process.argv.slice(2));
  const paint = paintFor(process.stdout);
  if (given.compare !== undefined) {
    const [before = "", after = ""] = given.compare;
    process.stdout.write(`${describeChanges(readResult(before), readResult(after), paint)}\n`);
    return;
  }
  if (given.report !== undefined) {
    const result = readResult(given.report);
    report(result, given.report);
    if (given.publish) process.stdout.write(`published in ${publish(result)}\n`);
    if (given.publishScaling) process.stdout.write(`published in ${publishScaling(result)}\n`);
    return;
  }
  const found = await findContenders(PROGRAM, given.dir);
  if (given.list) return list(found);
  if (given.resume === undefined) {
    const result = await newResult(given, found);
    mkdirSync(RESULTS, { recursive: true });
    const name = `${new Date().toISOString().replaceAll(":", "-")}.json`;
    return bench(result, found, given.out ?? join(RESULTS, name));
  }
  const before = readResult(given.resume);
  const cachesDropped = before.cachesDropped && !given.keepCaches;
  // What failed may have been mended since.
  return bench({ ...before, cachesDropped, failures: [] }, found, given.resume);
}

function list(found: readonly Contender[]): void {
  const width = Math.max(...ALL_JOBS.map((job) => job.name.length)) + 2;
  for (const job of ALL_JOBS) process.stdout.write(`${job.name.padEnd(width)}${job.description}\n`);
  process.stdout.write(
    "\nNAME-20ms is the job with 20 ms to the server, NAME@minio on that server.\n",
  );
  for (const [name, jobs] of Object.entries(SETS)) {
    process.stdout.write(`${name.padEnd(width)}${jobs.length} jobs\n`);
  }
  process.stdout.write("\n");
  for (const each of found) process.stdout.write(`${each.name.padEnd(width)}${each.version}\n`);
}

/** A result with nothing measured yet. */
async function newResult(given: Arguments, found: readonly Contender[]): Promise<Result> {
  const names = given.contenders?.split(",") ?? (isAlone(given) ? [OURS] : undefined);
  const named = names === undefined ? found : names.map((name) => contenderOf(name, found));
  const limit = (given.limit ?? names === undefined) && canMeasureLimit();
  const contenders = limit ? [...named, LIMIT_CONTENDER] : named;
  const fallback = contenders.some((each) => each.name === "mount-s3") ? "mount-s3" : OURS;
  const settings: RecordedSettings = {
    ...settingsOf(
      given,
      contenders.map((each) => each.name),
    ),
    jobs: jobNames(given),
    baseline: given.baseline ?? fallback,
  };
  return {
    format: FORMAT,
    machine: await describeMachine(),
    cachesDropped: !given.keepCaches && dropCaches(),
    settings,
    contenders: contenders.map(({ name, notApplicable, note, version }) => ({
      ...{ name, notApplicable, note, version },
      command: undefined,
    })),
    servers: [],
    jobs: settings.jobs.map((name) => {
      const { delayMs, description, group, point, server } = jobOf(name, settings);
      return { name, description, group, server, point, delayMs };
    }),
    measurements: [],
    failures: [],
  };
}

/** Whether it is about ours alone, unless contenders are named. */
function isAlone({ curves, soak }: Arguments): boolean {
  return curves === true || soak !== undefined;
}

function jobNames({ curves, jobs, published, quick, soak }: Arguments): string[] {
  const chosen = { quick, published, curves, soak: soak !== undefined };
  const sets = Object.entries(chosen).flatMap(([name, asked]) => (asked ? [name] : []));
  const asked = jobs?.split(",") ?? (sets.length > 0 ? sets : ["standard"]);
  return [...new Set(asked.flatMap((name) => SETS[name] ?? [name]))];
}

function contenderOf(name: string, found: readonly Contender[]): Contender {
  const one = found.find((each) => each.name === name);
  if (one !== undefined) return one;
  const known = found.map((each) => each.name).join(", ");
  throw new UsageError(`there is no contender "${name}"; there are: ${known}`);
}

/** The job of that name, as far away and on the server that all jobs are to be. */
function jobOf(name: string, { delayMs, server }: RecordedSettings): Job {
  const job = findJob(name, isServerName);
  if (job === undefined) {
    throw new UsageError(`there is no job "${name}": --list shows all`);
  }
  const stays = job.needsDirectoryBucket === true && server !== "given";
  return {
    ...job,
    ...(server !== undefined && !stays && isServerName(server) && { server }),
    ...(delayMs !== undefined && { delayMs }),
  };
}

function isServerName(word: string): word is ServerName {
  return SERVER_NAMES.some((name) => name === word);
}

async function bench(before: Result, found: readonly Contender[], path: string): Promise<void> {
  const { settings } = before;
  const jobs = settings.jobs.map((name) => jobOf(name, settings));
  const contenders = settings.contenders.map((name) =>
    name === LIMIT ? LIMIT_CONTENDER : contenderOf(name, found),
  );
  const cells = planCells({
    ...settings,
    contendersOf: (name) => {
      const job = jobOf(name, settings);
      const able = contenders
        .filter((each) => each.notApplicable?.[job.server] === undefined)
        .filter((each) => !job.oursOnly || each.name === OURS);
      return able.map((each) => each.name).filter((each) => each !== LIMIT || hasLimit(job));
    },
  });
  const interrupted = stopOnSignal();
  const { bucket, region, url } = settings;
  const servers = new Servers({
    program: PROGRAM,
    given: bucket === undefined ? undefined : { bucket, url, region },
  });
  try {
    const result = await runCells(
      {
        ...{ jobs, contenders, servers, rounds: settings.rounds, signal: interrupted },
        dropsCaches: before.cachesDropped,
        sizes: sizesOf(settings),
        linkOf: ({ delayMs }) => ({ delayMs, mibPerSecond: settings.mibPerSecond }),
        save: (result) => writeResult(path, result),
      },
      remainingCells(cells, before.measurements),
      before,
    );
    writeResult(path, result);
    report(result, path);
    if (interrupted.aborted) {
      process.stdout.write(`\nstopped early; to go on: npm run bench -- --resume ${path}\n`);
      process.exitCode = 130;
    }
  } finally {
    await servers.close();
  }
}

function sizesOf({ seconds, sizes, soakMinutes }: RecordedSettings): Sizes {
  return {
    ...SIZES[sizes],
    ...(seconds !== undefined && { seconds }),
    ...(soakMinutes !== undefined && { soakSeconds: 60 * soakMinutes }),
  };
}

/** Aborted by the first Ctrl-C, after which the cell is still finished; the second ends its programs. */
function stopOnSignal(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) endPrograms();
    else process.stderr.write("\nstopping after this cell; what was measured is kept\n");
    controller.abort();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return controller.signal;
}

function report(result: Result, path: string): void {
  process.stdout.write(`\n${describeResult(result, paintFor(process.stdout))}\n`);
  const page = path.replace(/(?:\.json)?$/, ".html");
  writeFileSync(page, renderPage(result));
  process.stdout.write(`\nwritten to ${path} and ${page}\n`);
}

// Nobody may be listening any more; what is measured is kept all the same.
process.stdout.on("error", () => {});

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
