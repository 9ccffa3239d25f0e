/** What the command `mount-s3-ts list` prints: a table for people, or JSON for programs. */

import type { Environment } from "./record.ts";
import { type MountEntry, surveyMounts } from "./survey.ts";

/** What the command prints. */
export function listMounts(json: boolean, environment: Environment): string {
  const entries = surveyMounts(environment);
  if (json) return `${JSON.stringify(entries.map(jsonOf), undefined, 2)}\n`;
  if (entries.length === 0) return "nothing is mounted by mount-s3-ts\n";
  return tableOf([
    ["DIRECTORY", "BUCKET", "STATE", "SINCE", "PID", "OPTIONS"],
    ...entries.map(rowOf),
  ]);
}

function jsonOf({ directory, readOnly, record, state }: MountEntry) {
  return {
    directory,
    state,
    readOnly,
    bucket: record?.bucket ?? null,
    prefix: record?.prefix ?? null,
    since: record?.since ?? null,
    pid: state === "dead" ? null : (record?.server.pid ?? null),
    options: record?.flags ?? [],
  };
}

function rowOf({ directory, readOnly, record, state }: MountEntry): readonly string[] {
  const bucket = record === undefined ? "-" : `s3://${record.bucket}/${record.prefix}`;
  if (state === "dead") {
    const remedy = `clear it with: mount-s3-ts unmount ${directory}`;
    return [directory, bucket, "dead", "-", "-", remedy];
  }
  return [
    directory,
    bucket,
    state === "serving" ? (readOnly ? "read-only" : "read-write") : state,
    record === undefined ? "-" : localTime(record.since),
    record === undefined ? "-" : String(record.server.pid),
    record === undefined ? "-" : record.flags.join(" "),
  ];
}

/** "2026-01-31 23:59:59", in the time of this machine. */
function localTime(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "-" : date.toLocaleString("sv-SE");
}

function tableOf(rows: readonly (readonly string[])[]): string {
  const printable = rows.map((row) => row.map(withoutControls));
  const widths = printable[0]?.map((_, column) =>
    Math.max(...printable.map((row) => row[column]?.length ?? 0)),
  );
  const lines = printable.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

/** Names come from others, and a terminal obeys what it is sent. */
function withoutControls(cell: string): string {
  return cell.replace(/\p{Cc}/gu, "?");
}
