/** A tiny run of the benchmark over the sandbox: from the first cell to a resumed and compared result. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type Result, readResult, writeResult } from "../../bench/result.ts";
import { repository } from "../rigs/paths.ts";

const PROGRAM = join(repository, "dist-bench/main.js");
const directory = mkdtempSync(join(tmpdir(), "mount-s3-ts-bench-test-"));
const path = join(directory, "result.json");

afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Finished {
  readonly status: number | null;
  readonly output: string;
}

/** Other tests have mounts of theirs, of which the kernel is not to forget the names. */
const KEEP = "--keep-caches";

async function bench(
  args: readonly string[],
  during?: (child: ChildProcess) => void,
  environment = process.env,
) {
  const child = spawn(process.execPath, [PROGRAM, KEEP, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: directory,
    env: environment,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      during?.(child);
    });
  }
  await once(child, "close");
  return { status: child.exitCode, output } satisfies Finished;
}

const run = ["--server", "sandbox", "--sizes", "tiny", "--contenders", "mount-s3-ts"];
const jobs = ["--jobs", "read-5m,create-1b,rm-r,first-byte", "--rounds", "2"];

test("measures every job in every round, and leaves nothing mounted", {
  timeout: 240_000,
}, async () => {
  // The mounts are ours if they are below a directory of ours.
  const environment = { ...process.env, TMPDIR: directory };
  const { output, status } = await bench([...run, ...jobs, "--out", path], undefined, environment);
  expect(status, output).toBe(0);
  const result = readResult(path);
  expect(result.failures).toEqual([]);
  expect(result.cachesDropped).toBe(false);
  expect(result.measurements.length).toBe(8);
  for (const { aroundSeconds, figure, memory, usage } of result.measurements) {
    expect(usage.firstThreadSeconds).toBeGreaterThanOrEqual(0);
    expect(aroundSeconds).toBeGreaterThanOrEqual(0);
    expect(figure.value).toBeGreaterThan(0);
    expect(usage.peakMemoryMib).toBeGreaterThan(10);
    expect(memory.length).toBeGreaterThanOrEqual(2);
  }
  expect(result.contenders[0]?.command).toMatch(/--endpoint-url http:\/\/127\.0\.0\.1:\d+ /);
  expect(result.servers).toEqual([expect.objectContaining({ name: "sandbox" })]);
  expect(output).toMatch(/first-byte +sandbox +mount-s3-ts +[\d.]+ ms/);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(directory);
});

test("measures on a directory bucket, where who cannot is not applicable", {
  timeout: 240_000,
}, async () => {
  const out = join(directory, "express.json");
  // Found like any other, and never started.
  const goofys = join(directory, "goofys");
  writeFileSync(goofys, "#!/bin/sh\necho goofys 0\n", { mode: 0o755 });
  const { output, status } = await bench([
    ...["--jobs", "rename,rename-16,append,append-seq,create-1b@sandbox-express"],
    ...["--sizes", "tiny", "--rounds", "1"],
    ...["--contenders", "mount-s3-ts,goofys", "--dir", directory, "--out", out],
  ]);
  expect(status, output).toBe(0);
  const { failures, measurements, servers } = readResult(out);
  expect(failures).toEqual([]);
  expect(measurements.map(({ job, contender }) => [job, contender])).toEqual([
    ["rename", "mount-s3-ts"],
    ["rename-16", "mount-s3-ts"],
    ["append", "mount-s3-ts"],
    ["append-seq", "mount-s3-ts"],
    ["create-1b@sandbox-express", "mount-s3-ts"],
  ]);
  expect(measurements[0]?.figure.latencyMs).toBeDefined();
  expect(servers).toEqual([expect.objectContaining({ name: "sandbox-express" })]);
  expect(output).toMatch(/^rename-16 +sandbox-express +goofys +not applicable$/m);
});

