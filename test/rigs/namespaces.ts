/** Mount namespaces of other processes, which have mounts of their own of all that was there when they began. */

import { readdirSync, readFileSync } from "node:fs";
import { parseMountinfo } from "../../src/base/mountinfo.ts";

/** The processes that see the file system `device`, wherever it is mounted for them. */
export function processesSeeing(device: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => mountsOf(pid).some((mount) => mount.device === device));
}

function mountsOf(pid: number) {
  try {
    return parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, "utf8"));
  } catch {
    // It has ended, or is not ours to ask.
    return [];
  }
}
