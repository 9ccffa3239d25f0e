/**
 * What the demo shows: acts with their results, a bar of progress, and a summary. On a terminal it is
 * coloured and moves; elsewhere it is plain lines.
 */

const BAR_COLUMNS = 30;
const PROGRESS_INTERVAL_MS = 80;

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

export type Style = keyof typeof STYLES;

export interface StageOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** A figure of the summary. */
export interface Figure {
  readonly label: string;
  readonly value: number;
  readonly unit: string;
}

export class Stage {
  readonly #output: StageOutput;
  readonly #coloured: boolean;
  readonly #figures: Figure[] = [];
  #lastProgressMs = 0;

  constructor(output: StageOutput, environment: Readonly<Record<string, string | undefined>>) {
    this.#output = output;
    this.#coloured = output.isTTY === true && !environment["NO_COLOR"];
  }

  style(text: string, ...styles: readonly Style[]): string {
    if (!this.#coloured) return text;
    return `\u001b[${styles.map((style) => STYLES[style]).join(";")}m${text}\u001b[0m`;
  }

  title(text: string): void {
    this.#line(this.style(text, "bold"));
  }

  act(text: string): void {
    this.#line("");
    this.#line(`${this.style("▸", "cyan", "bold")} ${this.style(text, "bold")}`);
  }

  /** A command line that the demo runs, as a person would type it. */
  command(text: string): void {
    this.#line(`  ${this.style(`$ ${text}`, "dim")}`);
  }

  say(text: string): void {
    this.#line(`  ${text}`);
  }

  /** Something that was checked and holds. */
  verified(text: string): void {
    this.#line(`  ${this.style("✓", "green", "bold")} ${text}`);
  }

  failed(text: string): void {
    this.#line(`  ${this.style("✗", "red", "bold")} ${text}`);
  }

  figure(figure: Figure): void {
    this.#figures.push(figure);
  }

  /** How far something is, from 0 to 1; shown on a terminal only, at most every 80 ms. */
  progress(fraction: number, text: string): void {
    if (this.#output.isTTY !== true) return;
    const nowMs = performance.now();
    if (fraction < 1 && nowMs - this.#lastProgressMs < PROGRESS_INTERVAL_MS) return;
    this.#lastProgressMs = nowMs;
    const percent = `${Math.round(fraction * 100)} %`.padStart(5);
    this.#output.write(`\r\u001b[2K  ${this.style(bar(fraction), "cyan")} ${percent}  ${text}`);
  }

  /** A span of time on a line of its own, for requests that overlap. */
  span(label: string, span: { startMs: number; endMs: number; wholeMs: number }): void {
    const scale = BAR_COLUMNS / Math.max(span.wholeMs, 1);
    const from = Math.min(Math.floor(span.startMs * scale), BAR_COLUMNS - 1);
    const to = Math.max(from + 1, Math.min(Math.ceil(span.endMs * scale), BAR_COLUMNS));
    const drawn = " ".repeat(from) + "█".repeat(to - from) + " ".repeat(BAR_COLUMNS - to);
    const times = `${span.startMs.toFixed(0)}–${span.endMs.toFixed(0)} ms`;
    this.#line(`    ${label.padEnd(26)} │${this.style(drawn, "yellow")}│ ${times}`);
  }

  /** The figures as a table; those that share a unit have bars beside them. */
  summary(): void {
    const labelColumns = Math.max(...this.#figures.map(({ label }) => label.length));
    const rule = "─".repeat(labelColumns + BAR_COLUMNS + 24);
    this.#line("");
    this.#line(rule);
    for (const { label, value, unit } of this.#figures) {
      const same = this.#figures.filter((figure) => figure.unit === unit);
      const largest = Math.max(...same.map((figure) => figure.value));
      const drawn = same.length > 1 ? this.style(bar(value / largest), "cyan") : "";
      const number = value.toFixed(value < 100 ? 1 : 0).padStart(9);
      this.#line(` ${label.padEnd(labelColumns)} ${number} ${unit.padEnd(8)} ${drawn}`.trimEnd());
    }
    this.#line(rule);
  }

  #line(text: string): void {
    if (this.#output.isTTY === true) this.#output.write("\r\u001b[2K");
    this.#output.write(`${text}\n`);
  }
}

function bar(fraction: number): string {
  const filled = Math.round(Math.min(Math.max(fraction, 0), 1) * BAR_COLUMNS);
  return "█".repeat(filled) + "░".repeat(BAR_COLUMNS - filled);
}
