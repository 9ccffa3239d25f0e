/** Jobs that only directory buckets (S3 Express One Zone) can do: renaming and appending. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median } from "simple-statistics";
import { run, timed } from "../processes.ts";
import { percentilesOf } from "../statistics.ts";
import type { DataSet, Figure, Job } from "./job.ts";
import type { Sizes } from "./sizes.ts";

const GROUP = "Directory buckets";
const EXPRESS = {
  group: GROUP,
  server: "sandbox-express",
  needsDirectoryBucket: true,
  writes: true,
  delayMs: 0,
} as const;
const AT_ONCE = 16;

const MIB = 2 ** 20;
const APPENDED_TO_BYTES = MIB;

const APPEND_PROGRAM = fileURLToPath(new URL("../append.js", import.meta.url));
const RENAME_PROGRAM = fileURLToPath(new URL("../rename.js", import.meta.url));

/** In as many directories as are renamed in at once, since the kernel locks the one that it renames in. */
function named(sizes: Sizes, stem: string): DataSet {
  const prefix = `${stem}names/`;
  const key = (index: number): string => `${prefix}directory-${index % AT_ONCE}/file-${index}`;
  return { prefix, count: sizes.createdFiles, bytes: 1, key };
}

function rename(atOnce: number): Job {
  return {
    ...EXPRESS,
    name: atOnce === 1 ? "rename" : `rename-${atOnce}`,
    description: `rename files within their directories, ${atOnce === 1 ? "one after another" : `${atOnce} at once`}`,
    dataOfCell: (sizes, stem) => [named(sizes, stem)],
    measure: async ({ mounted, sizes, stem }): Promise<Figure> => {
      const { count, key } = named(sizes, stem);
      const paths = Array.from({ length: count }, (_, index) =>
        join(mounted.directory, key(index)),
      );
      const begun = performance.now();
      const threads = `UV_THREADPOOL_SIZE=${atOnce}`;
      const program = [process.execPath, RENAME_PROGRAM];
      const printed = await run("env", [threads, ...program, String(atOnce), ...paths]);
      const seconds = (performance.now() - begun) / 1000;
      const milliseconds = printed.trim().split("\n").map(Number);
      return { value: seconds, unit: "s", latencyMs: percentilesOf(milliseconds) };
    },
  };
}

const appended = (stem: string): DataSet => {
  const prefix = `${stem}appended/`;
  return { prefix, count: 1, bytes: APPENDED_TO_BYTES, key: () => `${prefix}file` };
};

const APPEND: Job = {
  ...EXPRESS,
  name: "append",
  description: "append 4 KiB and fsync to an object of 1 MiB, again and again, median",
  mountFlags: ["--incremental-upload"],
  dataOfCell: (_, stem) => [appended(stem)],
  measure: async ({ mounted, sizes, stem }): Promise<Figure> => {
    const path = join(mounted.directory, appended(stem).key(0));
    const times = String(sizes.createdFiles);
    const printed = await run(process.execPath, [APPEND_PROGRAM, path, times]);
    const milliseconds = printed.trim().split("\n").map(Number);
    return { value: median(milliseconds), unit: "ms", latencyMs: percentilesOf(milliseconds) };
  },
};

const APPENDED_WHOLE: Job = {
  ...EXPRESS,
  name: "append-seq",
  description: "dd into a new file that is appended to part by part, to the end of fsync and close",
  mountFlags: ["--incremental-upload"],
  measure: async ({ mounted, sizes: { bigMib }, stem }) => {
    const target = `of=${join(mounted.directory, `${stem}appended`)}`;
    const how = ["bs=1M", `count=${bigMib}`, "oflag=append", "conv=notrunc,fsync", "status=none"];
    const seconds = await timed("dd", ["if=/dev/zero", target, ...how]);
    return { value: bigMib / seconds, unit: "MiB/s", bytes: bigMib * MIB };
  },
};

export const EXPRESS_JOBS: readonly Job[] = [rename(1), rename(AT_ONCE), APPEND, APPENDED_WHOLE];
