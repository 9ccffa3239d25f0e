/**
 * `npm run bench`: every job on every contender, in interleaved rounds, each cell on a fresh mount with
 * dropped caches. Prints a table as it goes and writes one JSON file; Ctrl-C keeps what was measured.
 */

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, homedir, release, totalmem } from "node:os";
import { join } from "node:path";
import yargs from "yargs";
import { type Contender, findContenders } from "./contenders.ts";
import { JOBS, type Job, sourceFile } from "./jobs.ts";
import { mount } from "./mounted.ts";
import { delayed, type Origin, startMinio, startNginx } from "./origins.ts";
import { run } from "./processes.ts";
import { type Measurement, summarise, table } from "./report.ts";

interface Settings {
  readonly jobs: readonly Job[];
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  readonly baseline: string;
}

const BUCKET = "bench-bucket";

/** Start-up does not count here, so that yargs does the work. */
function parse() {
  return yargs(process.argv.slice(2))
    .scriptName("npm run bench --")
    .usage(
      "$0 [options]\n\nMeasures mount-s3-ts beside mount-s3, goofys, geesefs, rclone and s3fs.",
    )
    .options({
      jobs: { type: "string", describe: "only these jobs, comma-separated" },
      contenders: { type: "string", describe: "only these contenders, comma-separated" },
      dir: { type: "string", describe: "folder to look for contenders in, before the path" },
      rounds: { type: "number", default: 3, describe: "interleaved rounds" },
      baseline: {
        type: "string",
        describe: "what the ratios refer to",
        defaultDescription: "mount-s3 where it takes part, else mount-s3-ts",
      },
      list: { type: "boolean", default: false, describe: "list jobs and contenders, and end" },
    })
    .example("$0", "everything, with whatever is found")
    .example("$0 --jobs seq-read,rand-4k-1 --contenders mount-s3-ts,mount-s3 --rounds 5", "")
    .check(({ rounds }) => {
      if (Number.isInteger(rounds) && rounds >= 1) return true;
      throw new UsageError(`--rounds ${rounds} is not a whole number from 1`);
    })
    .strict()
    .fail((message, error) => {
      throw error ?? new UsageError(`${message}: see npm run bench -- --help`);
    })
    .parseAsync();
}

async function main(): Promise<void> {
  const { baseline, contenders: named, dir, jobs, list, rounds } = await parse();
  process.env["AWS_ACCESS_KEY_ID"] = "benchmark";
  process.env["AWS_SECRET_ACCESS_KEY"] = "benchmark-secret";
  process.env["AWS_EC2_METADATA_DISABLED"] = "true";
  const found = await findContenders(join(import.meta.dirname, "../dist/cli/main.js"), dir);
  if (list) {
    for (const job of JOBS) process.stdout.write(`${job.name.padEnd(18)} ${job.description}\n`);
    for (const each of found) process.stdout.write(`${each.name.padEnd(18)} ${each.version}\n`);
    return;
  }
  const contenders = choose("contender", found, named);
  const fallback = contenders.some((each) => each.name === "mount-s3") ? "mount-s3" : "mount-s3-ts";
  const settings: Settings = {
    jobs: choose("job", JOBS, jobs),
    contenders,
    rounds,
    baseline: baseline ?? fallback,
  };
  await bench(settings);
}

class UsageError extends Error {}

function choose<T extends { readonly name: string }>(
  what: string,
  all: readonly T[],
  names: string | undefined,
): readonly T[] {
  if (names === undefined) return all;
  return names.split(",").map((name) => {
    const one = all.find((each) => each.name === name);
    if (one !== undefined) return one;
    const known = all.map((each) => each.name).join(", ");
    throw new UsageError(`there is no ${what} "${name}"; there are: ${known}`);
  });
}

let interrupted = false;

