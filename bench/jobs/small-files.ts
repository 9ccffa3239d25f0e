/** Jobs that read many files: of 5 MiB, of 8 KiB in order and in random order, and first bytes. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, shuffle } from "simple-statistics";
import { run, timed } from "../processes.ts";
import { percentilesOf, seededRandom } from "../statistics.ts";
import type { Cell, DataSet, Figure, Job } from "./job.ts";
import type { Sizes } from "./sizes.ts";

const MIB = 2 ** 20;
const MEDIUM_BYTES = 5 * MIB;
const SMALL_BYTES = 8192;
const AT_ONCE = 16;
/** Files that one `cat` reads: enough that starting it costs little. */
const FILES_PER_PROGRAM = 25;
/** The order of files differs from that of names, and is the same for everybody. */
const ORDER_SEED = 8192;

const FIRST_BYTE_PROGRAM = fileURLToPath(new URL("../first-byte.js", import.meta.url));

const GROUP = "Many files";

function files(prefix: string, count: number, bytes: number): DataSet {
  const key = (index: number): string => `${prefix}file-${String(index).padStart(6, "0")}`;
  return { prefix, count, bytes, key };
}

const mediumFiles = (sizes: Sizes): DataSet => files("medium/", sizes.mediumFiles, MEDIUM_BYTES);
const smallFiles = (sizes: Sizes): DataSet => files("small/", sizes.smallFiles, SMALL_BYTES);
/** So few that a round trip or two for each of them is soon over, however far away the server is. */
const fewFiles = (sizes: Sizes): DataSet =>
  files("small-few/", Math.ceil(sizes.smallFiles / 8), SMALL_BYTES);

const READ = { group: GROUP, server: "nginx", writes: false, delayMs: 0 } as const;

function mediumRead(atOnce: number): Job {
  return {
    ...READ,
    name: atOnce === 1 ? "read-5m" : `read-5m-${atOnce}`,
    description: `cat of files of 5 MiB, ${atOnce === 1 ? "one after another" : `${atOnce} at once`}`,
    data: (sizes) => [mediumFiles(sizes)],
    measure: async (cell) => {
      const data = mediumFiles(cell.sizes);
      const seconds = await readAll(cell, data, { atOnce, perProgram: atOnce === 1 ? 5 : 1 });
      const bytes = data.count * data.bytes;
      return { value: bytes / MIB / seconds, unit: "MiB/s", bytes };
    },
  };
}

function smallRead(random: boolean, atOnce: number, few = false): Job {
  const order = random ? "in random order" : "in order";
  const dataOf = few ? fewFiles : smallFiles;
  return {
    ...READ,
    name: `small-files${few ? "-few" : ""}${random ? "-random" : ""}${atOnce === 1 ? "" : `-${atOnce}`}`,
    description: `find and cat ${few ? "few " : ""}files of 8 KiB ${order}, ${atOnce === 1 ? "one after another" : `${atOnce} at once`}`,
    data: (sizes) => [dataOf(sizes)],
    measure: async (cell) => {
      const data = dataOf(cell.sizes);
      const finding = await timed("find", [
        join(cell.mounted.directory, data.prefix),
        ...["-type", "f"],
      ]);
      const reading = { atOnce, perProgram: FILES_PER_PROGRAM, random };
      const value = finding + (await readAll(cell, data, reading));
      return { value, unit: "s", operations: data.count };
    },
  };
}

const LOOK_UP: Job = {
  ...READ,
  name: "stat",
  description: "stat of files of 8 KiB in random order that nobody has looked at or listed",
  data: (sizes) => [smallFiles(sizes)],
  measure: async (cell) => {
    const data = smallFiles(cell.sizes);
    const list = listOf(cell, data, true);
    const value = await timed("xargs", ["-a", list, "-d", "\n", "stat", "--format="]);
    return { value, unit: "s", operations: data.count };
  },
};

interface Reading {
  readonly atOnce: number;
  readonly perProgram: number;
  readonly random?: boolean;
}

/** Has `cat` read all files of the set; resolves with the seconds that this took. */
function readAll(cell: Cell, data: DataSet, reading: Reading): Promise<number> {
  const list = listOf(cell, data, reading.random ?? false);
  const script = `set -o pipefail; xargs -a "$1" -d '\\n' -n "$2" -P "$3" cat | wc -c | grep -qx "$4"`;
  const { perProgram, atOnce } = reading;
  const expected = data.count * data.bytes;
  return timed("bash", ["-ec", script, "bash", list, perProgram, atOnce, expected].map(String));
}

/** A file with the paths of the set, a line for each. */
function listOf(cell: Cell, data: DataSet, random: boolean): string {
  const indices = Array.from({ length: data.count }, (_, index) => index);
  const order = random ? shuffle(indices, seededRandom(ORDER_SEED)) : indices;
  const list = join(cell.scratch, "names");
  writeFileSync(
    list,
    order.map((index) => `${join(cell.mounted.directory, data.key(index))}\n`).join(""),
  );
  return list;
}

const FIRST_BYTE: Job = {
  ...READ,
  name: "first-byte",
  description: "open and the first byte of files of 5 MiB that nobody has looked at, median",
  data: (sizes) => [mediumFiles(sizes)],
  measure: async (cell): Promise<Figure> => {
    const data = mediumFiles(cell.sizes);
    const paths = Array.from({ length: data.count }, (_, index) =>
      join(cell.mounted.directory, data.key(index)),
    );
    const milliseconds = (await run(process.execPath, [FIRST_BYTE_PROGRAM, ...paths]))
      .trim()
      .split("\n")
      .map(Number);
    return { value: median(milliseconds), unit: "ms", latencyMs: percentilesOf(milliseconds) };
  },
};

export const SMALL_FILES: readonly Job[] = [
  mediumRead(1),
  mediumRead(AT_ONCE),
  smallRead(false, 1),
  smallRead(true, 1),
  smallRead(false, AT_ONCE),
  smallRead(true, AT_ONCE),
  smallRead(false, 1, true),
  LOOK_UP,
  FIRST_BYTE,
];
