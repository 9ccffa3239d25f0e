/** What is published: the table in docs/PERFORMANCE.md, and what one more costs. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { describeGrowth } from "../../bench/report/growth.ts";
import { withFigures } from "../../bench/report/markdown.ts";
import type { Result } from "../../bench/result.ts";
import { measurement, resultOf } from "./results.ts";

const document = readFileSync("docs/PERFORMANCE.md", "utf8");
const result = resultOf({ "mount-s3-ts": [300, 310, 320], "mount-s3": [100, 101, 99] });

describe("docs/PERFORMANCE.md", () => {
  test("takes the figures of a result, with machine, date and commit", () => {
    const published = withFigures(document, result);
    expect(published).toContain("2026-11-21 12:00 UTC, commit abc1234; 2 × Test, 8 GiB, Linux 6.1");
    expect(published).toMatch(
      /\| seq-read \| nginx \| mount-s3-ts \| 310 MiB\/s \| 300 – 320 \| \*\*×3\.10/,
    );
    expect(published).toContain("- mount-s3: mount-s3 1.0");
  });

  test("loses nothing else, and takes others in their place", () => {
    const once = withFigures(document, result);
    expect(withFigures(once, result)).toBe(once);
    const headings = (text: string): readonly string[] => text.match(/^#+ .*$/gm) ?? [];
    expect(headings(once)).toEqual(headings(document));
    const busy = measurement({ job: "x", contender: "mount-s3-ts", round: 0, othersPart: 0.5 });
    expect(withFigures(once, { ...result, measurements: [busy] })).toContain(
      "> **The machine was busy",
    );
  });

  test("has a place of its own for the jobs that mount-s3 publishes", () => {
    const jobs = ["seq_read", "ttfb"];
    const published = withFigures(document, {
      ...result,
      settings: { ...result.settings, jobs },
      measurements: jobs.map((job) => measurement({ job, contender: "mount-s3-ts", round: 0 })),
    });
    const [own, others] = published.split("## The jobs that mount-s3 publishes").reverse();
    expect(own).toContain("| ttfb |");
    expect(others).not.toContain("| ttfb |");
  });

  test("must have a place for them", () => {
    expect(() => withFigures("# Nothing here\n", result)).toThrow("has no place for figures");
  });
});

test("the slope of memory over open files is what one of them takes", () => {
  const points = [1, 100, 1000];
  const [job] = result.jobs;
  const grown: Result = {
    ...result,
    jobs: points.flatMap((x) =>
      job ? { ...job, name: `open-memory-${x}`, point: { curve: "open-memory", x } } : [],
    ),
    measurements: points.flatMap((x) =>
      [0, 1, 2].map((round) => {
        const one = measurement({ job: `open-memory-${x}`, contender: "mount-s3-ts", round });
        return { ...one, figure: { value: 60 + (4 * x) / 1024, unit: "MiB" } as const };
      }),
    ),
  };
  expect(describeGrowth(grown)).toEqual(["mount-s3-ts: an open idle file takes 4.0 KiB"]);
  expect(describeGrowth(result)).toEqual([]);
});
