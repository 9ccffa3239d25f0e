/** Jobs that list: one large directory, and a tree. */

import { join } from "node:path";
import { timed } from "../processes.ts";
import type { DataSet, Job } from "./job.ts";
import type { Sizes } from "./sizes.ts";

const FILES_PER_DIRECTORY = 25;
const DIRECTORIES_PER_DIRECTORY = 20;

/** Names in one directory, which servers of ours make up: nobody looks into the files. */
export function nameSet(count: number): DataSet {
  const prefix = `names-${count}/`;
  const key = (index: number): string => `${prefix}file-${String(index).padStart(7, "0")}`;
  return { prefix, count, bytes: 1, key, onlyNames: true };
}

function tree({ treeFiles }: Sizes): DataSet {
  const prefix = "tree/";
  const key = (index: number): string => {
    const directory = Math.floor(index / FILES_PER_DIRECTORY);
    const above = Math.floor(directory / DIRECTORIES_PER_DIRECTORY);
    return `${prefix}part-${above}/directory-${directory}/file-${index}`;
  };
  return { prefix, count: treeFiles, bytes: 1, key };
}

interface Listing {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly data: (sizes: Sizes) => DataSet;
}

/** Times a command of which the directory is the last argument, and checks that it printed enough. */
function listing({ name, command, data }: Listing): Job {
  return {
    name,
    description: `${command.join(" ")} of ${data === tree ? "a tree" : "one large directory"}`,
    group: "Listing",
    server: "nginx",
    writes: false,
    delayMs: 0,
    data: (sizes) => [data(sizes)],
    measure: async ({ mounted, sizes }) => {
      const { prefix, count } = data(sizes);
      const script = `set -o pipefail; test "$("$@" | wc -l)" -ge ${count}`;
      const folder = join(mounted.directory, prefix);
      const value = await timed("bash", ["-ec", script, "bash", ...command, folder]);
      return { value, unit: "s", operations: count };
    },
  };
}

const large = ({ listedNames }: Sizes): DataSet => nameSet(listedNames);

export const NAMES: readonly Job[] = [
  listing({ name: "ls", command: ["ls", "-f"], data: large }),
  listing({ name: "ls-l", command: ["ls", "-l"], data: large }),
  listing({ name: "find", command: ["find"], data: large }),
  listing({ name: "ls-tree", command: ["ls", "-fR"], data: tree }),
  listing({ name: "ls-l-tree", command: ["ls", "-lR"], data: tree }),
  listing({ name: "find-tree", command: ["find"], data: tree }),
];
