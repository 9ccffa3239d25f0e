/** The report as a page: complete in itself, with a chart for everything, and safe whatever it is told. */

import { expect, test } from "vitest";
import { sectionsOf } from "../../bench/report/charts.ts";
import { renderPage } from "../../bench/report/page.ts";
import { resultOf } from "./results.ts";

const result = resultOf({
  "mount-s3-ts": [300, 310, 320],
  "mount-s3": [100, 101, 99],
  "physical limit": [400, 400, 400],
});

test("bars have median and spread, in the order of the contenders, and a line for the limit", () => {
  const [section] = sectionsOf(result);
  expect(section).toMatchObject({
    title: "Sequential read",
    charts: [
      {
        kind: "bars",
        title: "seq-read",
        unit: "MiB/s",
        limit: 400,
        bars: [
          { contender: "mount-s3-ts", value: 310, least: 300, most: 320 },
          { contender: "mount-s3", value: 100, least: 99, most: 101 },
        ],
      },
    ],
  });
});

test("memory is drawn over time, and a curve only where it has points", () => {
  const titles = sectionsOf(result).map(({ title }) => title);
  expect(titles).toEqual(["Sequential read", "CPU-seconds per GiB moved", "Memory over time"]);

  const job = result.jobs[0] ?? expect.fail("there is a job");
  const wide = {
    ...result,
    jobs: [job, { ...job, name: "seq-read-4", point: { curve: "streams", x: 4 } }],
    measurements: result.measurements.flatMap((each) => [each, { ...each, job: "seq-read-4" }]),
  };
  const streams = sectionsOf(wide).find(({ title }) => title === "Throughput against streams");
  expect(streams?.charts[0]).toMatchObject({
    kind: "lines",
    lines: expect.arrayContaining([
      {
        contender: "mount-s3-ts",
        points: [
          [1, 310],
          [4, 310],
        ],
      },
    ]),
  });
});

test("how the cost of readers grows is drawn as throughput, CPU and memory", () => {
  const [job] = result.jobs;
  const names = [1, 64].map((x) => ({ x, name: `streams-curve-${x}` }));
  const sections = sectionsOf({
    ...result,
    jobs: names.flatMap(({ name, x }) =>
      job ? { ...job, name, point: { curve: "streams-curve", x } } : [],
    ),
    measurements: names.flatMap(({ name }) =>
      result.measurements.map((each) => ({ ...each, job: name })),
    ),
  });
  expect(sections.map(({ title }) => title)).toEqual(["How the cost grows"]);
  const units = sections[0]?.charts.map((chart) => (chart.kind === "lines" ? chart.y : undefined));
  expect(units).toEqual(["MiB/s", "CPU-s/GiB", "MiB"]);
});

test("the page loads nothing, and has a canvas for each chart", () => {
  const page = renderPage(result);
  expect(page).toContain("default-src 'none'");
  expect(page).not.toMatch(/<(?:script|link|img|iframe)[^>]*\b(?:src|href)=/);
  const charts = sectionsOf(result).flatMap((section) => section.charts);
  expect(page.match(/<canvas /g)?.length).toBe(charts.length);
  expect(page).toContain("<b>1</b> better");
  expect(page).toContain("mount-s3 1.0");
});

test("what a server or a contender says is text, not markup", () => {
  const hostile = `</script><script>alert("x")</script><b onclick='y'>`;
  const page = renderPage({
    ...result,
    failures: [{ job: hostile, contender: hostile, round: 0, message: hostile }],
    contenders: result.contenders.map((each) => ({ ...each, notApplicable: { nginx: hostile } })),
    servers: [{ name: hostile, description: hostile }],
    jobs: result.jobs.map((job) => ({ ...job, description: hostile, group: hostile })),
    machine: { ...result.machine, commit: hostile },
  });
  expect(page).not.toContain("<script>alert");
  expect(page).not.toContain("<b onclick");
});
