/**
 * docs/REQUESTS.md is true: every row is run on a real mount and counted by the server. Time is part of
 * the rules (100 ms), and a machine that is busy elsewhere adds requests, so that a row has several tries.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CountingMount, describeCounts, KINDS, type Program } from "./counting.ts";
import { OPERATIONS } from "./operations.ts";
import { type Cell, COLUMNS, type Column, matches, readRequestTable } from "./request-table.ts";

const ATTEMPTS = 20;
const table = readRequestTable();

function cellOf(operation: string, column: Column): Cell {
  const row = table.find((each) => each.operation === operation);
  if (row === undefined) throw new Error(`docs/REQUESTS.md has no row for ${operation}`);
  return row.cells[column];
}

test("the table has a row for each operation that is counted, and no other", () => {
  expect(table.map(({ operation }) => operation)).toEqual(OPERATIONS.map(({ name }) => name));
});

test.each(
  table.flatMap(({ operation, cells }) => [
    [operation, "no TTL", cells.here, cells["mount-s3"]] as const,
    [operation, "60 s", cells["here, 60 s"], cells["mount-s3, 60 s"]] as const,
  ]),
)("%s never costs more here than with mount-s3 (%s)", (_, _ttl, here, theirs) => {
  if (here.kind !== "counts") throw new Error("nothing of the table fails here");
  if (theirs.kind === "fails") return;
  for (const kind of KINDS) {
    expect(here.counts[kind] ?? 0, kind).toBeLessThanOrEqual(theirs.counts[kind] ?? 0);
  }
});

function declareColumn(column: Column, program: Program): void {
  describe(`column "${column}"`, () => {
    let mount: CountingMount;
    beforeAll(async () => {
      mount = await CountingMount.start(
        program,
        column.includes("60 s") ? ["--metadata-ttl=60"] : [],
      );
    });
    afterAll(async () => {
      await mount.close();
    });
    const rows = OPERATIONS.filter(({ name }) => cellOf(name, column).kind === "counts");
    test.each(rows.map((operation) => [operation.name, operation] as const))(
      "%s",
      async (name, operation) => {
        const cell = cellOf(name, column);
        const seen: string[] = [];
        for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
          const counts = await mount.count(operation);
          if (matches(cell, counts)) return;
          seen.push(describeCounts(counts));
        }
        const told = cell.kind === "counts" ? describeCounts(cell.counts) : "fails";
        expect.fail(`the table says ${told}, and the server counted ${seen.join("; then ")}`);
      },
      60_000,
    );
  });
}

declareColumn("here", "ours");
declareColumn("here, 60 s", "ours");

// With MOUNT_S3_BIN=/path/of/mount-s3 its columns are counted too; the table holds what 1.23.0 needed.
const mountS3 = process.env["MOUNT_S3_BIN"];
if (mountS3 !== undefined) {
  for (const column of COLUMNS.filter((each) => each.startsWith("mount-s3"))) {
    declareColumn(column, { path: mountS3 });
  }
}
