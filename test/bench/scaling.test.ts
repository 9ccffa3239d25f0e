/** How the cost grows, as it is published: blocks of docs/SCALING.md, costs, verdicts, and the drawings. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { conclusionsOf } from "../../bench/report/conclusions.ts";
import { costTable } from "../../bench/report/costs.ts";
import { withBlocks } from "../../bench/report/scaling.ts";
import { renderSvg } from "../../bench/report/svg.ts";
import type { Measurement, Result } from "../../bench/result.ts";
import { seededRandom, trendOf } from "../../bench/statistics.ts";
import { measurement, resultOf } from "./results.ts";

const plain = resultOf({ "mount-s3-ts": [1] });
const contender = "mount-s3-ts";

/** A result with one job at each x of a curve. */
function curveOf(curve: string, points: readonly (readonly [x: number, Measurement["figure"]])[]) {
  const [job] = plain.jobs;
  if (job === undefined) throw new Error("there is a job");
  const names = points.map(([x, figure]) => ({ name: `${curve}-${x}`, x, figure }));
  return {
    ...plain,
    jobs: names.map(({ name, x }) => ({ ...job, name, point: { curve, x } })),
    measurements: names.map(({ figure, name }) => ({
      ...measurement({ job: name, contender, round: 0 }),
      figure,
    })),
  } satisfies Result;
}

/** A run of an hour that looks at memory every five seconds. */
function soak(mibAt: (hours: number) => number): Result {
  const random = seededRandom(1);
  const one = measurement({ job: "soak", contender, round: 0 });
  const memory = Array.from({ length: 720 }, (_, at) => {
    const seconds = at * 5;
    return [seconds, mibAt(seconds / 3600) + 4 * random()] as const;
  });
  const figure = { value: 80, unit: "MiB", operations: 36_000 } as const;
  return { ...plain, measurements: [{ ...one, figure, memory }] };
}

describe("a curve of memory", () => {
  const withUsed = (x: number, bytes: number) =>
    [
      x,
      { value: 60 + (3000 * x) / 2 ** 20, usedMib: 20 + (bytes * x) / 2 ** 20, unit: "MiB" },
    ] as const;

  test("is judged by what is in use", () => {
    const open = (bytes: number): Result =>
      curveOf(
        "open-memory",
        [1, 100, 10_000].map((x) => withUsed(x, bytes)),
      );
    expect(conclusionsOf(open(1000))).toEqual([
      "mount-s3-ts: an open idle file takes 1000 bytes, within the 2.0 KiB that it may; 2.9 KiB resident, with what is not collected yet",
    ]);
    expect(conclusionsOf(open(2500))[0]).toContain("2.4 KiB, beyond the 2.0 KiB");
  });
});

test.each([
  [1, "not worse than linear"],
  [1.5, ", worse than linear"],
])("time that grows with the power %d is %s", (power, verdict) => {
  const points = [100, 1000, 10_000].map((x) => [x, { value: x ** power, unit: "s" }] as const);
  const [said] = conclusionsOf(curveOf("listing-time", points));
  expect(said).toContain(`with the power ${power.toFixed(2)}`);
  expect(said).toContain(verdict);
});

describe("a long run", () => {
  test.each([
    ["memory is flat", () => 70],
    ["memory is flat", (hours: number) => (hours < 0.5 ? 40 + 60 * hours : 70)],
    ["memory grows by less than a twentieth an hour", (hours: number) => 70 + 2.5 * hours],
    ["memory grows", (hours: number) => 60 + 20 * hours],
  ])("%s", (verdict, mibAt) => {
    expect(conclusionsOf(soak(mibAt))).toEqual([
      expect.stringMatching(
        `^mount-s3-ts: ${verdict}\\. In the second half of 59\\.9 minutes resident`,
      ),
    ]);
  });

  test("that swings too widely is not judged", () => {
    expect(conclusionsOf(soak((hours) => 100 + 60 * Math.sin(25 * hours)))[0]).toContain(
      "too short a run to tell",
    );
  });

  test("is judged by what is in use, where that is known", () => {
    const swinging = soak((hours) => 100 + 60 * Math.sin(25 * hours));
    const used = Array.from({ length: 120 }, (_, at) => [at * 30, 40 + (at % 3)] as const);
    const measurements = swinging.measurements.map((each) => ({ ...each, used }));
    const [said] = conclusionsOf({ ...swinging, measurements });
    expect(said).toMatch(
      /^mount-s3-ts: memory is flat\. .* memory in use, after collections, was 41\.0 MiB/,
    );
  });

  test("has the slope of its line, and an interval around it", () => {
    const points = Array.from({ length: 100 }, (_, x) => [x, 3 * x + (x % 7)] as const);
    const { high = 0, low = 0, slope = 0 } = trendOf(points) ?? {};
    expect(slope).toBeCloseTo(3, 1);
    expect(low).toBeLessThanOrEqual(slope);
    expect(high).toBeGreaterThanOrEqual(slope);
    expect(high - low).toBeLessThan(0.2);
    expect(trendOf(points.slice(0, 20))).toBeUndefined();
  });
});

