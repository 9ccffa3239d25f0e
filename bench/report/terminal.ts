/** What a terminal shows: a line for each cell, the table at the end, what failed, and warnings. */

import { stripVTControlCharacters, styleText } from "node:util";
import { isBusy } from "../machine.ts";
import type { Measurement, Result } from "../result.ts";
import { conclusionsOf } from "./conclusions.ts";
import { formatRounds, formatSureRatio } from "./figures.ts";
import {
  cellsOf,
  describeOmission,
  headerOf,
  omissionsOf,
  omittedCells,
  type Row,
  summariseAll,
  type Verdict,
} from "./summary.ts";

const COLOURS = { better: "green", worse: "red", even: "yellow" } as const;
const MARKS = { better: "▲", worse: "▼", even: "=" } as const;

/** Colours text, or leaves it alone. */
export type Paint = (verdict: Verdict | undefined, text: string) => string;

export function paintFor(stream: { readonly isTTY?: boolean }): Paint {
  const coloured = stream.isTTY === true && !process.env["NO_COLOR"];
  return (verdict, text) =>
    verdict === undefined || !coloured ? text : styleText(COLOURS[verdict], text);
}

export function describeMeasurement({ figure, othersPart, usage }: Measurement): string {
  const busy = isBusy(othersPart)
    ? `, others took ${Math.round(othersPart * 100)} % of the machine`
    : "";
  return `${figure.value.toFixed(2)} ${figure.unit}, ${usage.cpuSeconds.toFixed(2)} CPU-s, ${usage.peakMemoryMib.toFixed(0)} MiB${busy}`;
}

/** Everything that a run has to say at its end. */
export function describeResult(result: Result, paint: Paint): string {
  const { failures, settings } = result;
  const rows = summariseAll(result);
  const failed = failures.map(
    ({ contender, job, message }) => `${paint("worse", "FAILED")} ${job} ${contender}: ${message}`,
  );
  const notes = result.contenders.flatMap(({ name, note }) =>
    note === undefined ? [] : [`${name}: ${note}`],
  );
  const omitted = omissionsOf(result).map(describeOmission);
  return [
    describeRows([rows, omittedCells(result)], settings.baseline, paint),
    ...[conclusionsOf(result), failed, omitted, notes, warningsOf(result)].flatMap((lines) =>
      lines.length === 0 ? [] : [lines.join("\n")],
    ),
  ].join("\n\n");
}

/** What a reader must know before believing the figures. */
export function warningsOf({ cachesDropped, measurements, settings }: Result): string[] {
  const busy = measurements.filter(({ othersPart }) => isBusy(othersPart));
  const most = Math.max(0, ...busy.map(({ othersPart }) => othersPart));
  return [
    ...(busy.length === 0
      ? []
      : [
          `The machine was busy: in ${busy.length} of ${measurements.length} cells others used more than a tenth of it, at most ${Math.round(most * 100)} %.`,
        ]),
    ...(cachesDropped
      ? []
      : ["The kernel's caches were kept: dropping them takes root, and no --keep-caches."]),
    ...(settings.rounds < 3 && settings.soakMinutes === undefined
      ? [`Only ${formatRounds(settings.rounds)}: take three or more.`]
      : []),
  ];
}

function describeRows(
  [rows, others]: readonly [readonly Row[], readonly (readonly string[])[]],
  baseline: string,
  paint: Paint,
): string {
  const header = headerOf(baseline);
  const lines = rows.map((row) => cellsOf(row, verdictCell(row, paint)));
  const legend =
    `× is the ratio of medians to ${baseline} with its 95 % interval\n` +
    (["better", "worse", "even"] as const)
      .map((verdict) => paint(verdict, `${MARKS[verdict]} ${verdict}`))
      .join("  ");
  return `${legend}\n${renderTable(header, [...lines, ...others])}`;
}

function verdictCell({ ratio, verdict }: Row, paint: Paint): string {
  if (verdict === undefined) return formatSureRatio(ratio);
  return paint(verdict, `${MARKS[verdict]} ${formatSureRatio(ratio)}`);
}

/** Columns as wide as what is in them; colours take no room. */
export function renderTable(
  header: readonly string[],
  lines: readonly (readonly string[])[],
): string {
  const columns = (cell: string | undefined): number => stripVTControlCharacters(cell ?? "").length;
  const widths = header.map((title, at) =>
    Math.max(columns(title), ...lines.map((line) => columns(line[at]))),
  );
  const render = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => cell + " ".repeat(Math.max(0, (widths[at] ?? 0) - columns(cell))))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return [render(header), rule, ...lines.map(render)].join("\n");
}
