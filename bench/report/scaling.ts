/**
 * Puts what a result says about growth into docs/SCALING.md, block by block, and draws it beside: each block is
 * replaced by the result that has its curves, so that the blocks may come from several runs.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CURVES, STREAMS_CURVE } from "../jobs/curves.ts";
import type { Result } from "../result.ts";
import { withBlock } from "./block.ts";
import { curveCharts, type Lines, memoryCharts } from "./charts.ts";
import { costTable } from "./costs.ts";
import { formatNumber, formatRounds, formatSpread } from "./figures.ts";
import { describeGrowth } from "./growth.ts";
import { describeMachine } from "./page.ts";
import { type Row, summariseAll } from "./summary.ts";
import { renderSvg } from "./svg.ts";
import { warningsOf } from "./terminal.ts";
import { describeTrends } from "./trend.ts";

const DOCUMENT = join(import.meta.dirname, "../../docs/SCALING.md");
const IMAGES = "scaling";

/** What stands in the document between two marks of its name. */
interface Block {
  readonly name: string;
  readonly lines: readonly string[];
  readonly charts: readonly Lines[];
}

const BLOCKS: readonly { readonly name: string; readonly curves: readonly string[] }[] = [
  { name: "readers", curves: [STREAMS_CURVE] },
  { name: "directories", curves: ["listing-time", "open-time", "names-memory"] },
  { name: "open-files", curves: ["open-memory"] },
];

/** Returns the path of the document. */
export function publishScaling(result: Result): string {
  const blocks = blocksOf(result);
  if (blocks.length === 0) {
    throw new Error(
      "the result has no curves, no costs and no soak, of which docs/SCALING.md tells",
    );
  }
  writeFileSync(DOCUMENT, withBlocks(readFileSync(DOCUMENT, "utf8"), result));
  for (const { charts, name } of blocks) {
    if (charts.length === 0) continue;
    const path = join(dirname(DOCUMENT), IMAGES, `${name}.svg`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, renderSvg(charts));
  }
  return DOCUMENT;
}

/** `document` with those blocks replaced for which the result has something. */
export function withBlocks(document: string, result: Result): string {
  const by = "npm run bench -- --report FILE --publish-scaling";
  return blocksOf(result).reduce((text, { charts, lines, name }) => {
    const titles = charts.map(({ title }) => title).join("; ");
    const image = charts.length === 0 ? [] : [`![${titles}](${IMAGES}/${name}.svg)`, ""];
    return withBlock(text, { name, by, text: [...image, ...lines].join("\n") });
  }, document);
}

function blocksOf(result: Result): Block[] {
  const rows = summariseAll(result);
  const origin = originOf(result);
  const curves = BLOCKS.flatMap(({ curves: own, name }) => {
    const charts = curveCharts(result, rows, own);
    if (charts.length === 0) return [];
    const growth = describeGrowth(result, own).map((line) => `- ${line}`);
    const said = growth.length === 0 ? [] : ["", ...growth];
    return { name, charts, lines: [...origin, "", ...curveTable(result, rows, own), ...said] };
  });
  const costs = costTable(result);
  const trends = describeTrends(result).map((line) => `- ${line}`);
  const soak = result.measurements.some(({ used }) => used) ? "soak-in-use" : "soak";
  const charts = memoryCharts(result).filter(({ title }) => /^soak\b/.test(title));
  return [
    ...curves,
    ...(costs.length === 0
      ? []
      : [{ name: "costs", lines: [...origin, "", ...costs], charts: [] }]),
    ...(trends.length === 0 ? [] : [{ name: soak, lines: [...origin, "", ...trends], charts }]),
  ];
}

function originOf(result: Result): string[] {
  const { rounds, sizes } = result.settings;
  const words = `Measured ${describeMachine(result)}; ${formatRounds(rounds)}, sizes \`${sizes}\`.`;
  return [words, ...warningsOf(result).flatMap((line) => ["", `> **${line}**`])];
}

function curveTable({ jobs }: Result, rows: readonly Row[], curves: readonly string[]): string[] {
  const header = ["", "", "contender", "median", "least – most", "CPU-s", "peak MiB"];
  const lines = curves.flatMap((curve) =>
    jobs.flatMap(({ name, point }) => {
      if (point?.curve !== curve) return [];
      const { title = "", x = "" } = CURVES[curve] ?? {};
      return rows
        .filter((row) => row.job === name)
        .map((row) => [
          ...[title, `${point.x.toLocaleString("en")} ${x}`, row.contender],
          `${formatNumber(row.value.median)} ${row.unit}`,
          formatSpread(row.value),
          `${row.cpu.median.toFixed(2)}${row.cpuIsPerGib ? "/GiB" : ""}`,
          row.peakMemoryMib.median.toFixed(0),
        ]);
    }),
  );
  return [header, header.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`);
}
