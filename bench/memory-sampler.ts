/** Looks at the resident memory of a process and of those below it, while a job runs. */

import { setTimeout as delay } from "node:timers/promises";
import { descendantsOf, residentMibOf } from "./processes.ts";

const INTERVAL_MS = 50;
/** Looking for descendants reads all of /proc. */
const DESCENDANTS_EVERY = 20;
/** A chart needs no more. */
const POINTS_MAX = 120;
/** Of a job that is known to last, from which a trend is told. */
const POINTS_OF_LONG = 720;

export type MemoryPoint = readonly [seconds: number, mib: number];

/**
 * Begins at once; what it returns ends it and tells what was seen. `seconds` is how long that will be,
 * where that is known to be long.
 */
export function sampleMemory(pid: number, seconds = 0): () => readonly MemoryPoint[] {
  const intervalMs = Math.max(INTERVAL_MS, (1000 * seconds) / POINTS_OF_LONG);
  const most = seconds > 0 ? POINTS_OF_LONG : POINTS_MAX;
  const begun = performance.now();
  const points: MemoryPoint[] = [];
  let pids: readonly number[] = [pid];
  let looks = 0;
  const look = (): void => {
    if (looks++ % DESCENDANTS_EVERY === 0) pids = [pid, ...descendantsOf(pid)];
    const seconds = (performance.now() - begun) / 1000;
    points.push([Number(seconds.toFixed(3)), Number(residentMibOf(pids).toFixed(1))]);
  };
  look();
  const timer = setInterval(look, intervalMs);
  return () => {
    clearInterval(timer);
    look();
    return thinned(points, most);
  };
}

/** Of a long job, how often memory in use is asked for: each time everything is collected. */
const USED_POINTS = 120;
const USED_INTERVAL_MS_MIN = 1000;

/** Asks again and again for the memory in use, while a job of so many seconds runs; what it returns ends that. */
export function sampleUsed(
  usedMib: () => Promise<number | undefined>,
  seconds: number,
): () => Promise<readonly MemoryPoint[]> {
  const begun = performance.now();
  const intervalMs = Math.max(USED_INTERVAL_MS_MIN, (1000 * seconds) / USED_POINTS);
  const ended = new AbortController();
  const points: MemoryPoint[] = [];
  const asking = (async () => {
    while (await waited(intervalMs, ended.signal)) {
      // A mount that has ended fails the job, too, which says so.
      const mib = await usedMib().catch(() => undefined);
      if (mib === undefined) return;
      points.push([(performance.now() - begun) / 1000, Number(mib.toFixed(2))]);
    }
  })();
  return async () => {
    ended.abort();
    await asking;
    return points;
  };
}

/** False when it was ended before. */
async function waited(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  return delay(milliseconds, true, { signal }).catch(() => false);
}

function thinned(points: readonly MemoryPoint[], most: number): readonly MemoryPoint[] {
  const step = Math.max(1, points.length / most);
  const count = Math.min(points.length, most);
  return Array.from({ length: count }, (_, index) => points[Math.floor(index * step)]).filter(
    (point) => point !== undefined,
  );
}
