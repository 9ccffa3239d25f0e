/**
 * Jobs that write and remove. A large file counts when fsync has returned, since some contenders store
 * it after close; small ones count when the program has closed them, which is what programs wait for.
 */

import { randomFillSync } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { timed } from "../processes.ts";
import type { Cell, DataSet, Job } from "./job.ts";
import type { Sizes } from "./sizes.ts";

const MIB = 2 ** 20;
const AT_ONCE = 16;
const COPIED_BYTES = 30_000;
/** What mount-s3 was measured with; kept, so that old figures can be compared. */
const CREATED_BEFORE = 50;

const WRITE = { server: "minio", writes: true, delayMs: 0 } as const;
/** Fails with the first of them that fails. */
const WAIT_FOR_ALL = 'for pid in $pids; do wait "$pid"; done';
const GROUP = "Small files written";

function sequentialWrite(streams: number): Job {
  const total = (sizes: Sizes): number => (streams === 1 ? sizes.bigMib : sizes.streamsMib / 2);
  return {
    ...WRITE,
    name: streams === 1 ? "seq-write" : `seq-write-${streams}`,
    description: `dd into ${streams === 1 ? "a new file" : `${streams} new files at once`}, to the end of fsync and close`,
    group: "Sequential write",
    point: { curve: "writers", x: streams },
    measure: async (cell) => {
      const mib = total(cell.sizes);
      const source = bytesToWrite(cell, mib / streams);
      const stem = join(cell.mounted.directory, cell.stem);
      const writer = `dd if="$2" of="$3$i" bs=1M conv=fsync status=none`;
      const script = `for i in $(seq "$1"); do ${writer} & pids+=" $!"; done; ${WAIT_FOR_ALL}`;
      const seconds = await timed("bash", ["-ec", script, "bash", String(streams), source, stem]);
      return { value: mib / seconds, unit: "MiB/s", bytes: mib * MIB };
    },
  };
}

interface Creation {
  readonly name: string;
  readonly count: (sizes: Sizes) => number;
  readonly bytes: number;
  readonly atOnce: number;
  /** In a directory that the job makes, where nobody else makes anything. */
  readonly inNew?: true;
}

function create({ name, count, bytes, atOnce, inNew }: Creation): Job {
  const size = bytes === 1 ? "one byte" : `${bytes / 1000} KB`;
  const place = inNew ? " in a directory made for them" : "";
  return {
    ...WRITE,
    name,
    description: `create files of ${size}${place}, ${atOnce === 1 ? "one after another" : `${atOnce} at once`}`,
    group: GROUP,
    measure: async (cell) => {
      const each = Math.max(1, Math.round(count(cell.sizes) / atOnce));
      const stem = join(cell.mounted.directory, cell.stem, inNew ? "file-" : "");
      const writer = `for i in $(seq "$3"); do printf "%s" "$content" > "$1$w-$i"; done`;
      const making = inNew ? 'mkdir "$(dirname "$1")";' : "";
      const script = `${making} content=$(printf "%*s" "$4" x); for w in $(seq "$2"); do (${writer}) & pids+=" $!"; done; ${WAIT_FOR_ALL}`;
      const args = ["-ec", script, "bash", stem, atOnce, each, bytes].map(String);
      return { value: await timed("bash", args), unit: "s", operations: atOnce * each };
    },
  };
}

const COPY: Job = {
  ...WRITE,
  name: "cp-r",
  description: "cp -r of a directory of files of 30 KB",
  group: GROUP,
  measure: async (cell) => {
    const folder = join(cell.scratch, "copied");
    mkdirSync(folder);
    const content = randomFillSync(Buffer.alloc(COPIED_BYTES));
    for (let index = 0; index < cell.sizes.createdFiles; index++) {
      writeFileSync(join(folder, `file-${index}`), content);
    }
    const target = join(cell.mounted.directory, `${cell.stem}copy`);
    return { value: await timed("cp", ["-r", folder, target]), unit: "s" };
  },
};

const removed = (sizes: Sizes, stem: string): DataSet => {
  const prefix = `${stem}removed/`;
  const key = (index: number): string => `${prefix}directory-${index % 10}/file-${index}`;
  return { prefix, count: sizes.createdFiles, bytes: 1, key };
};

const REMOVE: Job = {
  ...WRITE,
  name: "rm-r",
  description: "rm -rf of a tree of ten directories",
  group: GROUP,
  dataOfCell: (sizes, stem) => [removed(sizes, stem)],
  measure: async (cell) => {
    const target = join(cell.mounted.directory, `${cell.stem}removed`);
    return { value: await timed("rm", ["-rf", target]), unit: "s" };
  },
};

/** The bytes that write jobs copy: in memory, so that no disk limits them. */
function bytesToWrite(cell: Cell, mib: number): string {
  const path = join(cell.scratch, `source-${mib}`);
  if (existsSync(path)) return path;
  const chunk = randomFillSync(Buffer.alloc(MIB));
  const fd = openSync(path, "w");
  for (let index = 0; index < mib; index++) {
    chunk.writeUInt32LE(index, 0);
    writeSync(fd, chunk);
  }
  closeSync(fd);
  return path;
}

const created = (sizes: Sizes): number => sizes.createdFiles;
const manyCreated = (sizes: Sizes): number => 2 * sizes.createdFiles;

export const WRITING: readonly Job[] = [
  sequentialWrite(1),
  sequentialWrite(4),
  create({ name: "create-50", count: () => CREATED_BEFORE, bytes: 1, atOnce: 1 }),
  create({ name: "create-50-new", count: () => CREATED_BEFORE, bytes: 1, atOnce: 1, inNew: true }),
  create({ name: "create-4k-16", count: manyCreated, bytes: 4096, atOnce: AT_ONCE }),
  create({
    name: "create-4k-16-new",
    count: manyCreated,
    bytes: 4096,
    atOnce: AT_ONCE,
    inNew: true,
  }),
  create({ name: "create-1b", count: created, bytes: 1, atOnce: 1 }),
  create({ name: "create-1b-16", count: created, bytes: 1, atOnce: AT_ONCE }),
  create({ name: "create-30k", count: created, bytes: COPIED_BYTES, atOnce: 1 }),
  create({ name: "create-30k-16", count: created, bytes: COPIED_BYTES, atOnce: AT_ONCE }),
  COPY,
  REMOVE,
];
