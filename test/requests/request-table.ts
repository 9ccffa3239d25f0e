/** The table of docs/REQUESTS.md, read out of its Markdown. */

import { readFileSync } from "node:fs";
import { type Counts, KINDS, type Kind } from "./counting.ts";

/** A cell: how many requests; the program refuses the operation, or fails at it, with "fails". */
export type Cell =
  | { readonly kind: "counts"; readonly counts: Counts; readonly atMost: ReadonlySet<Kind> }
  | { readonly kind: "fails" };

/** The columns behind the operation. */
export const COLUMNS = ["here", "mount-s3", "here, 60 s", "mount-s3, 60 s"] as const;
export type Column = (typeof COLUMNS)[number];

export interface TableRow {
  readonly operation: string;
  readonly cells: Readonly<Record<Column, Cell>>;
}

export function readRequestTable(): readonly TableRow[] {
  const lines = readFileSync("docs/REQUESTS.md", "utf8").split("\n");
  const head = `| operation | ${COLUMNS.join(" | ")} |`;
  const start = lines.indexOf(head);
  if (start === -1) throw new Error(`docs/REQUESTS.md has no table that begins with ${head}`);
  const rows: TableRow[] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith("|")) break;
    const [operation = "", ...texts] = line
      .slice(1, -1)
      .split("|")
      .map((text) => text.trim());
    if (texts.length !== COLUMNS.length) throw new Error(`a row of ${texts.length} cells: ${line}`);
    const cells = COLUMNS.map((column, index) => [column, readCell(texts[index] ?? "")] as const);
    rows.push({ operation, cells: Object.fromEntries(cells) as Record<Column, Cell> });
  }
  return rows;
}

function readCell(text: string): Cell {
  if (text === "fails") return { kind: "fails" };
  const counts: Counts = {};
  const atMost = new Set<Kind>();
  for (const part of text === "–" ? [] : text.split(", ")) {
    const [, name, bound, number] = /^(\w+) (≤ )?(\d+)$/.exec(part) ?? [];
    const kind = KINDS.find((each) => each === name);
    if (kind === undefined) throw new Error(`docs/REQUESTS.md: "${text}" is no cell of the table`);
    counts[kind] = Number(number);
    if (bound !== undefined) atMost.add(kind);
  }
  return { kind: "counts", counts, atMost };
}

/** Whether what was counted is what the cell says. */
export function matches(cell: Cell, counts: Counts): boolean {
  if (cell.kind === "fails") return false;
  return KINDS.every((kind) => {
    const expected = cell.counts[kind] ?? 0;
    const counted = counts[kind] ?? 0;
    return cell.atMost.has(kind) ? counted <= expected : counted === expected;
  });
}
