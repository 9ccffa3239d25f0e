/**
 * The physical limit of a read job, joined on paper: what receiving alone and speaking with the kernel
 * alone can do, each measured with a small program in C on one thread, if one thread did both in turn.
 */

import { spawnSync } from "node:child_process";
import type { Contender } from "./contenders.ts";
import type { DataSet, Figure, Floor } from "./jobs/job.ts";
import { type CellRequest, measureCell } from "./measure.ts";
import { run } from "./processes.ts";
import { REFERENCE_SOURCES, referenceProgram } from "./reference.ts";
import type { Measurement } from "./result.ts";

/** What the line is called wherever figures have names. */
export const LIMIT = "physical limit";

const MIB = 2 ** 20;

export const LIMIT_CONTENDER: Contender = {
  name: LIMIT,
  path: REFERENCE_SOURCES,
  version: "receive.c and memory-fs.c, joined on paper",
  note: "one thread that receives and speaks with the kernel in turn, and does nothing else",
  command: ({ directory }) => ["memory-fs", directory, "NAME:BYTES…"],
};

/** Whether the reference programs can run here: they take a compiler, and root to mount. */
export function canMeasureLimit(): boolean {
  return process.getuid?.() === 0 && spawnSync("gcc", ["--version"]).status === 0;
}

/** Whether it means something: for reads, where nothing but this machine is in the way. */
export function hasLimit({ delayMs, floor, server }: CellRequest["job"]): boolean {
  return floor !== undefined && delayMs === 0 && server === "nginx";
}

export async function measureLimit(request: CellRequest): Promise<Measurement> {
  const { floor } = request.job;
  if (floor === undefined) throw new Error(`${request.job.name} has no physical limit`);
  const sets = request.job.data?.(request.sizes) ?? [];
  const memoryFs = await referenceProgram("memory-fs");
  const files = sets.flatMap((set) => keysOf(set).map((key) => `${key}:${set.bytes}`));
  const command: Contender["command"] = ({ directory }) => [memoryFs, directory, ...files];
  const served = await measureCell({ ...request, contender: { ...LIMIT_CONTENDER, command } });
  const received = await receive(request, sets, floor);
  const { bytes = 0, unit, value } = served.figure;
  const receivedValue =
    (unit === "IOPS" ? received.requests : received.bytes / MIB) / received.seconds;
  const cpuSeconds = served.usage.cpuSeconds + (received.cpuSeconds / received.bytes) * bytes;
  return {
    ...served,
    figure: joined({ unit, bytes, received: receivedValue, served: value }),
    usage: { ...served.usage, cpuSeconds },
  };
}

/** The rate of both in turn: the times that each takes for one piece add up. */
export function joined(parts: {
  readonly unit: Figure["unit"];
  readonly bytes: number;
  readonly received: number;
  readonly served: number;
}): Figure {
  const { bytes, received, served, unit } = parts;
  return { value: 1 / (1 / received + 1 / served), unit, bytes, parts: { received, served } };
}

export interface Received {
  readonly bytes: number;
  readonly requests: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function receive(
  { job, server, sizes, url }: CellRequest,
  sets: readonly DataSet[],
  { connections, rangeBytes }: Floor,
): Promise<Received> {
  const { hostname, port } = new URL(url ?? "");
  const paths = sets.flatMap((set) =>
    keysOf(set).map((key) => `/${server.bucket}/${server.prefix}${key}`),
  );
  const order = job.name.startsWith("rand") ? "random" : "in-order";
  const objectBytes = sets[0]?.bytes ?? 0;
  const numbers = [port, rangeBytes, connections, sizes.seconds, objectBytes].map(String);
  return runReceiver([hostname, ...numbers, order, ...paths]);
}

/** Runs the reference program that receives; its source says what it is told. */
export async function runReceiver(args: readonly string[]): Promise<Received> {
  const printed = await run(await referenceProgram("receive"), args);
  const value: unknown = JSON.parse(printed);
  if (isReceived(value)) return value;
  throw new Error(`the reference program printed what it should not: ${printed.trim()}`);
}

function isReceived(value: unknown): value is Received {
  return (
    typeof value === "object" &&
    value !== null &&
    ["bytes", "requests", "seconds", "cpuSeconds"].every(
      (name) => typeof Reflect.get(value, name) === "number",
    )
  );
}

function keysOf({ count, key }: DataSet): string[] {
  return Array.from({ length: count }, (_, index) => key(index));
}
