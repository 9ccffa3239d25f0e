/**
 * The fio jobs that the project mount-s3 publishes its figures for, under its names and with its
 * parameters, so that figures line up. Only amounts are scaled: 100 GiB to read becomes what the sizes
 * say, 30 seconds become fewer. What writes for a time keeps its 100 GiB, which it never reaches.
 */

import { type FioOutcome, fio } from "../fio.ts";
import type { Cell, DataSet, Figure, Job } from "./job.ts";
import type { Sizes } from "./sizes.ts";

const MIB = 2 ** 20;
const GROUP = "Published fio jobs";
/** As many files of each size are there as any job has threads. */
const THREADS_MAX = 4;
const SMALL_BYTES = 5 * MIB;

type Amount = "large" | "small" | "byte";

interface Definition {
  readonly name: string;
  /** Reads these files, or writes new ones where undefined. */
  readonly reads?: Amount;
  /** fio's arguments besides the engine, the files and the amounts; one list for each job of the run. */
  readonly jobs: readonly (readonly string[])[];
  /** Runs for a time, instead of once through. */
  readonly timed: boolean;
  readonly figure: (outcome: FioOutcome) => Pick<Figure, "value" | "unit">;
}

const throughput = ({ mibPerSecond }: FioOutcome): Pick<Figure, "value" | "unit"> => ({
  value: mibPerSecond,
  unit: "MiB/s",
});

const latency = ({ meanLatencyMs }: FioOutcome): Pick<Figure, "value" | "unit"> => ({
  value: meanLatencyMs,
  unit: "ms",
});

const THROUGHPUT = { timed: true, figure: throughput } as const;
const ONCE = { timed: false, figure: latency } as const;
const NEW_FILES = ["--create_on_open=1", "--fsync_on_close=1", "--unlink=1"];

/** seq_read to rand_read_4t_direct_small: in order or not, 1 or 4 threads, buffered or not, 100 GiB or 5 MiB. */
const READS: readonly Definition[] = (["seq", "rand"] as const).flatMap((order) =>
  (["large", "small"] as const).flatMap((reads) =>
    [1, 4].flatMap((threads) =>
      [0, 1].map((direct) => ({
        ...THROUGHPUT,
        name: `${order}_read${threads === 4 ? "_4t" : ""}${direct ? "_direct" : ""}${reads === "small" ? "_small" : ""}`,
        reads,
        jobs: [
          [
            ...[`--rw=${order === "seq" ? "read" : "randread"}`, "--bs=256k"],
            ...[`--direct=${direct}`, `--numjobs=${threads}`],
          ],
        ],
      })),
    ),
  ),
);

const WRITES: readonly Definition[] = [0, 1].map((direct) => ({
  ...THROUGHPUT,
  name: `seq_write${direct ? "_direct" : ""}`,
  jobs: [["--rw=write", "--bs=256k", `--direct=${direct}`, "--numjobs=1", ...NEW_FILES]],
}));

const MIXES: readonly Definition[] = [
  [1, 4],
  [2, 2],
  [4, 1],
].map(([readers, writers]) => ({
  ...THROUGHPUT,
  name: `mix_${readers}r${writers}w`,
  reads: "large",
  jobs: [
    ["--rw=read", "--bs=256k", `--numjobs=${readers}`],
    ["--rw=write", "--bs=256k", `--numjobs=${writers}`, ...NEW_FILES],
  ],
}));

const LATENCIES: readonly Definition[] = [
  {
    ...ONCE,
    name: "ttfb",
    reads: "large",
    jobs: [["--rw=read", "--bs=1", "--direct=1", "--io_size=1", "--loops=10"]],
  },
  {
    ...ONCE,
    name: "ttfb_small",
    reads: "byte",
    jobs: [["--rw=read", "--bs=1", "--direct=1", "--loops=10"]],
  },
  {
    ...ONCE,
    name: "time_to_write_one_byte_file",
    jobs: [
      ["--rw=write", "--bs=1", "--size=1", ...NEW_FILES, "--unlink_each_loop=1", "--loops=10"],
    ],
  },
  ...[100, 1000, 10_000, 100_000].map((files) => ({
    ...ONCE,
    name: `create_files_${files}`,
    jobs: [
      [
        ...["--ioengine=filecreate", "--rw=write", "--filesize=4k", "--openfiles=1"],
        ...["--numjobs=10", `--nrfiles=${files / 10}`],
      ],
    ],
  })),
];

