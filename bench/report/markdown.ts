/** Puts the table of a result into docs/PERFORMANCE.md: between two marks, one pair of which is for the published jobs. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SETS } from "../jobs/catalogue.ts";
import type { Result } from "../result.ts";
import { withBlock } from "./block.ts";
import { conclusionsOf } from "./conclusions.ts";
import { formatRounds, formatSureRatio } from "./figures.ts";
import { describeMachine } from "./page.ts";
import {
  cellsOf,
  describeOmission,
  headerOf,
  omissionsOf,
  omittedCells,
  summariseAll,
} from "./summary.ts";
import { warningsOf } from "./terminal.ts";

const DOCUMENT = join(import.meta.dirname, "../../docs/PERFORMANCE.md");

export function publish(result: Result): string {
  writeFileSync(DOCUMENT, withFigures(readFileSync(DOCUMENT, "utf8"), result));
  return DOCUMENT;
}

export function withFigures(document: string, result: Result): string {
  const { jobs } = result.settings;
  const name = jobs.every((job) => SETS["published"]?.includes(job)) ? "published" : "figures";
  const by = "npm run bench -- --report FILE --publish";
  return withBlock(document, { name, by, text: renderFigures(result) });
}

function renderFigures(result: Result): string {
  const { baseline, rounds, seed, sizes } = result.settings;
  const versions = result.contenders.map(({ name, note, version }) => {
    const more = note === undefined ? "" : ` (${note})`;
    return `- ${name}: ${version}${more}`;
  });
  const failed = result.failures.map(
    ({ contender, job, message }) => `- failed: ${job}, ${contender}: ${oneLine(message)}`,
  );
  const warnings = warningsOf(result).map((line) => `> **${line}**`);
  const origin = `Measured ${describeMachine(result)}. ${formatRounds(rounds)}, seed ${seed}, sizes \`${sizes}\`; × is the ratio to ${baseline}.`;
  const blocks = [
    [origin],
    warnings,
    table(result),
    conclusionsOf(result).map((line) => `- ${line}`),
    versions,
    omissionsOf(result).map((omission) => `- ${describeOmission(omission)}`),
    failed,
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function table(result: Result): string[] {
  const header = headerOf(result.settings.baseline);
  const lines = summariseAll(result).map((row) => {
    const ratio = formatSureRatio(row.ratio);
    return cellsOf(row, row.verdict === "better" ? `**${ratio}**` : ratio);
  });
  return [header, header.map(() => "---"), ...lines, ...omittedCells(result)].map(
    (cells) => `| ${cells.map((cell) => cell.trim()).join(" | ")} |`,
  );
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").slice(0, 200);
}
