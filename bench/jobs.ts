/**
 * What is measured, as data. A job names the origin it runs against, prepares objects there once, and
 * then drives one mount; it returns its figure and lets the harness time, account and compare.
 */

import { randomFillSync } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Mounted } from "./mounted.ts";
import { run } from "./processes.ts";

const MIB = 2 ** 20;

export interface Figure {
  readonly value: number;
  readonly unit: "MiB/s" | "IOPS" | "s";
  /** Bytes moved, where CPU per GiB means something. */
  readonly bytes?: number;
  /** Removes what the job made; not part of what is measured. */
  readonly cleanUp?: () => Promise<unknown>;
}

export interface Job {
  readonly name: string;
  readonly description: string;
  readonly origin: "nginx" | "nginx-tls" | "minio";
  /** Held back before each request reaches the origin. */
  readonly delayMs: number;
  /** Puts what the job reads into the origin's folder (nginx only); called once. */
  readonly prepare?: (folder: string) => void;
  readonly measure: (mounted: Mounted, round: number) => Promise<Figure>;
}

const BIG_MIB = 1024;
const STREAM_MIB = 512;
const STREAMS = 4;
const SMALL_FILES = 1000;
const SMALL_BYTES = 8192;
const LISTED_FILES = 20_000;
const CREATED_FILES = 50;

const SEQUENTIAL: readonly Job[] = [
  sequential("seq-read", "nginx", 0),
  sequential("seq-read-tls", "nginx-tls", 0),
  sequential("seq-read-20ms", "nginx", 20),
  streams("seq-read-4", 0),
];

const RANDOM: readonly Job[] = [
  random("rand-4k-1", "4k", 1),
  random("rand-4k-4", "4k", 4),
  random("rand-256k-1", "256k", 1),
  random("rand-256k-4", "256k", 4),
];

const WRITES: readonly Job[] = [
  {
    name: "seq-write",
    description: "dd of 1 GiB into a new file, to its close",
    origin: "minio",
    delayMs: 0,
    measure: async (mounted, round) => {
      const source = await writeSource();
      const path = join(mounted.directory, `written-${round}-${process.hrtime.bigint()}`);
      const seconds = await timed("dd", [`if=${source}`, `of=${path}`, "bs=1M", "status=none"]);
      const bytes = BIG_MIB * MIB;
      return { value: BIG_MIB / seconds, unit: "MiB/s", bytes, cleanUp: () => run("rm", [path]) };
    },
  },
  {
    name: "create-50-20ms",
    description: `create ${CREATED_FILES} files of one byte, one after another`,
    origin: "minio",
    delayMs: 20,
    measure: async (mounted, round) => {
      const stem = join(mounted.directory, `one-byte-${round}-${process.hrtime.bigint()}`);
      const script = `for i in $(seq ${CREATED_FILES}); do printf x > "${stem}-$i"; done`;
      return { value: await timed("bash", ["-ec", script]), unit: "s" };
    },
  },
];

const NAMES: readonly Job[] = [
  {
    name: "small-files",
    description: `find and cat ${SMALL_FILES} files of 8 KiB, one after another`,
    origin: "nginx",
    delayMs: 0,
    prepare: (folder) => fill(join(folder, "small"), SMALL_FILES, SMALL_BYTES),
    measure: async (mounted) => {
      const script = `find "${mounted.directory}/small" -type f -print0 | xargs -0 -n 50 cat | wc -c`;
      return { value: await timed("bash", ["-ec", script]), unit: "s" };
    },
  },
  {
    name: "ls",
    description: `ls -f of ${LISTED_FILES} files`,
    origin: "nginx",
    delayMs: 0,
    prepare: (folder) => fill(join(folder, "listed"), LISTED_FILES, 1),
    measure: async (mounted) => ({
      value: await timed("bash", ["-ec", `ls -f "${mounted.directory}/listed" | wc -l`]),
      unit: "s",
    }),
  },
  {
    name: "ls-l",
    description: `ls -l of ${LISTED_FILES} files`,
    origin: "nginx",
    delayMs: 0,
    prepare: (folder) => fill(join(folder, "listed"), LISTED_FILES, 1),
    measure: async (mounted) => ({
      value: await timed("bash", ["-ec", `ls -l "${mounted.directory}/listed" | wc -l`]),
      unit: "s",
    }),
  },
  {
    name: "start",
    description: "from the command to the mount",
    origin: "nginx",
    delayMs: 0,
    measure: (mounted) => Promise.resolve({ value: mounted.secondsToMount, unit: "s" }),
  },
];