async function bench(settings: Settings): Promise<void> {
  process.once("SIGINT", () => {
    interrupted = true;
    process.stderr.write("\nstopping after this cell; what was measured is kept\n");
  });
  const origins = new Map<string, Origin>();
  const measurements: Measurement[] = [];
  try {
    for (const job of settings.jobs) {
      if (interrupted) break;
      const origin = await originFor(job, origins);
      if (origin.files !== undefined) job.prepare?.(origin.files);
      await measureJob(job, origin, settings, measurements);
    }
  } finally {
    for (const origin of origins.values()) await origin.close();
    const source = sourceFile();
    if (source !== undefined) rmSync(source, { force: true });
  }
  const rows = summarise(measurements, settings.baseline);
  process.stdout.write(`\n${table(rows, settings.baseline)}\n`);
  mkdirSync("bench-results", { recursive: true });
  const path = join("bench-results", `${new Date().toISOString().replaceAll(":", "-")}.json`);
  const report = { machine: await machine(), contenders: versions(settings), rows, measurements };
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`\nwritten to ${path}\n`);
}

async function originFor(job: Job, origins: Map<string, Origin>): Promise<Origin> {
  const kind = job.origin === "minio" ? "minio" : "nginx";
  const known = origins.get(kind);
  if (known !== undefined) return known;
  const binary =
    process.env["MINIO_BIN"] ??
    join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "mount-s3-ts", "minio");
  const origin = kind === "minio" ? await startMinio(binary, BUCKET) : await startNginx(BUCKET);
  origins.set(kind, origin);
  return origin;
}

async function measureJob(
  job: Job,
  origin: Origin,
  settings: Settings,
  measurements: Measurement[],
): Promise<void> {
  const direct = job.origin === "nginx-tls" ? (origin.tlsUrl ?? origin.url) : origin.url;
  const proxy = job.delayMs === 0 ? undefined : await delayed(direct, job.delayMs);
  const failed = new Set<string>();
  try {
    for (let round = 0; round < settings.rounds; round++) {
      const turn = round % settings.contenders.length;
      const order = [...settings.contenders.slice(turn), ...settings.contenders.slice(0, turn)];
      for (const contender of order) {
        if (interrupted || failed.has(contender.name)) continue;
        const label = `${job.name} ${contender.name} ${round + 1}/${settings.rounds}`;
        try {
          const measurement = await measureCell(
            { job, contender, round },
            { ...origin, url: proxy?.url ?? direct, tls: job.origin === "nginx-tls" },
          );
          measurements.push(measurement);
          const { figure, usage } = measurement;
          process.stdout.write(
            `${label}: ${figure.value.toFixed(2)} ${figure.unit}, ${usage.cpuSeconds.toFixed(2)} CPU-s, ${usage.peakMemoryMib.toFixed(0)} MiB\n`,
          );
        } catch (error) {
          failed.add(contender.name);
          process.stdout.write(`${label}: FAILED: ${(error as Error).message}\n`);
        }
      }
    }
  } finally {
    await proxy?.close();
  }
}

async function measureCell(
  cell: { readonly job: Job; readonly contender: Contender; readonly round: number },
  origin: Origin & { readonly tls: boolean },
): Promise<Measurement> {
  const mounted = await mount(cell.contender, {
    bucket: origin.bucket,
    endpointUrl: origin.url,
    anonymous: origin.anonymous,
    caBundle: origin.tls ? origin.caBundle : undefined,
  });
  try {
    const before = mounted.usage();
    const { cleanUp, ...figure } = await cell.job.measure(mounted, cell.round);
    const after = mounted.usage();
    await cleanUp?.();
    return {
      job: cell.job.name,
      contender: cell.contender.name,
      round: cell.round,
      figure,
      usage: {
        cpuSeconds: after.cpuSeconds - before.cpuSeconds,
        peakMemoryMib: after.peakMemoryMib,
      },
    };
  } finally {
    await mounted.unmount();
  }
}

async function machine(): Promise<Record<string, string>> {
  return {
    date: new Date().toISOString(),
    commit: (await run("git", ["describe", "--always", "--dirty"]).catch(() => "unknown")).trim(),
    kernel: release(),
    processor: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
  };
}

function versions(settings: Settings): Record<string, string> {
  return Object.fromEntries(settings.contenders.map((each) => [each.name, each.version]));
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
