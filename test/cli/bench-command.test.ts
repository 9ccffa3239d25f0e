/** `mount-s3-ts bench BUCKET`: what it measures, what it says of it, and that it leaves nothing. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseBenchCommand } from "../../src/cli/bench/bench-table.ts";
import { figureOf, tasksFor, verdictOf } from "../../src/cli/bench/tasks.ts";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { environmentFor } from "../rigs/mount-process.ts";
import { commandLine } from "../rigs/paths.ts";
import { SandboxProcess } from "../rigs/sandbox-process.ts";
import { Scratch } from "../rigs/scratch.ts";

describe("its command line", () => {
  test("names a bucket, perhaps a prefix, and what the mount needs", () => {
    expect(
      parseBenchCommand([
        ...["s3://my-bucket/scratch/", "--size", "32", "--region", "eu-west-1"],
        ...["--force-path-style", "--part-size", "16777216"],
      ]),
    ).toEqual({
      kind: "bench",
      options: {
        ...{ bucket: "my-bucket", prefix: "scratch/", sizeMib: 32, json: false },
        mountArgs: [...["--force-path-style", "--region", "eu-west-1", "--part-size", "16777216"]],
      },
    });
  });

  test.each([
    [[], "no bucket to measure was given"],
    [["my-bucket", "/mnt"], '"/mnt" is one word too many'],
    [["my-bucket", "--size", "1"], '--size "1" is refused'],
    [["my-bucket", "--read-only"], "--read-only"],
  ])("%j is refused", (args, message) => {
    expect(() => parseBenchCommand(args)).toThrow(message);
  });
});

describe("what it measures", () => {
  const tasks = tasksFor(64);

  test("reads and removes only what it has written, and all of it", () => {
    const written = new Set<string>();
    for (const { load } of tasks) {
      const names =
        load.kind === "random-reads" ? [load.name] : load.kind === "list" ? [] : load.names;
      if (load.kind === "write") for (const name of names) written.add(name);
      for (const name of names) expect(written, name).toContain(name);
      if (load.kind === "remove") for (const name of names) written.delete(name);
    }
    expect([...written]).toEqual([]);
  });

  test("is judged by what one may expect", () => {
    const [write, , create] = tasks;
    const judge = (task: typeof write, figure: number) => task && verdictOf(task, figure);
    expect([judge(write, 1000), judge(write, 60), judge(write, 1)]).toEqual([
      "good",
      "fair",
      "poor",
    ]);
    expect([judge(create, 20), judge(create, 200), judge(create, 900)]).toEqual([
      "good",
      "fair",
      "poor",
    ]);
    for (const { fair, good, unit } of tasks) expect(good < fair).toBe(unit === "ms");
  });

  test("is bytes or operations in the time that they took, or the time of one", () => {
    const outcome = { seconds: 2, bytes: 8 * 2 ** 20, operations: 10, medianMs: 7 };
    const figures = Object.fromEntries(tasks.map((task) => [task.unit, figureOf(task, outcome)]));
    expect(figures).toEqual({ "MiB/s": 4, "files/s": 5, "reads/s": 5, ms: 7 });
  });
});

describe("a run", () => {
  const BUCKET = "s3://bench-bucket/mine/";
  let sandbox: SandboxProcess;
  let view: BucketView;
  const scratch = new Scratch();
  /** Of this run alone: others may be under way on this machine. */
  const directory = scratch.makeDirectory("temporary");

  beforeAll(async () => {
    sandbox = await SandboxProcess.start();
    view = new BucketView(clientOf(sandbox.endpoint), "bench-bucket");
    await view.create();
  });
  afterAll(async () => {
    await sandbox.stop();
    await scratch.close();
  });

  async function bench(args: readonly string[], during?: (output: string, pid: number) => void) {
    const child = spawn(
      process.execPath,
      [
        ...[commandLine, "bench", "--endpoint-url", sandbox.endpoint.url, "--size", "4"],
        ...["--force-path-style", "--region", "us-east-1", ...args],
      ],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...environmentFor(sandbox.endpoint), TMPDIR: directory },
      },
    );
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        during?.(output, child.pid ?? 0);
      });
    }
    await once(child, "close");
    return { status: child.exitCode, output };
  }

  test("prints a figure and a verdict for everything", { timeout: 180_000 }, async () => {
    const { output, status } = await bench([BUCKET, "--json"]);
    expect(status, output).toBe(0);
    const { peakMemoryMib, results } = JSON.parse(output);
    expect(results.length).toBe(tasksFor(4).length);
    for (const { figure, verdict } of results) {
      expect(figure).toBeGreaterThan(0);
      expect(["good", "fair", "poor"]).toContain(verdict);
    }
    expect(peakMemoryMib).toBeGreaterThan(20);
    expect([await view.keys(), await view.uploads()]).toEqual([[], []]);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(directory);
  });

  test.each([
    ["at work", "create a small file"],
    ["between two mounts", "create small files, 16 at once"],
  ])("leaves nothing when it is interrupted %s", { timeout: 180_000 }, async (_, behind) => {
    let sent = false;
    const { output, status } = await bench([BUCKET], (text, pid) => {
      if (sent || !text.includes(behind)) return;
      sent = true;
      process.kill(pid, "SIGINT");
    });
    expect(output).toContain("interrupted");
    expect(status).toBe(1);
    expect([await view.keys(), await view.uploads()]).toEqual([[], []]);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(directory);
  });

  test("tells why, when the bucket is not there", async () => {
    const { output, status } = await bench(["missing-bucket"]);
    expect(status).toBe(1);
    expect(output).toContain("missing-bucket");
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(directory);
  });
});
