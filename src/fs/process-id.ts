/** Which process a thread belongs to: how a close by a forked child is told from the opener's own. */

import { readFileSync } from "node:fs";

/** A thread never leaves its process, and no other has its number so soon. */
const BELIEVED_MS = 1000;

/**
 * As `tgidOf`, but /proc is not asked again about a thread that it has told of a moment ago: that takes it longer than
 * anything else that is done to create a file.
 */
export function rememberingTgids(
  now: () => number,
  read: typeof tgidOf = tgidOf,
): (pid: number) => number | undefined {
  const known = new Map<number, number>();
  let forgottenAtMs = 0;
  return (pid) => {
    const nowMs = now();
    if (nowMs >= forgottenAtMs) {
      known.clear();
      forgottenAtMs = nowMs + BELIEVED_MS;
    }
    const tgid = known.get(pid) ?? read(pid);
    if (tgid !== undefined) known.set(pid, tgid);
    return tgid;
  };
}

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