export const JOBS: readonly Job[] = [...SEQUENTIAL, ...RANDOM, ...WRITES, ...NAMES];

function sequential(name: string, origin: "nginx" | "nginx-tls", delayMs: number): Job {
  return {
    name,
    description: "dd of 1 GiB, bs=1M",
    origin,
    delayMs,
    prepare: (folder) => fillBig(join(folder, "big"), BIG_MIB),
    measure: async (mounted) => {
      const path = join(mounted.directory, "big");
      const seconds = await timed("dd", [`if=${path}`, "of=/dev/null", "bs=1M", "status=none"]);
      return { value: BIG_MIB / seconds, unit: "MiB/s", bytes: BIG_MIB * MIB };
    },
  };
}

function streams(name: string, delayMs: number): Job {
  const files = Array.from({ length: STREAMS }, (_, index) => `stream-${index}`);
  return {
    name,
    description: `${STREAMS} readers of ${STREAM_MIB} MiB each, bs=256k`,
    origin: "nginx",
    delayMs,
    prepare: (folder) => {
      for (const file of files) fillBig(join(folder, file), STREAM_MIB);
    },
    measure: async (mounted) => {
      const readers = files
        .map((file) => `dd if="${mounted.directory}/${file}" of=/dev/null bs=256k status=none &`)
        .join(" ");
      const seconds = await timed("bash", ["-ec", `${readers} wait`]);
      const mib = STREAMS * STREAM_MIB;
      return { value: mib / seconds, unit: "MiB/s", bytes: mib * MIB };
    },
  };
}

function random(name: string, block: string, jobs: number): Job {
  return {
    name,
    description: `fio randread, ${block}, O_DIRECT, ${jobs} at once, 5 s`,
    origin: "nginx",
    delayMs: 0,
    prepare: (folder) => fillBig(join(folder, "big"), BIG_MIB),
    measure: async (mounted) => {
      const report = await run("fio", [
        ...["--name=random", `--filename=${join(mounted.directory, "big")}`, "--readonly"],
        ...["--rw=randread", `--bs=${block}`, "--direct=1", `--numjobs=${jobs}`, "--thread"],
        ...["--ioengine=sync", "--fallocate=none", "--time_based", "--runtime=5"],
        ...["--group_reporting", "--output-format=json"],
      ]);
      const parsed = JSON.parse(report) as {
        jobs: { read: { iops: number; io_bytes: number } }[];
      };
      const read = parsed.jobs[0]?.read;
      if (read === undefined) throw new Error("fio reported no job");
      return { value: read.iops, unit: "IOPS", bytes: read.io_bytes };
    },
  };
}

async function timed(command: string, args: readonly string[]): Promise<number> {
  const begun = process.hrtime.bigint();
  await run(command, args);
  return Number(process.hrtime.bigint() - begun) / 1e9;
}

const prepared = new Set<string>();

function fillBig(path: string, mib: number): void {
  if (prepared.has(path)) return;
  const chunk = randomFillSync(Buffer.alloc(MIB));
  const fd = openSync(path, "w");
  for (let index = 0; index < mib; index++) {
    chunk.writeUInt32LE(index, 0);
    writeSync(fd, chunk);
  }
  closeSync(fd);
  prepared.add(path);
}

function fill(folder: string, count: number, bytes: number): void {
  if (prepared.has(folder)) return;
  mkdirSync(folder, { recursive: true });
  const content = randomFillSync(Buffer.alloc(bytes));
  for (let index = 0; index < count; index++) {
    writeFileSync(join(folder, `file-${String(index).padStart(6, "0")}`), content);
  }
  prepared.add(folder);
}

let source: string | undefined;

/** The bytes that write jobs copy: in memory, so that no disk limits them. */
async function writeSource(): Promise<string> {
  if (source === undefined) {
    source = join("/dev/shm", `mount-s3-ts-bench-source-${process.pid}`);
    fillBig(source, BIG_MIB);
  }
  await run("test", ["-r", source]);
  return source;
}

/** The file that write jobs copied from, if any did: to be removed at the end. */
export function sourceFile(): string | undefined {
  return source;
}
