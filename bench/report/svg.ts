/** Charts of lines as one SVG file, for documents: side by side, in the colours of the reader's theme. */

import type { Lines } from "./charts.ts";
import { formatNumber } from "./figures.ts";

const WIDTH = 300;
const HEIGHT = 220;
const LEFT = 52;
const RIGHT = 12;
const TOP = 30;
const BOTTOM = 40;
const GAP = 16;

const STYLE = `text { font: 11px system-ui, sans-serif; fill: #4b5560; } .title { font-size: 12px; font-weight: 600; fill: #1c2024; }
.grid { stroke: #dfe3e6; } .line { fill: none; stroke-width: 2; }
.c0.c0 { stroke: #0b6bcb; fill: #0b6bcb; } .c1.c1 { stroke: #e08a00; fill: #e08a00; } .c2.c2 { stroke: #1f9d6b; fill: #1f9d6b; }
path.line.line { fill: none; } .card { fill: #fff; stroke: #dfe3e6; }
@media (prefers-color-scheme: dark) { .card { fill: #1c2024; stroke: #333a41; } .grid { stroke: #333a41; } text { fill: #9aa5af; } .title { fill: #e8eaec; }
.c0.c0 { stroke: #5aa9f2; fill: #5aa9f2; } .c1.c1 { stroke: #f0a840; fill: #f0a840; } .c2.c2 { stroke: #4cc894; fill: #4cc894; } path.line.line { fill: none; } }`;

const COLUMNS = 3;

export function renderSvg(charts: readonly Lines[]): string {
  const columns = Math.min(COLUMNS, charts.length);
  const rows = Math.ceil(charts.length / COLUMNS);
  const width = columns * (WIDTH + GAP) - GAP;
  const height = rows * (HEIGHT + GAP) - GAP;
  const contenders = [...new Set(charts.flatMap(({ lines }) => lines.map((it) => it.contender)))];
  const panels = charts.map((chart, at) => {
    const x = (at % COLUMNS) * (WIDTH + GAP);
    const y = Math.floor(at / COLUMNS) * (HEIGHT + GAP);
    return `<g transform="translate(${x} ${y})">${renderPanel(chart, contenders)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<style>${STYLE}</style>
${panels.join("\n")}
</svg>
`;
}

/** Where a value is along an axis. */
interface Axis {
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

function renderPanel(chart: Lines, contenders: readonly string[]): string {
  const points = chart.lines.flatMap((line) => line.points);
  const xs = axis(
    points.map(([x]) => x),
    [LEFT, WIDTH - RIGHT],
    chart.logarithmic.x,
  );
  const ys = axis(
    points.map(([, y]) => y),
    [HEIGHT - BOTTOM, TOP],
    chart.logarithmic.y,
  );
  const grid = ys.ticks.map((tick) => {
    const y = ys.place(tick).toFixed(1);
    return `<path class="grid" d="M${LEFT} ${y}H${WIDTH - RIGHT}"/><text x="${LEFT - 5}" y="${y}" dy="4" text-anchor="end">${format(tick)}</text>`;
  });
  const below = xs.ticks.map(
    (tick) =>
      `<text x="${xs.place(tick).toFixed(1)}" y="${HEIGHT - BOTTOM + 15}" text-anchor="middle">${format(tick)}</text>`,
  );
  const lines = chart.lines.map(({ contender, points: own }) => {
    const colour = `c${contenders.indexOf(contender) % 3}`;
    const places = own.map(([x, y]) => [xs.place(x).toFixed(1), ys.place(y).toFixed(1)] as const);
    const path = `<path class="line ${colour}" d="M${places.map((each) => each.join(" ")).join("L")}"/>`;
    const dots = places.map(([x, y]) => `<circle class="${colour}" cx="${x}" cy="${y}" r="2.5"/>`);
    return path + (own.length > 20 ? "" : dots.join(""));
  });
  const names = chart.lines.map(({ contender }) => contender).join(", ");
  const legend =
    contenders.length < 2 ? "" : contenders.map((each, at) => legendEntry(each, at)).join("");
  return `<rect class="card" x=".5" y=".5" width="${WIDTH - 1}" height="${HEIGHT - 1}" rx="8"/>
<title>${escapeXml(`${chart.title}: ${names}`)}</title><text class="title" x="12" y="19">${escapeXml(chart.title)}, ${escapeXml(chart.y)}</text>
${grid.join("")}${below.join("")}<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 9}" text-anchor="middle">${escapeXml(chart.x)}</text>
${lines.join("")}${legend}`;
}

function legendEntry(contender: string, at: number): string {
  const style = `style="stroke: none" class="c${at % 3}"`;
  return `<text ${style} x="${LEFT + 8}" y="${TOP + 14 + 14 * at}">${escapeXml(contender)}</text>`;
}

function axis(
  values: readonly number[],
  [from, to]: readonly [number, number],
  logarithmic: boolean,
): Axis {
  const most = Math.max(...values);
  if (logarithmic) {
    const least = Math.min(...values);
    const span = Math.log(most / least) || 1;
    const place = (value: number): number => from + (Math.log(value / least) / span) * (to - from);
    return { place, ticks: powersBetween(least, most) };
  }
  const step = roundStep(most / 4);
  const top = Math.max(step, Math.ceil(most / step) * step);
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, at) => at * step);
  return { place: (value) => from + (value / top) * (to - from), ticks };
}

/** Powers of ten, or of two where those are too few. */
function powersBetween(least: number, most: number): readonly number[] {
  const base = most / least >= 100 && !Number.isInteger(Math.log2(most)) ? 10 : 2;
  const first = Math.ceil(Math.log(least) / Math.log(base) - 1e-9);
  const last = Math.floor(Math.log(most) / Math.log(base) + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, at) => base ** (first + at));
}

/** 1, 2 or 5 of some power of ten. */
function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  const factor = [1, 2, 5, 10].find((each) => each * power >= rough) ?? 10;
  return factor * power;
}

function format(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`;
  return value >= 1e4 ? `${value / 1e3}k` : value >= 100 ? String(value) : formatTick(value);
}

function formatTick(value: number): string {
  return value === 0 ? "0" : String(Number(formatNumber(value)));
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
