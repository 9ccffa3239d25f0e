/** Results for the tests of the reports. */

import type { Measurement, Result } from "../../bench/result.ts";

export function measurement(
  given: Pick<Measurement, "job" | "contender" | "round"> & {
    readonly value?: number;
    readonly othersPart?: number;
  },
): Measurement {
  const { contender, job, othersPart = 0, round, value = 1 } = given;
  return {
    ...{ job, contender, round, othersPart },
    figure: { value, unit: "MiB/s", bytes: 2 ** 30 },
    usage: { cpuSeconds: 0.5, peakMemoryMib: 100 },
    memory: [
      [0, 50],
      [1, 100],
    ],
  };
}

/** One job, "seq-read", with the given figures of each contender, a round for each. */
export function resultOf(figures: Readonly<Record<string, readonly number[]>>): Result {
  const contenders = Object.keys(figures);
  const rounds = Math.max(...Object.values(figures).map((each) => each.length));
  return {
    format: 2,
    machine: {
      ...{ commit: "abc1234", date: "2026-11-21T12:00:00.000Z", processor: "2 × Test" },
      ...{ memory: "8 GiB", kernel: "6.1", node: "v20.19.0", load: "0.00 0.00 0.00" },
    },
    cachesDropped: true,
    settings: {
      ...{ jobs: ["seq-read"], contenders, rounds, seed: 1, sizes: "tiny" },
      ...{ seconds: undefined, server: undefined, delayMs: undefined, mibPerSecond: undefined },
      ...{ bucket: undefined, url: undefined, region: "us-east-1", baseline: "mount-s3" },
    },
    contenders: contenders.map((name) => ({
      ...{ name, version: `${name} 1.0`, note: undefined, command: `${name} BUCKET DIRECTORY` },
    })),
    servers: [{ name: "nginx", description: "a server" }],
    jobs: [
      {
        ...{ name: "seq-read", description: "one reader", group: "Sequential read" },
        ...{ server: "nginx", delayMs: 0, point: { curve: "streams", x: 1 } },
      },
    ],
    measurements: Object.entries(figures).flatMap(([contender, values]) =>
      values.map((value, round) => measurement({ job: "seq-read", contender, round, value })),
    ),
    failures: [],
  };
}
