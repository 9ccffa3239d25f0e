/**
 * Which process is meant, for certain: numbers of processes are used again, and mean different ones in
 * different namespaces.
 */

import { readFileSync, readlinkSync } from "node:fs";

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in ticks since the system did. */
  readonly startTicks: string;
  /** As /proc/PID/ns/pid names it. */
  readonly pidNamespace: string;
}

export function ownIdentity(): ProcessIdentity {
  const { pid } = process;
  return { pid, startTicks: statusOf(pid)?.startTicks ?? "", pidNamespace: ownNamespace() };
}

/** Whether that process is running; undefined when it cannot be seen from here. */
export function isRunning(identity: ProcessIdentity): boolean | undefined {
  if (identity.pidNamespace !== ownNamespace()) return undefined;
  const status = statusOf(identity.pid);
  // A zombie has closed its descriptors: it serves nothing.
  return status?.startTicks === identity.startTicks && !/[ZX]/.test(status.state);
}

function ownNamespace(): string {
  return readlinkSync("/proc/self/ns/pid");
}

/** Fields 3 and 22 of /proc/PID/stat (proc(5)), behind a name that may hold anything. */
function statusOf(
  pid: number,
): { readonly state: string; readonly startTicks: string } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", startTicks: fields[19] ?? "" };
}
