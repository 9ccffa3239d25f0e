/**
 * Work on a directory, as data and as what carries it out: the programs whose speed `bench` tells. It
 * runs in a process of its own (load-process.ts), with as many threads as there are files at once.
 */

import { constants } from "node:fs";
import { type FileHandle, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { KIB, MIB } from "../../base/sizes.ts";

/** What is to be done with files of the given names in one directory. */
export type Load =
  | {
      readonly kind: "write";
      readonly names: readonly string[];
      readonly bytes: number;
      readonly atOnce: number;
    }
  | { readonly kind: "read"; readonly names: readonly string[]; readonly atOnce: number }
  | { readonly kind: "first-bytes"; readonly names: readonly string[] }
  | {
      readonly kind: "random-reads";
      readonly name: string;
      readonly seconds: number;
      readonly atOnce: number;
    }
  | { readonly kind: "list" }
  | { readonly kind: "remove"; readonly names: readonly string[]; readonly atOnce: number };

/** How long the whole took, and what was done meanwhile. */
export interface LoadOutcome {
  readonly seconds: number;
  readonly bytes: number;
  /** Files, or reads where one file is read at random. */
  readonly operations: number;
  /** Of one operation. */
  readonly medianMs: number;
}

const RANDOM_READ_BYTES = 128 * KIB;
/** The most that any load has at once; libuv has as many threads. */
export const AT_ONCE_MAX = 16;

export async function carryOut(load: Load, directory: string): Promise<LoadOutcome> {
  const { default: pLimit } = await import("p-limit");
  const pathOf = (name: string): string => join(directory, name);
  const times: number[] = [];
  const timed = async (work: () => Promise<number>): Promise<number> => {
    const startMs = performance.now();
    const bytes = await work();
    times.push(performance.now() - startMs);
    return bytes;
  };
  const each = async (names: readonly string[], atOnce: number, work: Work): Promise<number> => {
    const counts = await pLimit(atOnce).map(names, (name) => timed(() => work(pathOf(name))));
    return counts.reduce((sum, count) => sum + count, 0);
  };
  const startMs = performance.now();
  const bytes = await perform(load, directory, { each, timed });
  return {
    seconds: (performance.now() - startMs) / 1000,
    bytes,
    operations: times.length,
    medianMs: median(times),
  };
}

/** Does something with one file; resolves with the bytes moved. */
type Work = (path: string) => Promise<number>;

interface Timing {
  readonly each: (names: readonly string[], atOnce: number, work: Work) => Promise<number>;
  readonly timed: (work: () => Promise<number>) => Promise<number>;
}

function perform(load: Load, directory: string, { each, timed }: Timing): Promise<number> {
  switch (load.kind) {
    case "write":
      return each(load.names, load.atOnce, (path) => write(path, load.bytes));
    case "read":
      return each(load.names, load.atOnce, readToEnd);
    case "first-bytes":
      return each(load.names, 1, readFirstByte);
    case "random-reads":
      return readAtRandom(join(directory, load.name), load, timed);
    case "list":
      return list(directory, timed);
    case "remove":
      return each(load.names, load.atOnce, async (path) => {
        await rm(path, { force: true });
        return 0;
      });
  }
}

async function write(path: string, bytes: number): Promise<number> {
  const block = Buffer.alloc(Math.min(bytes, MIB), path);
  await withFile(path, "wx", async (file) => {
    for (let at = 0; at < bytes; at += block.length) {
      await file.write(block, 0, Math.min(block.length, bytes - at));
    }
    await file.sync();
  });
  return bytes;
}

async function readToEnd(path: string): Promise<number> {
  const block = Buffer.allocUnsafe(MIB);
  let bytes = 0;
  await withFile(path, "r", async (file) => {
    for (let got = -1; got !== 0; bytes += got) {
      ({ bytesRead: got } = await file.read(block, 0, block.length));
    }
  });
  return bytes;
}

async function readFirstByte(path: string): Promise<number> {
  await withFile(path, "r", (file) => file.read(Buffer.alloc(1), 0, 1, 0));
  return 1;
}

/** Past the kernel's cache, so that each read is one of the mount. */
async function readAtRandom(
  path: string,
  { atOnce, seconds }: { readonly atOnce: number; readonly seconds: number },
  timed: Timing["timed"],
): Promise<number> {
  const blocks = Math.max(1, Math.floor((await stat(path)).size / RANDOM_READ_BYTES));
  const endMs = performance.now() + seconds * 1000;
  let bytes = 0;
  const reader = async (): Promise<void> => {
    await withFile(path, constants.O_RDONLY | constants.O_DIRECT, async (file) => {
      const block = Buffer.allocUnsafe(RANDOM_READ_BYTES);
      while (performance.now() < endMs) {
        const at = Math.floor(Math.random() * blocks) * RANDOM_READ_BYTES;
        bytes += await timed(async () => (await file.read(block, 0, block.length, at)).bytesRead);
      }
    });
  };
  await Promise.all(Array.from({ length: atOnce }, reader));
  return bytes;
}

/** As `ls -l` does. */
async function list(directory: string, timed: Timing["timed"]): Promise<number> {
  for (const name of await readdir(directory)) {
    await timed(async () => {
      await stat(join(directory, name));
      return 0;
    });
  }
  return 0;
}

/** A failing close is a failure of the work: it may be what stores the file. */
async function withFile(
  path: string,
  flags: string | number,
  work: (file: FileHandle) => Promise<unknown>,
): Promise<void> {
  const file = await open(path, flags);
  try {
    await work(file);
  } finally {
    await file.close();
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
