import { describe, expect, test } from "vitest";
import {
  createLogWriter,
  formatText,
  type LogSink,
  parseLogFilter,
} from "../../src/telemetry/index.ts";
import type { LogRecord } from "../../src/telemetry/log-sink.ts";

class LineCollector implements LogSink {
  readonly lines: string[] = [];
  closed = false;

  write(record: LogRecord): void {
    this.lines.push(formatText(record));
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** A log with a clock that stands still until it is moved. */
function makeLog(directives = "info") {
  const sink = new LineCollector();
  const clock = { nowMs: Date.UTC(2026, 10, 21, 9, 0, 0, 123) };
  const log = createLogWriter({
    sinks: [sink],
    filter: parseLogFilter(directives),
    now: () => clock.nowMs,
  });
  return { log, clock, sink, lines: sink.lines };
}

describe("a log line", () => {
  test("has the time in UTC, the level and the message", () => {
    const { log, lines } = makeLog();
    log.info("one");
    log.warn("two");
    log.error("three");
    expect(lines).toEqual([
      "2026-11-21T09:00:00.123Z INFO cli: one",
      "2026-11-21T09:00:00.123Z WARN cli: two",
      "2026-11-21T09:00:00.123Z ERROR cli: three",
    ]);
  });

  test("of level debug is written only when that is asked for", () => {
    const quiet = makeLog();
    quiet.log.debug("x");
    expect(quiet.log.debugEnabled).toBe(false);
    expect(quiet.lines).toEqual([]);

    const verbose = makeLog("debug");
    verbose.log.debug("x");
    expect(verbose.log.debugEnabled).toBe(true);
    expect(verbose.lines).toEqual(["2026-11-21T09:00:00.123Z DEBUG cli: x"]);
  });

  test("stays one line whatever an object is called", () => {
    const { log, lines } = makeLog();
    log.info("key a\nb\r\u001b[31m\u0000\u2028");
    expect(lines).toEqual([
      "2026-11-21T09:00:00.123Z INFO cli: key a\\u000ab\\u000d\\u001b[31m\\u0000\\u2028",
    ]);
  });

  test("goes to every sink", async () => {
    const sinks = [new LineCollector(), new LineCollector()];
    const log = createLogWriter({ sinks, filter: parseLogFilter("info") });
    log.info("x");
    await log.close();
    expect(sinks.map((sink) => [sink.lines.length, sink.closed])).toEqual([
      [1, true],
      [1, true],
    ]);
  });
});

describe("a part of the program", () => {
  test("is named in its lines, and logs what the directives say of it", () => {
    const { log, lines } = makeLog("warn,s3=debug,fuse=off");
    const [s3, fuse, fs] = [log.named("s3"), log.named("fuse"), log.named("fs")];
    expect([s3.debugEnabled, s3.traceEnabled, fs.debugEnabled]).toEqual([true, false, false]);
    s3.trace("one");
    s3.debug("two");
    fuse.error("three");
    fs.info("four");
    fs.named("s3").debug("five");
    log.warn("six");
    expect(lines.map((line) => line.slice(25))).toEqual([
      "DEBUG s3: two",
      "DEBUG s3: five",
      "WARN cli: six",
    ]);
  });

  test("says nothing when there is nowhere to say it", () => {
    const log = createLogWriter({ sinks: [], filter: parseLogFilter("trace") });
    expect(log.named("fs").traceEnabled).toBe(false);
  });
});

test("the verbosity goes up step by step and round to where it began, and says so each time", () => {
  const { log, lines } = makeLog("error");
  const s3 = log.named("s3");
  const wire = log.named("wire");
  const steps = Array.from({ length: 6 }, () => {
    const step = [s3.debugEnabled, s3.traceEnabled, wire.debugEnabled, wire.traceEnabled];
    log.nextVerbosity();
    return step.map(Number).join("");
  });
  expect(steps).toEqual(["0000", "1000", "1010", "1100", "1111", "0000"]);
  expect(lines.map((line) => line.slice(25))).toEqual(
    ["debug,wire=off", "debug", "trace,wire=off", "trace", "error", "debug,wire=off"].map(
      (text) => `INFO cli: the log's verbosity is ${text} now`,
    ),
  );
});

describe("a message that repeats itself", () => {
  test("is held back after ten times, and counted", () => {
    const { log, lines, clock } = makeLog();
    for (let count = 0; count < 1000; count++) log.warn("no answer");
    expect(lines.length).toBe(10);

    clock.nowMs += 10_000;
    log.warn("no answer");
    expect(lines.slice(10)).toEqual([
      "2026-11-21T09:00:10.123Z WARN cli: 990 more times: no answer",
      "2026-11-21T09:00:10.123Z WARN cli: no answer",
    ]);
  });

  test("is counted at the end too", async () => {
    const { log, lines } = makeLog();
    for (let count = 0; count < 12; count++) log.error("x");
    await log.close();
    expect(lines.at(-1)).toBe("2026-11-21T09:00:00.123Z ERROR cli: 2 more times: x");
  });

  test("does not hold back others", () => {
    const { log, lines } = makeLog();
    for (let count = 0; count < 2000; count++) log.warn(`message ${count}`);
    expect(lines.length).toBe(2000);
  });
});