const LARGEST_BLOCK = "--bs=256m";
const SKIPPING: Definition = {
  ...THROUGHPUT,
  name: "seq_read_skip_17m",
  reads: "large",
  jobs: [["--rw=read:17m", LARGEST_BLOCK, "--numjobs=1"]],
};

const DEFINITIONS = [...READS, SKIPPING, ...WRITES, ...MIXES, ...LATENCIES];

/**
 * What mount-s3 publishes of its jobs: MiB/s, or ms, on an m5dn.24xlarge (100 Gbit/s) and S3 Standard, as
 * of its commit 58817cab2. For orientation: machine, distance and amounts are others.
 */
const FIGURES: Readonly<Record<string, number>> = {
  seq_read: 1553,
  seq_read_direct: 1772,
  seq_read_4t: 5089,
  seq_read_4t_direct: 6067,
  seq_read_small: 62.7,
  seq_read_4t_small: 254,
  seq_read_skip_17m: 1254,
  rand_read: 2.53,
  rand_read_4t: 10.3,
  rand_read_small: 11.6,
  rand_read_4t_small: 45.8,
  seq_write: 1007,
  seq_write_direct: 1655,
  mix_1r4w: 4879,
  mix_2r2w: 4367,
  mix_4r1w: 5676,
  ttfb: 15.9,
  ttfb_small: 27.5,
  time_to_write_one_byte_file: 31.8,
};

function describePublished(name: string, timed: boolean): string {
  const figure = FIGURES[name];
  return figure === undefined ? "" : `; published: ${figure} ${timed ? "MiB/s" : "ms"}`;
}

function filesOf(amount: Amount, sizes: Sizes): DataSet {
  const prefix = `fio-${amount}.`;
  const key = (index: number): string => `${prefix}${index}`;
  switch (amount) {
    case "large":
      return { prefix, count: THREADS_MAX, bytes: sizes.publishedGib * 1024 * MIB, key };
    case "small":
      return { prefix, count: THREADS_MAX, bytes: SMALL_BYTES, key };
    case "byte":
      return { prefix, count: 1, bytes: 1, key };
  }
}

/** Each job of the run has its name, its files and its own arguments. */
function argumentsOf(definition: Definition, cell: Cell): string[] {
  const { jobs, reads, timed } = definition;
  const time = timed ? ["--time_based", `--runtime=${cell.sizes.seconds}`] : [];
  return jobs.flatMap((args, index) => {
    const own = args.some((arg) => arg.startsWith("--rw=read") || arg === "--rw=randread");
    const data = own && reads !== undefined ? filesOf(reads, cell.sizes) : undefined;
    const files =
      data === undefined
        ? [`--filename_format=${cell.stem}$jobname.$jobnum.$filenum`, ...size(args)]
        : [`--filename_format=${data.prefix}$jobnum`, `--size=${data.bytes}`];
    const place = [`--name=${definition.name}-${index}`, `--directory=${cell.mounted.directory}`];
    const fitting = args.map((arg) => (data === undefined ? arg : fitted(arg, data.bytes)));
    return [...place, ...files, ...time, ...fitting];
  });
}

/** A block is no larger than the file, which may be scaled down. */
function fitted(arg: string, bytes: number): string {
  return arg === LARGEST_BLOCK ? `--bs=${Math.min(256 * MIB, bytes)}` : arg;
}

/** What is written for a time would begin anew at the end of a smaller file, which no object can. */
function size(args: readonly string[]): readonly string[] {
  return args.some((arg) => /^--(?:file)?size=/.test(arg)) ? [] : ["--size=100g"];
}

export const PUBLISHED: readonly Job[] = DEFINITIONS.map((definition) => {
  const { figure, jobs, name, reads } = definition;
  const writes = jobs.some((args) => args.includes("--rw=write"));
  return {
    name,
    description: `fio ${jobs.map((args) => args.join(" ")).join(", ")}${describePublished(name, definition.timed)}`,
    group: GROUP,
    server: writes ? "minio" : "nginx",
    writes,
    delayMs: 0,
    data: (sizes) => (reads === undefined ? [] : [filesOf(reads, sizes)]),
    measure: async (cell) => {
      const outcome = await fio(argumentsOf(definition, cell));
      const { bytes, latencyMs } = outcome;
      return { ...figure(outcome), bytes, latencyMs };
    },
  };
});
