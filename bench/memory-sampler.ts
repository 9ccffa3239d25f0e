/** Looks at the resident memory of a process and of those below it, while a job runs. */

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

function thinned(points: readonly MemoryPoint[], most: number): readonly MemoryPoint[] {
  const step = Math.max(1, points.length / most);
  const count = Math.min(points.length, most);
  return Array.from({ length: count }, (_, index) => points[Math.floor(index * step)]).filter(
    (point) => point !== undefined,
  );
}
