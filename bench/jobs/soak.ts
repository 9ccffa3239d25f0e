/** A mount that is used gently for a long time, with its memory watched: does it grow? */

import { fileURLToPath } from "node:url";
import { run } from "../processes.ts";
import type { DataSet, Job } from "./job.ts";
import type { Sizes } from "./sizes.ts";

const MIB = 2 ** 20;
const PROGRAM = fileURLToPath(new URL("../soak.js", import.meta.url));
/** So few that it takes a small part of one core, and others may work meanwhile. */
const STEPS_PER_SECOND = 10;
/** For the last step, and for removing what is left. */
const GRACE_MS = 120_000;

const bigFiles = ({ bigMib }: Sizes): DataSet => ({
  ...{ prefix: "soak-big.", count: 2, bytes: Math.max(1, bigMib / 64) * MIB },
  key: (index) => `soak-big.${index}`,
});
const smallFiles = ({ smallFiles: count }: Sizes): DataSet => ({
  ...{ prefix: "soak-small/", count: count / 10, bytes: 8192 },
  key: (index) => `soak-small/file-${String(index).padStart(3, "0")}`,
});

export const SOAK: Job = {
  name: "soak",
  description: "resident memory after a long time of gentle reads, lists, creates and deletes",
  group: "The process",
  server: "sandbox",
  writes: true,
  delayMs: 5,
  asksMemory: true,
  data: (sizes) => [bigFiles(sizes), smallFiles(sizes)],
  secondsOf: ({ soakSeconds }) => soakSeconds,
  measure: async ({ mounted, sizes: { soakSeconds }, stem }) => {
    const numbers = [soakSeconds, STEPS_PER_SECOND].map(String);
    const args = [PROGRAM, mounted.directory, stem, ...numbers];
    const timeoutMs = 1000 * soakSeconds + GRACE_MS;
    const operations = Number(await run(process.execPath, args, { timeoutMs }));
    return { value: mounted.residentMib(), unit: "MiB", operations };
  },
};
