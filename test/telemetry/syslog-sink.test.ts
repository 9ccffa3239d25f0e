/** The system log: what is sent there, and that whatever becomes of it harms nobody. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LogLevel } from "../../src/base/log.ts";
import { addon } from "../../src/native/index.ts";
import { formatUntimed, SyslogSink } from "../../src/telemetry/index.ts";
import type { LogRecord } from "../../src/telemetry/log-sink.ts";
import { DatagramReceiver } from "../rigs/datagram-receiver.ts";

let directory = "";
let path = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "syslog-"));
  path = join(directory, "log");
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function record(message: string, level: LogLevel = "info"): LogRecord {
  const timeMs = new Date(2026, 2, 7, 4, 5, 6).getTime();
  return { timeMs, level, target: "fs", message, fields: undefined };
}

function openSink(): SyslogSink {
  return new SyslogSink({ addon: addon(), path, pid: 42, format: formatUntimed });
}

test("a line has priority, local time, name and process as RFC 3164 wants them", async () => {
  const receiver = await DatagramReceiver.start(path);
  receiver.read();
  const sink = openSink();
  for (const level of ["error", "warn", "info", "debug", "trace"] as const) {
    sink.write(record("key a\nb", level));
  }
  await sink.close();
  await receiver.waitFor(/TRACE/);
  expect(receiver.messages).toEqual([
    "<11>Mar  7 04:05:06 mount-s3-ts[42]: ERROR fs: key a\\u000ab",
    "<12>Mar  7 04:05:06 mount-s3-ts[42]: WARN fs: key a\\u000ab",
    "<14>Mar  7 04:05:06 mount-s3-ts[42]: INFO fs: key a\\u000ab",
    "<15>Mar  7 04:05:06 mount-s3-ts[42]: DEBUG fs: key a\\u000ab",
    "<15>Mar  7 04:05:06 mount-s3-ts[42]: TRACE fs: key a\\u000ab",
  ]);
  await receiver.stop();
});

test("a line that is too long is cut between characters", async () => {
  const receiver = await DatagramReceiver.start(path);
  receiver.read();
  const sink = openSink();
  for (const padding of ["", "x", "xx"]) sink.write(record(`${padding}${"€".repeat(5000)}`));
  sink.write(record("end"));
  await sink.close();
  await receiver.waitFor(/end/);
  const lengths = receiver.messages.map((message) => Buffer.byteLength(message));
  expect(Math.max(...lengths)).toBeLessThanOrEqual(8192);
  expect(Math.min(...lengths.slice(0, 3))).toBeGreaterThan(8188);
  expect(receiver.messages.join("")).not.toContain("\ufffd");
  await receiver.stop();
});

test("a system log that is restarted gets what was logged meanwhile", async () => {
  const first = await DatagramReceiver.start(path);
  first.read();
  const sink = openSink();
  sink.write(record("one"));
  await first.waitFor(/one/);
  await first.stop();
  sink.write(record("two"));
  rmSync(path);
  sink.write(record("three"));
  const second = await DatagramReceiver.start(path);
  second.read();
  await second.waitFor(/three/);
  sink.write(record("four"));
  await second.waitFor(/four/);
  expect(second.messages.map((message) => message.split(": ")[2])).toEqual([
    "two",
    "three",
    "four",
  ]);
  await sink.close();
  await second.stop();
});

test("one that is replaced at once misses nothing", async () => {
  const first = await DatagramReceiver.start(path);
  const sink = openSink();
  sink.write(record("one"));
  await first.stop();
  rmSync(path);
  const second = await DatagramReceiver.start(path);
  second.read();
  sink.write(record("two"));
  await second.waitFor(/two/);
  await sink.close();
  await second.stop();
});

test("one that is behind gets every line in the end, in order", async () => {
  const receiver = await DatagramReceiver.start(path);
  const sink = openSink();
  const messages = Array.from({ length: 2000 }, (_, index) => `line ${index}`);
  for (const message of messages) sink.write(record(message));
  receiver.read();
  await receiver.waitFor(/line 1999$/);
  expect(receiver.messages.map((message) => message.split("fs: ")[1])).toEqual(messages);
  await sink.close();
  await receiver.stop();
});

test("what is more than the queue holds is counted, and the count is told first", async () => {
  const sink = openSink();
  const long = "x".repeat(8000);
  // The first attempt finds nobody; from then on lines wait, 1 MiB of them.
  for (let count = 0; count < 200; count++) sink.write(record(long));
  const receiver = await DatagramReceiver.start(path);
  receiver.read();
  sink.write(record("too many as well"));
  await receiver.waitFor(/log lines were lost here/);
  const [first = "", second = ""] = receiver.messages;
  const lost = Number(/WARN cli: (\d+) log lines were lost here/.exec(first)?.[1]);
  expect(lost).toBeGreaterThanOrEqual(200 - (1 << 20) / 8000);
  expect(second).toContain(long);
  await expect.poll(() => receiver.messages.length).toBe(201 - lost + 1);
  await sink.close();
  await receiver.stop();
});

test("without a system log nothing fails and nobody waits", async () => {
  const sink = openSink();
  sink.write(record("one"));
  sink.write(record("two"));
  await expect(sink.close()).resolves.toBeUndefined();
  sink.write(record("after the end"));
});
