/** What fio prints, as it prints it, becomes one outcome; what it did not do becomes an error. */

import { expect, test } from "vitest";
import { parseFio } from "../../bench/fio.ts";

const nothing = {
  io_bytes: 0,
  bw_bytes: 0,
  iops: 0,
  total_ios: 0,
  lat_ns: { mean: 0 },
  clat_ns: { mean: 0, percentile: {} },
};

function direction(mib: number, operations: number, meanNs: number, p99Ns: number) {
  return {
    io_bytes: mib * 2 ** 20,
    bw_bytes: (mib * 2 ** 20) / 2,
    iops: operations / 2,
    total_ios: operations,
    lat_ns: { mean: meanNs },
    clat_ns: { mean: meanNs / 2, percentile: { "50.000000": p99Ns / 2, "99.900000": p99Ns } },
  };
}

const printed = (jobs: readonly unknown[]): string =>
  `fio: a warning\n${JSON.stringify({ "fio version": "fio-3.33", jobs }, null, 1)}`;

test("one job", () => {
  const text = printed([
    { jobname: "x", error: 0, read: direction(100, 1000, 2e6, 9e6), write: nothing },
  ]);
  expect(parseFio(text)).toEqual({
    mibPerSecond: 50,
    iops: 500,
    bytes: 100 * 2 ** 20,
    operations: 1000,
    meanLatencyMs: 2,
    latencyMs: { "50": 4.5, "99.9": 9 },
  });
});

test("files that are created, which fio times to their completion alone", () => {
  const created = { ...direction(1, 20, 6e6, 9e6), lat_ns: { mean: 0 } };
  const outcome = parseFio(printed([{ jobname: "x", error: 0, read: nothing, write: created }]));
  expect(outcome.meanLatencyMs).toBe(3);
});

test("readers and writers add up, and the mean is over all operations", () => {
  const outcome = parseFio(
    printed([
      { jobname: "r", error: 0, read: direction(100, 300, 2e6, 9e6), write: nothing },
      { jobname: "w", error: 0, read: nothing, write: direction(50, 100, 6e6, 8e6) },
    ]),
  );
  expect(outcome.mibPerSecond).toBe(75);
  expect(outcome.bytes).toBe(150 * 2 ** 20);
  expect(outcome.meanLatencyMs).toBe(3);
  expect(outcome.latencyMs).toEqual({ "50": 4.5, "99.9": 9 });
});

test("a job that failed is no figure", () => {
  const job = { jobname: "x", error: 5, read: direction(1, 1, 1, 1), write: nothing };
  expect(() => parseFio(printed([job]))).toThrow("fio's job x failed with errno 5");
});

test.each([
  ["nothing at all", ""],
  ["no job", printed([])],
  [
    "a job that moved nothing",
    printed([{ jobname: "x", error: 0, read: nothing, write: nothing }]),
  ],
  ["something else", printed([{ jobname: "x", error: 0, read: { io_bytes: 7 } }])],
])("%s is an error", (_, text) => {
  expect(() => parseFio(text)).toThrow("fio reported nothing");
});
