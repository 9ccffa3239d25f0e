/** Looks at the resident memory of a process and of those below it, while a job runs. */

import { descendantsOf, residentMibOf } from "./processes.ts";

const INTERVAL_MS = 50;
/** Looking for descendants reads all of /proc. */
const DESCENDANTS_EVERY = 20;
/** A chart needs no more. */
const POINTS_MAX = 120;

export type MemoryPoint = readonly [seconds: number, mib: number];

/** Begins at once; what it returns ends it and tells what was seen. */
export function sampleMemory(pid: number): () => readonly MemoryPoint[] {
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
  const timer = setInterval(look, INTERVAL_MS);
  return () => {
    clearInterval(timer);
    look();
    return thinned(points);
  };
}

function thinned(points: readonly MemoryPoint[]): readonly MemoryPoint[] {
  const step = Math.max(1, points.length / POINTS_MAX);
  const count = Math.min(points.length, POINTS_MAX);
  return Array.from({ length: count }, (_, index) => points[Math.floor(index * step)]).filter(
    (point) => point !== undefined,
  );
}
