/**
 * How the cost grows: the same job at several sizes. Each point is a job of its own, with a fresh mount;
 * what one more open file or cached name costs is the slope, which the report works out.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { timed } from "../processes.ts";
import type { DataSet, Job, Unit } from "./job.ts";
import { nameSet } from "./names.ts";
import { sequentialRead } from "./reading.ts";

const STREAMS = [1, 2, 4, 8, 16, 32, 64];
const DIRECTORY_SIZES = [100, 1000, 10_000, 100_000, 1_000_000];
const OPEN_FILES = [1, 10, 100, 1000, 10_000];

const HOLD_PROGRAM = fileURLToPath(new URL("../hold-open.js", import.meta.url));

const POINT = { group: "How the cost grows", server: "nginx", writes: false, delayMs: 0 } as const;

export const STREAMS_CURVE = "streams-curve";

/** What each curve shows, by its name; `one` is what grows, where the figure is memory. */
export const CURVES: Readonly<
  Record<string, { readonly title: string; readonly x: string; readonly one?: string }>
> = {
  [STREAMS_CURVE]: { title: "Throughput of sequential readers", x: "readers" },
  "listing-time": { title: "ls -f of one directory", x: "names" },
  "names-memory": {
    ...{ title: "Memory after ls -l of one directory", x: "names" },
    one: "a cached name",
  },
  "lookup-time": { title: "One stat in a directory that was listed before", x: "names cached" },
  "open-memory": {
    ...{ title: "Memory with open idle files", x: "open files" },
    one: "an open idle file",
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
  readonly value: (cell: Parameters<Job["measure"]>[0]) => Promise<number>;
}

function point({ curve, x, description, data, unit, value }: Point): Job {
  return {
    ...POINT,
    ...(curve !== "listing-time" && { mountFlags: REMEMBER }),
    name: `${curve}-${x}`,
    description,
    data: () => [data],
    point: { curve, x },
    measure: async (cell) => ({ value: await value(cell), unit }),
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
      value: async ({ mounted }) => {
        await list(mounted.directory, "-l");
        return mounted.residentMib();
      },
    }),
    point({
      curve: "lookup-time",
      x: names,
      description: `stat of 100 names in a directory of ${names} that was listed`,
      data,
      unit: "ms",
      value: async ({ mounted }) => {
        await list(mounted.directory, "-f");
        const step = Math.max(1, Math.floor(names / 100));
        const paths = Array.from({ length: 100 }, (_, index) =>
          join(mounted.directory, data.key((index * step) % names)),
        );
        return (1000 * (await timed("stat", ["--format=%s", ...paths]))) / paths.length;
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
    value: async ({ mounted }) => {
      const folder = join(mounted.directory, data.prefix);
      await timed("ls", ["-f", folder]);
      const holder = spawn(process.execPath, [HOLD_PROGRAM, folder, String(count)], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      const [answer] = await Promise.race([once(holder.stdout, "data"), once(holder, "exit")]);
      const resident = mounted.residentMib();
      holder.stdin.end();
      if (String(answer) !== "held\n") throw new Error(`${count} files could not be held open`);
      if (holder.exitCode === null) await once(holder, "exit");
      return resident;
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
