/** What people read: the table at the end of a run, its warnings, and what changed between two runs. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { changesBetween, describeChanges } from "../../bench/report/compare.ts";
import { summariseAll } from "../../bench/report/summary.ts";
import { describeResult, paintFor, warningsOf } from "../../bench/report/terminal.ts";
import { readResult, writeResult } from "../../bench/result.ts";
import { measurement, resultOf } from "./results.ts";

const plain = paintFor({ isTTY: false });
const painted: typeof plain = (verdict, text) => (verdict ? `<${verdict}>${text}` : text);

const result = resultOf({
  "mount-s3-ts": [300, 310, 320],
  "mount-s3": [100, 101, 99],
});

describe("the table", () => {
  test("has medians, spread, and the ratio to the baseline with its interval and verdict", () => {
    const text = describeResult(result, painted);
    expect(text).toMatch(
      /seq-read +nginx +mount-s3-ts +310 MiB\/s +300 – 320 +<better>▲ ×3\.10 \(\d/,
    );
    expect(text).toMatch(/seq-read +nginx +mount-s3 +100 MiB\/s +99\.0 – 101 +0\.50\/GiB +100$/m);
  });

  test("has CPU-seconds for each GiB where bytes were moved", () => {
    const [row] = summariseAll(result);
    expect(row).toMatchObject({ cpuIsPerGib: true, cpu: { median: 0.5 } });
    const measurements = result.measurements.map((each) => ({
      ...each,
      figure: { ...each.figure, bytes: 10 },
    }));
    const [few] = summariseAll({ ...result, measurements });
    expect(few).toMatchObject({ cpuIsPerGib: false, cpu: { median: 0.5 } });
  });

  test("tells what failed, and what is to be known about a contender", () => {
    const text = describeResult(
      {
        ...result,
        contenders: result.contenders.map((each) => ({ ...each, note: "stores late" })),
        failures: [{ job: "ls", contender: "goofys", round: 0, message: "it ended" }],
      },
      plain,
    );
    expect(text).toContain("FAILED ls goofys: it ended");
    expect(text).toContain("mount-s3: stores late");
  });
});

test("who cannot speak with a server is not applicable there, and the reason is told", () => {
  const unable = {
    ...result,
    contenders: result.contenders.map((each) => ({
      ...each,
      ...(each.name === "mount-s3" && { notApplicable: { minio: "later", nginx: "no sessions" } }),
    })),
  };
  const text = describeResult(unable, plain);
  expect(text).toMatch(/^seq-read +nginx +mount-s3 +not applicable$/m);
  expect(text).toContain("not applicable: mount-s3 on nginx (seq-read): no sessions");
  expect(text).not.toContain("later");
});

describe("warnings", () => {
  test("there are none when all was well", () => {
    expect(warningsOf(result)).toEqual([]);
  });

  test("others at work, warm caches and too few rounds are told", () => {
    const busy = measurement({ job: "x", contender: "y", round: 0, othersPart: 0.42 });
    const { measurements, settings } = result;
    const warnings = warningsOf({
      ...result,
      cachesDropped: false,
      settings: { ...settings, rounds: 1 },
      measurements: [...measurements, busy],
    });
    expect(warnings).toEqual([
      expect.stringContaining("in 1 of 7 cells others used more than a tenth of it, at most 42 %"),
      expect.stringContaining("caches were kept"),
      expect.stringContaining("Only 1 round:"),
    ]);
  });
});

describe("comparing", () => {
  test("shows what changed for what both have", () => {
    const later = resultOf({ "mount-s3-ts": [200, 201, 202], "mount-s3": [100, 99, 101] });
    expect(changesBetween(result, later)).toMatchObject([
      { contender: "mount-s3-ts", before: 310, after: 201, verdict: "worse" },
      { contender: "mount-s3", before: 100, after: 100, verdict: "even" },
    ]);
    expect(describeChanges(result, later, plain)).toMatch(
      /seq-read +mount-s3-ts +310 MiB\/s +201 MiB\/s +×0\.65 \(.*\) worse/,
    );
  });

  test("warns when the machines differ", () => {
    const other = { ...result, machine: { ...result.machine, processor: "64 × Test" } };
    expect(describeChanges(result, other, plain)).toContain(
      "Not the same processor: 2 × Test became 64 × Test",
    );
  });

  test("says so when there is nothing to compare", () => {
    expect(describeChanges(result, resultOf({ s3fs: [1] }), plain)).toMatch(/no job .* in common/);
  });
});

describe("the file", () => {
  const directory = mkdtempSync(join(tmpdir(), "mount-s3-ts-result-"));

  test("is read as it was written", () => {
    const path = join(directory, "result.json");
    writeResult(path, result);
    expect(readResult(path)).toEqual(JSON.parse(JSON.stringify(result)));
  });

  test.each([["{}"], ["[]"], ['{"format":1}'], ['{"format":2,"settings":{}}']])(
    "%s is refused",
    (text) => {
      const path = join(directory, "other.json");
      writeFileSync(path, text);
      expect(() => readResult(path)).toThrow("is not a result of this benchmark");
    },
  );
});
