/** Jobs that read large files: from beginning to end by 1 to 16 readers, and at random. */

import { join } from "node:path";
import { fio } from "../fio.ts";
import type { Cell, DataSet, Figure, Job } from "./job.ts";
import type { Sizes } from "./sizes.ts";

const MIB = 2 ** 20;
/** What programs that read much ask for at once. */
const SEQUENTIAL_BLOCK = "1M";
/** How reference reads ask the server: as mount-s3's parts are, two requests a reader. */
const PART_BYTES = 8 * MIB;
const PARTS_UNDER_WAY = 2;

const STREAMS = [1, 4, 16] as const;
const BLOCKS = ["4k", "128k", "256k"] as const;
const BLOCK_BYTES = { "4k": 4096, "128k": 128 * 1024, "256k": 256 * 1024 } as const;

/** The files of `streams` readers: one large one, or several that share the amount. */
function streamData(sizes: Sizes, streams: number): DataSet {
  if (streams === 1) return bigFile(sizes);
  const mib = Math.max(1, Math.round(sizes.streamsMib / streams));
  const prefix = `streams-${streams}.`;
  return { prefix, count: streams, bytes: mib * MIB, key: (index) => `${prefix}${index}` };
}

function bigFile(sizes: Sizes): DataSet {
  return { prefix: "big", count: 1, bytes: sizes.bigMib * MIB, key: () => "big" };
}

/** `name` is what the report calls it; the group is a curve where `curve` says so. */
export function sequentialRead(
  streams: number,
  plan: { readonly name: string; readonly direct: boolean; readonly curve?: string },
): Job {
  const { name, direct, curve } = plan;
  const how = direct ? "O_DIRECT" : "through the page cache";
  return {
    name,
    description: `${streams === 1 ? "one reader" : `${streams} readers`} from beginning to end, 1 MiB at once, ${how}`,
    group: curve === undefined ? "Sequential read" : "How the cost grows",
    server: "nginx",
    writes: false,
    delayMs: 0,
    data: (sizes) => [streamData(sizes, streams)],
    floor: { rangeBytes: PART_BYTES, connections: PARTS_UNDER_WAY * streams },
    point: { curve: curve ?? (direct ? "streams, O_DIRECT" : "streams"), x: streams },
    measure: (cell) => readToEnd(cell, streams, direct),
  };
}

async function readToEnd(cell: Cell, streams: number, direct: boolean): Promise<Figure> {
  const data = streamData(cell.sizes, streams);
  const files = streams === 1 ? "--filename=big" : `--filename_format=${data.prefix}$jobnum`;
  const outcome = await fio([
    ...["--name=read", `--directory=${cell.mounted.directory}`, files, "--readonly"],
    ...["--rw=read", `--bs=${SEQUENTIAL_BLOCK}`, `--direct=${direct ? 1 : 0}`],
    ...[`--numjobs=${streams}`, `--size=${data.bytes}`],
  ]);
  const { mibPerSecond, bytes, latencyMs } = outcome;
  return { value: mibPerSecond, unit: "MiB/s", bytes, latencyMs };
}

function randomRead(block: (typeof BLOCKS)[number], readers: number): Job {
  return {
    name: `rand-${block}-${readers}`,
    description: `${readers === 1 ? "one reader" : `${readers} readers`} at random places of one file, ${block} at once, O_DIRECT`,
    group: "Random read",
    server: "nginx",
    writes: false,
    delayMs: 0,
    data: (sizes) => [bigFile(sizes)],
    floor: { rangeBytes: BLOCK_BYTES[block], connections: readers },
    measure: async ({ mounted, sizes }) => {
      const { iops, bytes, operations, latencyMs } = await fio([
        ...["--name=random", `--filename=${join(mounted.directory, "big")}`, "--readonly"],
        ...["--rw=randread", `--bs=${block}`, "--direct=1", `--numjobs=${readers}`],
        ...["--time_based", `--runtime=${sizes.seconds}`],
      ]);
      return { value: iops, unit: "IOPS", bytes, operations, latencyMs };
    },
  };
}

const SEQUENTIAL: readonly Job[] = [false, true].flatMap((direct) =>
  STREAMS.map((streams) => {
    const suffix = streams === 1 ? "" : `-${streams}`;
    return sequentialRead(streams, { name: `seq-read${direct ? "-direct" : ""}${suffix}`, direct });
  }),
);

const RANDOM: readonly Job[] = BLOCKS.flatMap((block) =>
  [1, 4, 16].map((readers) => randomRead(block, readers)),
);

/** Data threads that a job has where it has any. */
export const DATA_THREADS = 2;

/** With data threads, which only ours has, whatever the processors. */
export const WITH_DATA_THREADS: readonly Job[] = [1, 16].map((streams) => {
  const suffix = streams === 1 ? "" : `-${streams}`;
  const job = sequentialRead(streams, { name: `seq-read${suffix}-threads`, direct: false });
  const { point: _, ...rest } = job;
  return {
    ...rest,
    description: `${job.description}, ${DATA_THREADS} data threads`,
    mountFlags: ["--data-threads", String(DATA_THREADS)],
  };
});

export const READING: readonly Job[] = [...SEQUENTIAL, ...RANDOM];