describe("the physical limit", () => {
  const near = (value: number, job = "seq-read"): readonly string[] => {
    const result = resultOf({ "mount-s3-ts": [value], "physical limit": [1000] });
    return conclusionsOf({
      ...result,
      measurements: result.measurements.map((each) => ({ ...each, job })),
    });
  };

  test("is what throughput and CPU of one stream, and the IOPS of 4 KiB, are held against", () => {
    expect(near(900)).toEqual([
      "seq-read, throughput, MiB/s: mount-s3-ts 900, physical limit 1000, ×0.90; at least 0.8 holds",
      "seq-read, CPU-s/GiB: mount-s3-ts 0.500, physical limit 0.500, ×1.00; at most 1.6 holds",
      "seq-read, memory of one stream: mount-s3-ts 100 MiB at its peak, at most 100; at most 140 holds",
    ]);
    expect(near(600, "rand-4k-1")).toEqual([
      "rand-4k-1, IOPS: mount-s3-ts 600, physical limit 1000, ×0.60; at least 0.7 does not hold",
    ]);
  });
});

describe("costs", () => {
  const one = measurement({ job: "seq-read", contender, round: 0 });
  // One GiB in two seconds: half a second on the thread, as much again around.
  const read: Measurement = {
    ...one,
    figure: { value: 512, unit: "MiB/s", bytes: 2 ** 30 },
    usage: { cpuSeconds: 0.75, firstThreadSeconds: 0.5, peakMemoryMib: 100 },
    aroundSeconds: 0.25,
  };
  const looked: Measurement = {
    ...read,
    job: "stat",
    figure: { value: 4, unit: "s", operations: 1000 },
  };
  const result: Result = { ...plain, measurements: [read, looked] };

  test("are those of a GiB or of an operation, with the ceiling of one mount", () => {
    expect(costTable(result).slice(2)).toEqual([
      "| one reader (nginx) | `seq-read` | 0.500 s/GiB | 0.250 s/GiB | 0.250 s/GiB | 0.500 GiB/s | 2.00 GiB/s | 8.00 GiB/s with 4 mounts | 64.0 GiB/s with 32 mounts |",
      "|  | `stat` | 500 µs | 250 µs | 250 µs | 250/s | 2,000/s | 8,000/s with 4 mounts | 64,000/s with 32 mounts |",
    ]);
  });

  test("are not told of a result that does not have them", () => {
    expect(costTable(plain)).toEqual([]);
  });
});

describe("docs/SCALING.md", () => {
  const document = readFileSync("docs/SCALING.md", "utf8");
  const listing = curveOf("listing-time", [
    [100, { value: 0.1, unit: "s" }],
    [1000, { value: 1, unit: "s" }],
  ]);

  test("takes the blocks that a result has, and keeps the others", () => {
    const once = withBlocks(document, listing);
    expect(once).toContain("![ls -f of one directory](scaling/directories.svg)");
    expect(once).toContain("| ls -f of one directory | 1,000 names | mount-s3-ts | 1.00 s |");
    expect(withBlocks(once, listing)).toBe(once);
    const both = withBlocks(
      once,
      soak(() => 70),
    );
    expect(both).toContain("| 1,000 names | mount-s3-ts | 1.00 s |");
    expect(both).toContain("memory is flat");
    const headings = (text: string): readonly string[] => text.match(/^#+ .*$/gm) ?? [];
    expect(headings(both)).toEqual(headings(document));
  });

  test("tells of memory in use beside what is resident", () => {
    const plainSoak = soak(() => 70);
    const used = Array.from({ length: 120 }, (_, at) => [at * 30, 40] as const);
    const measurements = plainSoak.measurements.map((each) => ({ ...each, used }));
    const [job] = plainSoak.jobs;
    const jobs = job ? [{ ...job, name: "soak" }] : [];
    expect(withBlocks(document, { ...plainSoak, jobs, measurements })).toContain(
      "![soak; soak, in use](scaling/soak-in-use.svg)",
    );
  });

  test("must have a place for them", () => {
    expect(() => withBlocks("# Nothing here\n", listing)).toThrow("has no place for directories");
  });
});

test("a drawing has its points within its frame, and what it is told as text", () => {
  const chart = {
    kind: "lines",
    ...{ title: "a < b", caption: "", x: "names", y: "s" },
    logarithmic: { x: true, y: true },
    lines: [
      {
        contender,
        points: [
          [100, 0.03],
          [1000, 0.1],
          [1_000_000, 9],
        ],
      },
    ],
  } as const;
  const svg = renderSvg([chart, { ...chart, logarithmic: { x: false, y: false } }]);
  expect(svg).toContain("a &lt; b");
  const circles = [...svg.matchAll(/<circle [^>]*cx="([\d.]+)" cy="([\d.]+)"/g)];
  expect(circles.length).toBe(6);
  for (const [, x, y] of circles) {
    expect(Number(x)).toBeGreaterThanOrEqual(52);
    expect(Number(x)).toBeLessThanOrEqual(288);
    expect(Number(y)).toBeGreaterThanOrEqual(30);
    expect(Number(y)).toBeLessThanOrEqual(180);
  }
  expect(svg).not.toMatch(/NaN|Infinity/);
});
