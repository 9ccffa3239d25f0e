/** Metrics in the log: what a line says, when there is one, and when there is none. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Log, type LogFields, silentLog } from "../../src/base/log.ts";
import { logMetrics } from "../../src/telemetry/index.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function start(memoryBytes = () => 1000) {
  const lines: string[] = [];
  const fields: (LogFields | undefined)[] = [];
  const log: Log = {
    ...silentLog,
    info(message, given) {
      lines.push(message);
      fields.push(given);
    },
  };
  const metrics = logMetrics({ log, memoryBytes });
  /** The lines of the next five seconds. */
  const next = (): string[] => {
    expect(lines).toEqual([]);
    vi.advanceTimersByTime(4999);
    expect(lines).toEqual([]);
    vi.advanceTimersByTime(1);
    return lines.splice(0);
  };
  return { metrics, lines, fields, next };
}

const READ = { fuse_request: "read" };

test("there are lines every five seconds, in order, of what came since the last ones", () => {
  const { metrics, next } = start();
  metrics.counter("s3.request_errors", { s3_request: "GetObject", http_status: "503" }).add(1);
  metrics.counter("fuse.total_bytes", READ).add(10);
  metrics.counter("fuse.total_bytes", READ).add(7);
  metrics.histogram("fuse.io_size", READ).record(10);
  expect(next()).toEqual([
    "fuse.io_size[fuse_request=read]: n=1: min=10 p10=10 p50=10 avg=10.00 p90=10 p99=10 p99.9=10 max=10",
    "fuse.total_bytes[fuse_request=read]: 17 (n=2)",
    "process.memory_usage: 1000",
    "s3.request_errors[s3_request=GetObject,http_status=503]: 1",
  ]);
  expect(next()).toEqual([]);
  metrics.counter("fuse.total_bytes", READ).add(5);
  expect(next()).toEqual(["fuse.total_bytes[fuse_request=read]: 5"]);
});

test("memory is told when it has changed", () => {
  let bytes = 1;
  const { next } = start(() => bytes);
  expect(next()).toEqual(["process.memory_usage: 1"]);
  expect(next()).toEqual([]);
  bytes = 0;
  expect(next()).toEqual(["process.memory_usage: 0"]);
});

test("the memory is that of the process", () => {
  const lines: string[] = [];
  logMetrics({ log: { ...silentLog, info: (message) => lines.push(message) } }).close();
  const bytes = Number(/^process\.memory_usage: (\d+)$/.exec(lines.join())?.[1]);
  expect(bytes).toBeGreaterThan(10_000_000);
  expect(bytes).toBeLessThan(100_000_000_000);
});

test("the last lines come at the end, and none behind them", () => {
  const { metrics, lines } = start();
  metrics.counter("fuse.total_bytes", READ).add(1);
  metrics.close();
  expect(lines.splice(0)).toEqual([
    "fuse.total_bytes[fuse_request=read]: 1",
    "process.memory_usage: 1000",
  ]);
  metrics.counter("fuse.total_bytes", READ).add(1);
  vi.advanceTimersByTime(60_000);
  expect(lines).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test("fields have the name, the attributes and each value", () => {
  const { metrics, fields } = start();
  metrics.histogram("fuse.io_size", READ).record(4);
  metrics.histogram("fuse.io_size", READ).record(8);
  metrics.counter("fuse.total_bytes", READ).add(12);
  metrics.close();
  const all = { n: 2, min: 4, p10: 4, p50: 4, avg: 6, p90: 8, p99: 8, "p99.9": 8, max: 8 };
  expect(fields).toEqual([
    { metric: "fuse.io_size", ...READ, ...all },
    { metric: "fuse.total_bytes", ...READ, sum: 12, n: 1 },
    { metric: "process.memory_usage", value: 1000 },
  ]);
});

describe("a histogram", () => {
  function fieldsOf(values: Iterable<number>): LogFields {
    const { metrics, fields } = start();
    for (const value of values) metrics.histogram("fuse.io_size", READ).record(value);
    metrics.close();
    return fields[0] ?? {};
  }

  test("knows percentiles to one in a hundred, and the rest exactly", () => {
    const found = fieldsOf(Array.from({ length: 100_000 }, (_, index) => index + 1));
    expect(found).toMatchObject({ n: 100_000, min: 1, avg: 50_000.5, max: 100_000 });
    for (const percent of [10, 50, 90, 99, 99.9]) {
      const off = Number(found[`p${percent}`]) / (percent * 1000) - 1;
      expect(Math.abs(off), `p${percent}`).toBeLessThan(0.01);
    }
  });

  test("never tells a percentile beyond what was recorded", () => {
    const size = 131_072;
    expect(fieldsOf([size, size, size])).toMatchObject({
      ...{ n: 3, min: size, p10: size, p50: size },
      ...{ avg: size, p90: size, p99: size, "p99.9": size, max: size },
    });
  });

  test("takes nothing at all, fractions and what is beyond all measure", () => {
    expect(fieldsOf([0, 0, 0])).toMatchObject({ n: 3, min: 0, p50: 0, avg: 0, max: 0 });
    expect(fieldsOf([0.2, 1.4])).toMatchObject({ n: 2, min: 0, max: 1, avg: 0.5 });
    expect(fieldsOf([-1])).toMatchObject({ n: 1, min: 0, max: 0 });
    expect(fieldsOf([1e15])).toMatchObject({ n: 1, min: 2 ** 36 - 2, max: 2 ** 36 - 2 });
  });
});
