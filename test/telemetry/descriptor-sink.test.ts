import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DescriptorSink } from "../../src/telemetry/descriptor-sink.ts";
import { formatJson, openLogFile } from "../../src/telemetry/index.ts";
import type { LogRecord } from "../../src/telemetry/log-sink.ts";

let directory = "";

function record(message: string): LogRecord {
  return { timeMs: 0, level: "info", target: "cli", message, fields: undefined };
}

const format = ({ message }: LogRecord): string => message;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mount-s3-ts-log-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe("a log file", () => {
  test("is created with its directories, private to owner and group", async () => {
    const logs = join(directory, "a", "b");
    const { path, sink } = openLogFile(logs, format);
    await sink.close();
    expect(readdirSync(logs)).toEqual([path.slice(logs.length + 1)]);
    expect(path).toMatch(/\/mount-s3-ts-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.[0-9a-z]{6}\.log$/);
    expect(statSync(logs).mode & 0o777).toBe(0o750);
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  test("holds every line, in order, however fast they come", async () => {
    const { path, sink } = openLogFile(directory, format);
    const lines = Array.from({ length: 5000 }, (_, index) => `line ${index}`);
    for (const line of lines) sink.write(record(line));
    await sink.close();
    expect(readFileSync(path, "utf8")).toBe(`${lines.join("\n")}\n`);
  });

  test("keeps a bounded queue and counts what it drops", async () => {
    const { path, sink } = openLogFile(directory, format);
    const line = "x".repeat(1023);
    sink.write(record(line));
    // While the first write is under way, 1024 lines fill the queue.
    for (let count = 0; count < 1024 + 7; count++) sink.write(record(line));
    await new Promise((resolve) => setImmediate(resolve));
    await sink.close();
    const written = readFileSync(path, "utf8").split("\n");
    expect(written.filter((text) => text === line).length).toBe(1025);
    expect(written).toContain("7 log lines were lost here");
  });

  test("in JSON says so in JSON when lines were lost", async () => {
    const { path, sink } = openLogFile(directory, formatJson);
    for (let count = 0; count < 4; count++) sink.write(record("x".repeat(400_000)));
    sink.write(record("last"));
    await sink.close();
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    const messages = lines.map((line) => JSON.parse(line).message);
    expect(messages).toContain("1 log line was lost here");
    expect(messages).toContain("last");
  });

  test("is named anew by every process that opens one", async () => {
    const files = [openLogFile(directory, format), openLogFile(directory, format)];
    await Promise.all(files.map(({ sink }) => sink.close()));
    expect(new Set(files.map(({ path }) => path)).size).toBe(2);
  });
});

describe("a sink that cannot write", () => {
  test("swallows lines when the disk is full", async () => {
    const fd = openSync("/dev/full", "w");
    const sink = new DescriptorSink({ fd, owned: true, format });
    sink.write(record("one"));
    sink.write(record("two"));
    await expect(sink.close()).resolves.toBeUndefined();
  });

  test("swallows lines when nobody reads the pipe any more, and does not wait", async () => {
    const path = join(directory, "pipe");
    execFileSync("mkfifo", [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    const sink = new DescriptorSink({ fd, owned: true, format });
    for (let count = 0; count < 20_000; count++) sink.write(record("nobody reads this line"));
    await sink.close();
    closeSync(reader);
  });
});
