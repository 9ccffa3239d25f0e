/**
 * The report as one HTML file that needs nothing else: charts by Chart.js, which is written into it, the
 * table of all figures, the method, and what was run. Readable on a phone, in light and in dark.
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { LIMIT } from "../limit.ts";
import type { Result } from "../result.ts";
import { type Chart, sectionsOf } from "./charts.ts";
import { conclusionsOf } from "./conclusions.ts";
import { formatRounds } from "./figures.ts";
import { METHOD } from "./method.ts";
import {
  cellsOf,
  headerOf,
  omissionsOf,
  omittedCells,
  type Row,
  summariseAll,
  type Verdict,
} from "./summary.ts";
import { warningsOf } from "./terminal.ts";

/** Beside the sources: what a browser gets is not compiled. */
const ASSETS = join(import.meta.dirname, "../../bench/report");

const VERDICT_WORDS = { better: "better", worse: "worse", even: "no difference" } as const;

export function renderPage(result: Result): string {
  const { machine, settings } = result;
  const sections = sectionsOf(result);
  const rows = summariseAll(result);
  const contenders = [...new Set(rows.map((row) => row.contender))];
  const data = JSON.stringify({
    contenders,
    limit: LIMIT,
    charts: sections.map((it) => it.charts),
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>mount-s3-ts: benchmark of ${escapeHtml(machine.date.slice(0, 10))}</title>
<style>${asset("page.css")}</style>
</head>
<body>
<header>
<h1>mount-s3-ts benchmark</h1>
<p>${escapeHtml(describeMachine(result))}</p>
${warnings(result)}
${verdicts(rows, settings.baseline)}
<ul class="legend">${contenders.map(legendEntry).join("")}</ul>
</header>
<main>
${sections.map(({ charts, title }, at) => renderSection(title, charts, at)).join("\n")}
${conclusions(result)}
<section><h2>All figures</h2>${renderRows([rows, omittedCells(result)], settings.baseline)}</section>
${omissions(result)}
${failures(result)}
<section class="text"><h2>Method</h2>${METHOD.map((text) => `<p>${escapeHtml(text)}</p>`).join("")}</section>
<section class="text"><h2>What was run</h2>${renderRun(result)}</section>
</main>
<script type="application/json" id="data">${data.replaceAll("<", "\\u003c")}</script>
<script>${chartLibrary()}</script>
<script>${asset("page.js")}</script>
</body>
</html>
`;
}

function asset(name: string): string {
  return readFileSync(join(ASSETS, name), "utf8");
}

function chartLibrary(): string {
  const require = createRequire(import.meta.url);
  return readFileSync(join(dirname(require.resolve("chart.js")), "chart.umd.min.js"), "utf8")
    .replace(/^\/\/# sourceMappingURL.*$/m, "")
    .replaceAll("</script", "<\\/script");
}

export function describeMachine({ machine }: Result): string {
  const { commit, date, kernel, memory, node, processor } = machine;
  return `${date.slice(0, 16).replace("T", " ")} UTC, commit ${commit}; ${processor}, ${memory}, Linux ${kernel}, Node ${node}`;
}

function warnings(result: Result): string {
  const lines = warningsOf(result);
  if (lines.length === 0) return "";
  return `<div class="warning" role="note">${lines.map((line) => `<p>${escapeHtml(line)}</p>`).join("")}</div>`;
}

/** How often ours is on which side of the baseline, or of each other where it is the baseline. */
function verdicts(rows: readonly Row[], baseline: string): string {
  const judged = rows.filter(({ verdict }) => verdict !== undefined);
  const [name] = judged.map((row) => row.contender);
  if (name === undefined) return "";
  const ours = judged.filter((row) => row.contender === name);
  const count = (verdict: Verdict): string => {
    const found = ours.filter((row) => row.verdict === verdict).length;
    return `<li class="${verdict}"><b>${found}</b> ${VERDICT_WORDS[verdict]}</li>`;
  };
  return `<p>${escapeHtml(name)} beside ${escapeHtml(baseline)}, ${ours.length} jobs:</p>
<ul class="verdicts">${(["better", "even", "worse"] as const).map(count).join("")}</ul>`;
}

function legendEntry(contender: string, at: number): string {
  const mark = contender === LIMIT ? "limit" : `c${at}`;
  return `<li><i class="${mark}"></i>${escapeHtml(contender)}</li>`;
}

function renderSection(title: string, charts: readonly Chart[], section: number): string {
  const figures = charts.map((chart, at) => {
    const rowsShown = chart.kind === "bars" ? chart.bars.length : 0;
    const style = chart.kind === "bars" ? ` style="height:${rowsShown * 26 + 46}px"` : "";
    const unit =
      chart.kind === "bars"
        ? ` <small>${escapeHtml(chart.unit)}${chart.less ? ", less is better" : ""}</small>`
        : "";
    const label = escapeHtml(`${chart.title}: ${chart.caption}`);
    return `<figure><h3>${escapeHtml(chart.title)}${unit}</h3><div class="${chart.kind}"${style}><canvas data-chart="${section}.${at}" role="img" aria-label="${label}"></canvas></div><figcaption>${escapeHtml(chart.caption)}</figcaption></figure>`;
  });
  return `<section><h2>${escapeHtml(title)}</h2><div class="charts">${figures.join("\n")}</div></section>`;
}

function renderRows(
  [rows, others]: readonly [readonly Row[], readonly (readonly string[])[]],
  baseline: string,
): string {
  const header = headerOf(baseline);
  const lines = [
    ...rows.map((row) => renderRow(cellsOf(row), row.verdict)),
    ...others.map((cells) => renderRow(cells)),
  ];
  const head = header.map((title) => `<th scope="col">${escapeHtml(title)}</th>`).join("");
  return `<div class="table" tabindex="0"><table><thead><tr>${head}</tr></thead><tbody>${lines.join("\n")}</tbody></table></div>`;
}

function renderRow([job = "", ...cells]: readonly string[], verdict?: Verdict): string {
  const rest = cells.map((cell, at) => {
    const judged = at === 4 && verdict !== undefined ? ` class="${verdict}"` : "";
    return `<td${judged}>${escapeHtml(cell)}</td>`;
  });
  return `<tr><th scope="row">${escapeHtml(job)}</th>${rest.join("")}</tr>`;
}

function conclusions(result: Result): string {
  const lines = conclusionsOf(result);
  if (lines.length === 0) return "";
  return `<section class="text"><h2>What it comes to</h2><ul>${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join("")}</ul></section>`;
}

function omissions(result: Result): string {
  const items = omissionsOf(result).map(
    ({ contender, jobs, reason, server }) =>
      `<li><b>${escapeHtml(`${contender} on ${server}`)}</b> (${escapeHtml(jobs.join(", "))}): ${escapeHtml(reason)}</li>`,
  );
  if (items.length === 0) return "";
  return `<section class="text"><h2>What does not apply</h2><ul>${items.join("")}</ul></section>`;
}

function failures({ failures: failed }: Result): string {
  if (failed.length === 0) return "";
  const items = failed.map(
    ({ contender, job, message }) =>
      `<li><b>${escapeHtml(`${job}, ${contender}`)}</b>: ${escapeHtml(message)}</li>`,
  );
  return `<section class="text"><h2>What failed</h2><ul>${items.join("")}</ul></section>`;
}

function renderRun({ contenders, servers, settings }: Result): string {
  const { rounds, seed, sizes } = settings;
  const contenderItems = contenders.map(({ command, name, note, version }) => {
    const more = note === undefined ? "" : ` (${escapeHtml(note)})`;
    const started = command === undefined ? "" : `<br><code>${escapeHtml(command)}</code>`;
    return `<li><b>${escapeHtml(name)}</b>: ${escapeHtml(version)}${more}${started}</li>`;
  });
  const serverItems = servers.map(
    ({ description, name }) => `<li><b>${escapeHtml(name)}</b>: ${escapeHtml(description)}</li>`,
  );
  return `<p>${formatRounds(rounds)}, seed ${seed}, sizes: ${sizes}.</p><ul>${contenderItems.join("")}</ul><p>Servers:</p><ul>${serverItems.join("")}</ul>`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
