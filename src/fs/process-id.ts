/** Which process a thread belongs to: how a close by a forked child is told from the opener's own. */

import { readFileSync } from "node:fs";

/**
 * The thread group of the thread `pid`, from /proc (proc_pid_status(5)); undefined when it is gone
 * or not visible from here.
 */
export function tgidOf(pid: number): number | undefined {
  if (pid === 0) return undefined;
  try {
    const tgid = /^Tgid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
    return tgid === undefined ? undefined : Number(tgid);
  } catch {
    return undefined;
  }
}
