/**
 * What `bench` measures, as data, and what one may expect of it: "good" is what a machine with a fast
 * connection near the bucket gives, "fair" what is still useful, and the advice is for what is less.
 */

import { MIB } from "../../base/sizes.ts";
import { AT_ONCE_MAX, type Load, type LoadOutcome } from "./load.ts";

export type Unit = "MiB/s" | "files/s" | "reads/s" | "ms";
export type Verdict = "good" | "fair" | "poor";

export interface Task {
  readonly name: string;
  readonly load: Load;
  readonly unit: Unit;
  readonly good: number;
  readonly fair: number;
  readonly advice: string;
  /** Begins with nothing in the kernel's cache. */
  readonly fresh?: true;
}

const SERIAL_FILES = 20;
const PARALLEL_FILES = 64;
const SMALL_BYTES = 8192;
const STREAMS = 4;
const RANDOM_SECONDS = 3;

const NETWORK =
  "the connection is the limit, or the bucket is in another region: compare with the network of this machine";
const DISTANCE =
  "each request takes long: is the bucket in the region of this machine, and nothing between them?";

function numbered(stem: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${stem}-${index}`);
}

/** The tasks in their order: what is written first is read later. */
export function tasksFor(sizeMib: number): readonly Task[] {
  const streamBytes = Math.ceil(sizeMib / STREAMS) * MIB;
  const large = ["large"];
  const streams = numbered("stream", STREAMS);
  const serial = numbered("serial", SERIAL_FILES);
  const parallel = numbered("parallel", PARALLEL_FILES);
  const all = [...large, ...streams, ...serial, ...parallel];
  const write = (names: readonly string[], bytes: number, atOnce: number): Load => ({
    ...{ kind: "write", names, bytes, atOnce },
  });
  return [
    {
      name: "write one large file",
      load: write(large, sizeMib * MIB, 1),
      ...{ unit: "MiB/s", good: 200, fair: 50, advice: NETWORK },
    },
    {
      name: `write ${STREAMS} large files at once`,
      load: write(streams, streamBytes, STREAMS),
      ...{ unit: "MiB/s", good: 300, fair: 60, advice: NETWORK },
    },
    {
      name: "create a small file",
      load: write(serial, SMALL_BYTES, 1),
      ...{ unit: "ms", good: 100, fair: 300, advice: DISTANCE },
    },
    {
      name: `create small files, ${AT_ONCE_MAX} at once`,
      load: write(parallel, SMALL_BYTES, AT_ONCE_MAX),
      ...{ unit: "files/s", good: 100, fair: 30, advice: DISTANCE },
    },
    {
      name: "list files with their sizes",
      load: { kind: "list" },
      fresh: true,
      ...{ unit: "files/s", good: 500, fair: 100, advice: DISTANCE },
    },
    {
      name: "first byte of a small file",
      load: { kind: "first-bytes", names: parallel },
      fresh: true,
      ...{ unit: "ms", good: 60, fair: 200, advice: DISTANCE },
    },
    {
      name: "read one large file",
      load: { kind: "read", names: large, atOnce: 1 },
      ...{ unit: "MiB/s", good: 400, fair: 80, advice: NETWORK },
    },
    {
      name: `read ${STREAMS} large files at once`,
      load: { kind: "read", names: streams, atOnce: STREAMS },
      ...{ unit: "MiB/s", good: 600, fair: 80, advice: NETWORK },
    },
    {
      name: `read 128 KiB at random, ${AT_ONCE_MAX} at once`,
      load: {
        ...{ kind: "random-reads", name: "large", seconds: RANDOM_SECONDS, atOnce: AT_ONCE_MAX },
      },
      ...{ unit: "reads/s", good: 300, fair: 100, advice: DISTANCE },
    },
    {
      name: `remove files, ${AT_ONCE_MAX} at once`,
      load: { kind: "remove", names: all, atOnce: AT_ONCE_MAX },
      ...{ unit: "files/s", good: 100, fair: 30, advice: DISTANCE },
    },
  ];
}

export function figureOf({ unit }: Task, outcome: LoadOutcome): number {
  switch (unit) {
    case "MiB/s":
      return outcome.bytes / MIB / outcome.seconds;
    case "files/s":
    case "reads/s":
      return outcome.operations / outcome.seconds;
    case "ms":
      return outcome.medianMs;
  }
}

export function verdictOf({ fair, good, unit }: Task, figure: number): Verdict {
  const reaches = (bound: number): boolean => (unit === "ms" ? figure <= bound : figure >= bound);
  if (reaches(good)) return "good";
  return reaches(fair) ? "fair" : "poor";
}