test("goes on where a run ended, and compares", { timeout: 180_000 }, async () => {
  const whole = readResult(path);
  const failure = { job: "read-5m", contender: "mount-s3-ts", round: 1, message: "no server" };
  const partial = { ...whole, measurements: whole.measurements.slice(0, 7), failures: [failure] };
  const resumed = join(directory, "resumed.json");
  // As a run that dropped them left it.
  writeResult(resumed, { ...partial, cachesDropped: true });
  const { output, status } = await bench(["--resume", resumed]);
  expect(status, output).toBe(0);
  const after = readResult(resumed);
  expect(after.cachesDropped).toBe(false);
  expect(after.measurements.slice(0, 7)).toEqual(partial.measurements);
  const cell = ({ job, contender, round }: Result["measurements"][number]): unknown => ({
    ...{ job, contender, round },
  });
  expect(after.measurements.map(cell)).toEqual(whole.measurements.map(cell));
  expect(after.failures).toEqual([]);

  const compared = await bench(["--compare", path, resumed]);
  expect(compared.output).toMatch(/read-5m +mount-s3-ts +\S+ MiB\/s +\S+ MiB\/s +×1\.00/);
});

test("keeps what was measured when it is interrupted", { timeout: 180_000 }, async () => {
  const stopped = join(directory, "stopped.json");
  let sent = false;
  const { output, status } = await bench([...run, ...jobs, "--out", stopped], (child) => {
    if (!sent) child.kill("SIGINT");
    sent = true;
  });
  expect(status, output).toBe(130);
  expect(output).toContain(`--resume ${stopped}`);
  const { failures, measurements } = readResult(stopped);
  expect(failures).toEqual([]);
  expect(measurements.length).toBeGreaterThanOrEqual(1);
  expect(measurements.length).toBeLessThan(8);
});

test("watches memory while a mount is used gently", { timeout: 180_000 }, async () => {
  const out = join(directory, "soak.json");
  const { output, status } = await bench(["--soak", "0.02", "--sizes", "tiny", "--out", out]);
  expect(status, output).toBe(0);
  const { failures, measurements, settings } = readResult(out);
  expect(failures).toEqual([]);
  expect(settings).toMatchObject({ rounds: 1, contenders: ["mount-s3-ts"], soakMinutes: 0.02 });
  expect(measurements).toMatchObject([{ job: "soak", contender: "mount-s3-ts", round: 0 }]);
  expect(measurements[0]?.figure.operations).toBeGreaterThanOrEqual(4);
});

test("goes on when nobody listens, and ends its servers", { timeout: 180_000 }, async () => {
  const out = join(directory, "unheard.json");
  const args = [...run, "--jobs", "start", "--rounds", "2", "--out", out];
  const child = spawn(process.execPath, [PROGRAM, KEEP, ...args], {
    stdio: ["ignore", "pipe", "ignore"],
    cwd: directory,
  });
  child.stdout.destroy();
  await once(child, "exit");
  expect(child.exitCode).toBe(0);
  const { cachesDropped, contenders, measurements } = readResult(out);
  expect(cachesDropped).toBe(false);
  expect(measurements.length).toBe(2);
  const url = /--endpoint-url (\S+)/.exec(contenders[0]?.command ?? "")?.[1] ?? "";
  await expect(fetch(url)).rejects.toThrow("fetch failed");
});

test("tells what cannot be measured, and measures the rest", { timeout: 180_000 }, async () => {
  const out = join(directory, "partial.json");
  const environment = { ...process.env, MINIO_BIN: join(directory, "missing") };
  const { output, status } = await bench(
    [...run.slice(2), "--jobs", "create-1b,start@sandbox", "--rounds", "1", "--out", out],
    undefined,
    environment,
  );
  expect(status, output).toBe(0);
  const { failures, measurements } = readResult(out);
  expect(failures).toEqual([
    expect.objectContaining({ job: "create-1b", contender: "mount-s3-ts" }),
  ]);
  expect(failures[0]?.message).toContain("did not start");
  expect(measurements.map(({ job }) => job)).toEqual(["start@sandbox"]);
});

test.each([
  [["--jobs", "nothing"], 'there is no job "nothing"'],
  [["--contenders", "nobody"], 'there is no contender "nobody"; there are: mount-s3-ts'],
  [["--rounds", "0"], "--rounds 0 is not a whole number"],
  [["--soak", "0"], "--soak 0 is not a number of minutes"],
  [["--compare", "one.json"], "--compare takes two results, but got 1"],
  [["--server", "given"], "no bucket was given: name one with --bucket"],
  [["--nonsense"], "Unknown argument: nonsense"],
])("%j is refused", async (args, message) => {
  const { output, status } = await bench(args);
  expect(output).toContain(message);
  expect(status).toBe(2);
});
