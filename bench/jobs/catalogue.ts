/**
 * All jobs by name. A name may say how far away the server is and which one it is: `ls-20ms` is `ls`
 * with 20 ms before each request arrives, `seq-read@minio` reads from MinIO, `rand-4k-1-20ms@minio` both.
 */

import { CURVE_POINTS } from "./curves.ts";
import { EXPRESS_JOBS } from "./express.ts";
import type { Job, ServerName } from "./job.ts";
import { LIFECYCLE } from "./lifecycle.ts";
import { NAMES } from "./names.ts";
import { PUBLISHED } from "./published.ts";
import { READING, WITH_DATA_THREADS } from "./reading.ts";
import { SMALL_FILES } from "./small-files.ts";
import { SOAK } from "./soak.ts";
import { WRITING } from "./writing.ts";

const OWN: readonly Job[] = [
  ...READING,
  ...SMALL_FILES,
  ...WRITING,
  ...NAMES,
  ...EXPRESS_JOBS,
  ...LIFECYCLE,
];

export const ALL_JOBS: readonly Job[] = [
  ...OWN,
  ...PUBLISHED,
  ...CURVE_POINTS,
  ...WITH_DATA_THREADS,
  SOAK,
];

const OTHER_NAMES: Readonly<Record<string, string>> = {
  "seq-read-tls": "seq-read@nginx-tls",
  "seq-write-discard": "seq-write@discard",
  "seq-write-discard-4": "seq-write-4@discard",
};

/** The same on other servers, which all runs have. */
const ELSEWHERE = Object.keys(OTHER_NAMES);

/** As far away as S3 is within a region. */
const DISTANT = [
  ...["seq-read-20ms", "seq-read-4-20ms", "rand-4k-1-20ms", "rand-256k-4-20ms", "read-5m-20ms"],
  ...["read-5m-16-20ms", "first-byte-20ms", "small-files-16-20ms", "ls-20ms", "create-50-20ms"],
  ...["create-30k-16-20ms", "cp-r-20ms"],
];

const QUICK = [
  ...["seq-read", "seq-read-tls", "seq-read-4", "rand-4k-1", "rand-4k-4", "rand-256k-1"],
  ...["rand-256k-4", "small-files", "first-byte", "seq-write", "seq-write-discard"],
  ...["seq-write-discard-4", "create-50-20ms", "create-30k-16", "ls", "ls-l", "rm-r", "start"],
  "idle-memory",
];

/** What a comparison with mount-s3 is told by: near and as far away as S3, in some twenty minutes. */
const TABLE = [
  ...["seq-read", "seq-read-tls", "seq-read-4", "rand-4k-1", "rand-4k-4", "rand-256k-1"],
  ...[
    "rand-256k-4",
    "seq-read-20ms",
    "seq-read-4-20ms",
    "rand-4k-1-20ms",
    "read-5m-20ms",
    "first-byte-20ms",
    "small-files-few-20ms",
  ],
  ...["small-files-16", "small-files-random-16", "ls", "ls-l", "find", "ls-20ms", "ls-l-20ms"],
  ...["seq-write", "seq-write-4", "seq-write-discard", "seq-write-discard-4", "create-50-20ms"],
  ...["create-50-new-20ms", "create-4k-16-new-20ms", "cp-r-20ms", "rm-r"],
  ...["start", "idle-memory", "memory-64", "memory-64-budget"],
];

/** One job for each kind of work that a mount has, from which its costs are told. */
const COSTS = [
  ...["seq-read", "seq-read-tls", "seq-read-16", "seq-read-threads", "seq-read-threads@nginx-tls"],
  ...["seq-read-16-threads", "seq-write-discard", "seq-write-discard-4"],
  ...["rand-4k-1", "rand-4k-16", "stat", "ls-l", "small-files", "small-files-16"],
  ...["create-4k-16@sandbox-discard"],
];

/** Named selections. */
export const SETS: Readonly<Record<string, readonly string[]>> = {
  standard: [...ELSEWHERE, ...OWN.map((job) => job.name), ...DISTANT],
  quick: QUICK,
  table: TABLE,
  published: PUBLISHED.map((job) => job.name),
  costs: COSTS,
  curves: CURVE_POINTS.map((job) => job.name),
};

/** Undefined when there is no job of that name. The job found is called as it was asked for. */
export function findJob(
  name: string,
  isServer: (word: string) => word is ServerName,
): Job | undefined {
  const meant = OTHER_NAMES[name] ?? name;
  const exact = ALL_JOBS.find((job) => job.name === meant);
  if (exact !== undefined) return exact;
  const parts = /^(.+?)(?:-(\d+)ms)?(?:@([a-z-]+))?$/.exec(meant);
  const base = ALL_JOBS.find((job) => job.name === parts?.[1]);
  const delayMs = Number(parts?.[2] ?? 0);
  const server = parts?.[3] ?? base?.server ?? "";
  if (base === undefined || !isServer(server)) return undefined;
  // Elsewhere it is no point of the curve.
  const { point: _, ...rest } = base;
  return { ...rest, name, server, delayMs };
}
