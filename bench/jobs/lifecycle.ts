/** Jobs about the process that serves: how soon it is there, and what memory it takes. */

import { setTimeout as delay } from "node:timers/promises";
import { fio } from "../fio.ts";
import type { DataSet, Job } from "./job.ts";
import type { Sizes } from "./sizes.ts";

const MIB = 2 ** 20;
const READERS = 64;
/** Nothing is awaited: a process that does nothing tells nobody. */
const IDLE_MS = 1000;

const PLAIN = { group: "The process", server: "nginx", writes: false, delayMs: 0 } as const;

function readerFiles({ streamsMib }: Sizes): DataSet {
  const bytes = Math.max(1, Math.round((2 * streamsMib) / READERS)) * MIB;
  return { prefix: "readers.", count: READERS, bytes, key: (index) => `readers.${index}` };
}

export const BUDGETED = "memory-64-budget";
export const BUDGET_MIB = 512;

const READ_BY_MANY: Job = {
  ...PLAIN,
  name: "memory-64",
  description: `peak memory with ${READERS} readers of ${READERS} files`,
  data: (sizes) => [readerFiles(sizes)],
  measure: async ({ mounted, sizes }) => {
    const { bytes, latencyMs } = await fio([
      ...["--name=readers", `--directory=${mounted.directory}`, "--readonly", "--rw=read"],
      ...["--filename_format=readers.$jobnum", "--bs=256k", `--numjobs=${READERS}`],
      ...[`--size=${readerFiles(sizes).bytes}`],
    ]);
    return { value: mounted.usage().peakMemoryMib, unit: "MiB", bytes, latencyMs };
  },
};

export const LIFECYCLE: readonly Job[] = [
  {
    ...PLAIN,
    name: "start",
    description: "from the command to the mount",
    measure: ({ mounted }) => Promise.resolve({ value: mounted.secondsToMount, unit: "s" }),
  },
  {
    ...PLAIN,
    name: "idle-memory",
    description: "resident memory a second after the mount",
    measure: async ({ mounted }) => {
      await delay(IDLE_MS);
      return { value: mounted.residentMib(), unit: "MiB" };
    },
  },
  READ_BY_MANY,
  {
    ...READ_BY_MANY,
    name: BUDGETED,
    description: `the same with --memory-target ${BUDGET_MIB}`,
    mountFlags: ["--memory-target", String(BUDGET_MIB)],
    oursOnly: true,
  },
];
