/**
 * How the cost grows: the same job at several sizes. Each point is a job of its own, with a fresh mount;
 * what one more open file or cached name costs is the slope, which the report works out.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median } from "simple-statistics";
import { run, timed } from "../processes.ts";
import type { Cell, DataSet, Figure, Job, Unit } from "./job.ts";
import { nameSet } from "./names.ts";
import { sequentialRead } from "./reading.ts";

const STREAMS = [1, 2, 4, 8, 16, 32, 64];
const DIRECTORY_SIZES = [100, 1000, 10_000, 100_000, 1_000_000];
const OPEN_FILES = [1, 10, 100, 1000, 10_000];

const HOLD_PROGRAM = fileURLToPath(new URL("../hold-open.js", import.meta.url));
const OPEN_PROGRAM = fileURLToPath(new URL("../open-close.js", import.meta.url));
/** How many are opened one after the other, if there are as many. */
const OPENED = 100;

const POINT = { group: "How the cost grows", server: "nginx", writes: false, delayMs: 0 } as const;

export const STREAMS_CURVE = "streams-curve";

interface Shown {
  readonly title: string;
  readonly x: string;
  /** What grows, where the figure is memory. */
  readonly one?: string;
  /** Bytes that one of them may take. */
  readonly goal?: number;
}

/** What each curve shows, by its name. */
export const CURVES: Readonly<Record<string, Shown>> = {
  [STREAMS_CURVE]: { title: "Throughput of sequential readers", x: "readers" },
  "listing-time": { title: "ls -f of one directory", x: "names" },
  "names-memory": {
    ...{ title: "Memory after ls -l of one directory", x: "names" },
    ...{ one: "a cached name", goal: 400 },
  },
  "open-time": { title: "Opening and closing one file", x: "names known" },
  "open-memory": {
    ...{ title: "Memory with open idle files", x: "open files" },
    ...{ one: "an open idle file", goal: 2048 },
  },
};

/** What is known stays known, so that the table of names is as large as the directory. */
const REMEMBER = ["--metadata-ttl", "indefinite"];

interface Point {
  readonly curve: string;
  readonly x: number;
  readonly description: string;
  readonly data: DataSet;
  readonly unit: Unit;
  readonly value: (cell: Cell) => Promise<number | MemoryFigure>;
}

type MemoryFigure = Pick<Figure, "value" | "usedMib">;

/** What is resident, and what of it is in use. */
async function memoryOf({ mounted }: Cell): Promise<MemoryFigure> {
  return { value: mounted.residentMib(), usedMib: await mounted.usedMib() };
}

function point({ curve, x, description, data, unit, value }: Point): Job {
  return {
    ...POINT,
    ...(curve !== "listing-time" && { mountFlags: REMEMBER }),
    ...(unit === "MiB" && { asksMemory: true }),
    name: `${curve}-${x}`,
    description,
    data: () => [data],
    point: { curve, x },
    measure: async (cell) => {
      const measured = await value(cell);
      return { ...(typeof measured === "number" ? { value: measured } : measured), unit };
    },
  };
}

function directoryPoints(names: number): readonly Job[] {
  const data = nameSet(names);
  const folderOf = (directory: string): string => join(directory, data.prefix);
  const list = async (directory: string, flag: "-f" | "-l"): Promise<number> => {
    const script = `set -o pipefail; test "$(ls ${flag} "$1" | wc -l)" -ge ${names}`;
    return timed("bash", ["-ec", script, "bash", folderOf(directory)]);
  };
  return [
    point({
      curve: "listing-time",
      x: names,
      description: `ls -f of ${names} names`,
      data,
      unit: "s",
      value: ({ mounted }) => list(mounted.directory, "-f"),
    }),
    point({
      curve: "names-memory",
      x: names,
      description: `resident memory after ls -l of ${names} names`,
      data,
      unit: "MiB",
      value: async (cell) => {
        await list(cell.mounted.directory, "-l");
        return memoryOf(cell);
      },
    }),
    point({
      curve: "open-time",
      x: names,
      description: `open and close files of a directory of ${names} after ls -l, median`,
      data,
      unit: "ms",
      value: async ({ mounted }) => {
        await list(mounted.directory, "-l");
        const step = Math.max(1, Math.floor(names / OPENED));
        const paths = Array.from({ length: Math.min(names, OPENED) }, (_, index) =>
          join(mounted.directory, data.key(index * step)),
        );
        const printed = await run(process.execPath, [OPEN_PROGRAM, ...paths]);
        return median(printed.trim().split("\n").map(Number));
      },
    }),
  ];
}

function openPoint(count: number): Job {
  const data = nameSet(10_000);
  return point({
    curve: "open-memory",
    x: count,
    description: `resident memory with ${count} files open and idle`,
    data,
    unit: "MiB",
    value: async (cell) => {
      const { mounted } = cell;
      const folder = join(mounted.directory, data.prefix);
      await timed("ls", ["-f", folder]);
      const holder = spawn(process.execPath, [HOLD_PROGRAM, folder, String(count)], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      const [answer] = await Promise.race([once(holder.stdout, "data"), once(holder, "exit")]);
      const memory = await memoryOf(cell);
      holder.stdin.end();
      if (String(answer) !== "held\n") throw new Error(`${count} files could not be held open`);
      if (holder.exitCode === null) await once(holder, "exit");
      return memory;
    },
  });
}

export const CURVE_POINTS: readonly Job[] = [
  ...STREAMS.map((streams) =>
    sequentialRead(streams, {
      name: `${STREAMS_CURVE}-${streams}`,
      direct: false,
      curve: STREAMS_CURVE,
    }),
  ),
  ...DIRECTORY_SIZES.flatMap(directoryPoints),
  ...OPEN_FILES.map(openPoint),
];
