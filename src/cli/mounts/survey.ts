/**
 * Which mounts of this program there are, and in what state: the kernel's table of mounts says what is
 * mounted, the records say by whom.
 */

import { spawnSync } from "node:child_process";
import { type MountInfo, readMounts } from "../../base/mountinfo.ts";
import { isRunning } from "./process-identity.ts";
import { type Environment, readRecords, type StoredRecord } from "./record.ts";

const TYPE = "fuse.mount-s3-ts";
/** A mount that does not answer in this time is not waited for. */
const PROBE_TIMEOUT_MS = 2000;

export type MountState =
  /** Its process runs. */
  | "serving"
  /** Its process is gone: whoever touches it gets ENOTCONN. */
  | "dead"
  /** Served by a process that cannot be seen from here, of another user or in another container. */
  | "unseen"
  /** Out of sight, but its process still runs: files are open in it, or uploads under way. */
  | "detached";

export interface MountEntry {
  readonly directory: string;
  readonly device: string;
  readonly readOnly: boolean;
  readonly state: MountState;
  readonly record: StoredRecord | undefined;
}

/** All mounts of this program that can be seen, in order of mounting. */
export function surveyMounts(environment: Environment): readonly MountEntry[] {
  const mounts = readMounts();
  const records = recordsOf(mounts, environment);
  const entries: MountEntry[] = [];
  const seen = new Set<StoredRecord>();
  for (const mount of mounts) {
    const { device, directory, readOnly, type } = mount;
    const record = recordOf(mount, records);
    if (record !== undefined) seen.add(record);
    // What was mounted by others and passed to us has a type of their choice.
    if (type !== TYPE && !(record?.running === true && type.startsWith("fuse"))) continue;
    const state = stateOf(directory, record?.running);
    entries.push({ directory, device, readOnly, state, record });
  }
  for (const record of records) {
    const { device, directory, running } = record;
    if (running !== true || seen.has(record)) continue;
    entries.push({ directory, device, readOnly: false, state: "detached", record });
  }
  return entries;
}

interface JudgedRecord extends StoredRecord {
  /** Undefined when its process cannot be seen from here. */
  readonly running: boolean | undefined;
}

/** Those of this user, and for root those of everyone who has a mount. */
function recordsOf(
  mounts: readonly MountInfo[],
  environment: Environment,
): readonly JudgedRecord[] {
  const own = process.getuid?.() ?? 0;
  const uids = new Set([own]);
  if (own === 0) {
    for (const { uid } of mounts) if (uid !== undefined) uids.add(uid);
  }
  return [...uids]
    .flatMap((uid) => readRecords(uid, environment))
    .map((record) => ({ ...record, running: isRunning(record.server) }));
}

/**
 * The record of `mount`: the newest one with its device, for the kernel uses the numbers of devices
 * again. An older one is that of an earlier mount, though its process may still be ending; and so may be
 * the newest, if it was mounted elsewhere and its process is gone.
 */
function recordOf(mount: MountInfo, records: readonly JudgedRecord[]): JudgedRecord | undefined {
  const { device, directory, uid } = mount;
  const own = process.getuid?.();
  const candidates = records.filter(
    (it) =>
      it.device === device &&
      ((it.running === true && (it.uid === uid || it.uid === own)) ||
        (it.directory === directory && it.uid === uid)),
  );
  return candidates.reduce<JudgedRecord | undefined>(
    (newest, it) => (newest === undefined || it.since > newest.since ? it : newest),
    undefined,
  );
}

function stateOf(directory: string, running: boolean | undefined): MountState {
  if (running === true) return "serving";
  return running === false || isDeadMount(directory) ? "dead" : "unseen";
}

/** Whether nobody serves what is mounted at `directory` any more. */
export function isDeadMount(directory: string): boolean {
  // In a process of its own, for it may hang. statfs is answered from no cache.
  const { stderr } = spawnSync("stat", ["-f", "-c", "", "--", directory], {
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    timeout: PROBE_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  return stderr?.includes("not connected") === true;
}
