import { describe, expect, test } from "vitest";
import { createLogWriter, type LogSink } from "../../src/telemetry/index.ts";

class LineCollector implements LogSink {
  readonly lines: string[] = [];
  closed = false;

  write(line: string): void {
    this.lines.push(line);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** A log with a clock that stands still until it is moved. */
function makeLog(debug = false) {
  const sink = new LineCollector();
  const clock = { nowMs: Date.UTC(2026, 10, 21, 9, 0, 0, 123) };
  const log = createLogWriter({ sinks: [sink], debug, now: () => clock.nowMs });
  return { log, clock, sink, lines: sink.lines };
}

describe("a log line", () => {
  test("has the time in UTC, the level and the message", () => {
    const { log, lines } = makeLog();
    log.info("one");
    log.warn("two");
    log.error("three");
    expect(lines).toEqual([
      "2026-11-21T09:00:00.123Z INFO one",
      "2026-11-21T09:00:00.123Z WARN two",
      "2026-11-21T09:00:00.123Z ERROR three",
    ]);
  });

  test("of level debug is written only when that is asked for", () => {
    const quiet = makeLog();
    quiet.log.debug("x");
    expect(quiet.log.debugEnabled).toBe(false);
    expect(quiet.lines).toEqual([]);

    const verbose = makeLog(true);
    verbose.log.debug("x");
    expect(verbose.log.debugEnabled).toBe(true);
    expect(verbose.lines).toEqual(["2026-11-21T09:00:00.123Z DEBUG x"]);
  });

  test("stays one line whatever an object is called", () => {
    const { log, lines } = makeLog();
    log.info("key a\nb\r\u001b[31m\u0000\u2028");
    expect(lines).toEqual([
      "2026-11-21T09:00:00.123Z INFO key a\\u000ab\\u000d\\u001b[31m\\u0000\\u2028",
    ]);
  });

  test("goes to every sink", async () => {
    const sinks = [new LineCollector(), new LineCollector()];
    const log = createLogWriter({ sinks, debug: false });
    log.info("x");
    await log.close();
    expect(sinks.map((sink) => [sink.lines.length, sink.closed])).toEqual([
      [1, true],
      [1, true],
    ]);
  });
});

describe("a message that repeats itself", () => {
  test("is held back after ten times, and counted", () => {
    const { log, lines, clock } = makeLog();
    for (let count = 0; count < 1000; count++) log.warn("no answer");
    expect(lines.length).toBe(10);

    clock.nowMs += 10_000;
    log.warn("no answer");
    expect(lines.slice(10)).toEqual([
      "2026-11-21T09:00:10.123Z INFO 990 more times: WARN no answer",
      "2026-11-21T09:00:10.123Z WARN no answer",
    ]);
  });

  test("is counted at the end too", async () => {
    const { log, lines } = makeLog();
    for (let count = 0; count < 12; count++) log.error("x");
    await log.close();
    expect(lines.at(-1)).toBe("2026-11-21T09:00:00.123Z INFO 2 more times: ERROR x");
  });

  test("does not hold back others", () => {
    const { log, lines } = makeLog();
    for (let count = 0; count < 2000; count++) log.warn(`message ${count}`);
    expect(lines.length).toBe(2000);
  });
});
