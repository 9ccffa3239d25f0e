/** Jobs that only directory buckets (S3 Express One Zone) can do: renaming. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../processes.ts";
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

export const EXPRESS_JOBS: readonly Job[] = [rename(1), rename(AT_ONCE)];
