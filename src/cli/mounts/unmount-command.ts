/**
 * Runs `mount-s3-ts unmount`. The process that serves the mount learns of its end from the kernel,
 * stores what is pending and ends by itself; this one waits for that, and reports what was lost.
 *
 *   dead ──────────────────────────▶ detach ─▶ done
 *   served ─▶ unmount ─ busy ─▶ wait ─▶ detach ─▶ done, in use
 *                └──────────────────▶ process ends ─▶ done
 */

import { spawnSync } from "node:child_process";
import { realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { EBUSY, EINVAL, EPERM } from "../../base/errno.ts";
import { findMount, readMounts } from "../../base/mountinfo.ts";
import { systemError } from "../../base/system-error.ts";
import { addonIfAny } from "../../native/index.ts";
import { CliError } from "../error.ts";
import { isRunning } from "./process-identity.ts";
import { type Environment, readAgain, removeRecord, type StoredRecord } from "./record.ts";
import { type MountEntry, surveyMounts } from "./survey.ts";
import type { UnmountOptions } from "./unmount-table.ts";
import { usersOf } from "./users.ts";

/** umount2(2) flags. */
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/** Neither the end of a busy state nor that of a stranger's process is an event that can be awaited. */
const POLL_MS = 50;
/** Beyond the time that uploads may take. */
const END_GRACE_MS = 15_000;
/** A wait that a person notices is explained. */
const SILENT_MS = 1000;

/** Where sentences for the person go, besides the last one. */
export type Tell = (sentence: string) => void;

/** Resolves with the sentence that says what was done. Rejects with a failure. */
export async function unmountDirectory(
  options: UnmountOptions,
  environment: Environment,
  tell: Tell,
): Promise<string> {
  // Whoever calls from inside the directory does not make it busy with this process as well.
  process.chdir("/");
  const entry = findEntry(options.directory, environment);
  const { directory, record, state } = entry;
  if (state === "dead") {
    unmount(directory, true);
    if (record !== undefined) removeRecord(record);
    return `${directory} was a dead mount and is cleared`;
  }
  const places = placesOf(entry);
  if (options.lazy || !(await untilUnmounted(directory, options.timeoutMs, tell))) {
    unmount(directory, true);
    return `${directory} is detached${inUseBy(record)}`;
  }
  // The next mount anywhere has the number of its device.
  if (placesOf(entry).some((place) => places.includes(place))) {
    return `${directory} is unmounted, and the bucket is still mounted elsewhere`;
  }
  if (record === undefined) {
    return `${directory} is unmounted; its process cannot be seen from here and may still store what was written`;
  }
  await untilEnded(record, tell);
  return `${directory} is unmounted`;
}

/** The mount of ours at `given`, under whatever name the kernel has it. */
function findEntry(given: string, environment: Environment): MountEntry {
  const entries = surveyMounts(environment).filter(({ state }) => state !== "detached");
  for (const directory of namesOf(given)) {
    const topmost = findMount(directory);
    if (topmost === undefined) continue;
    const entry = entries.findLast((it) => it.directory === directory);
    if (entry?.device === topmost.device) return entry;
    throw new CliError(
      "failure",
      `cannot unmount ${directory}: what is mounted there is not of mount-s3-ts but of type ${topmost.type}: use umount ${directory}`,
    );
  }
  throw new CliError(
    "failure",
    `cannot unmount ${given}: nothing is mounted there: "mount-s3-ts list" shows what is`,
  );
}

/** Where the file system of `entry` is mounted. */
function placesOf({ device }: MountEntry): readonly string[] {
  return readMounts()
    .filter((mount) => mount.device === device)
    .map(({ directory }) => directory);
}

/** The mount itself is asked last, as it may hang. */
function* namesOf(given: string): Generator<string> {
  yield given;
  try {
    yield join(realpathSync(dirname(given)), basename(given));
    yield realpathSync(given);
  } catch {
    // A name that leads nowhere is no mount.
  }
}

/** Whether it came off before `timeoutMs` had passed. */
async function untilUnmounted(directory: string, timeoutMs: number, tell: Tell): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs;
  let told = false;
  while (!unmount(directory, false)) {
    const remainingMs = deadlineMs - performance.now();
    if (!told) {
      const users = usersOf(directory).join(", ") || "by what cannot be seen from here";
      const until = timeoutMs === 0 ? "" : `; waiting up to ${timeoutMs / 1000} s`;
      tell(`${directory} is busy: ${users}${until}`);
      told = true;
    }
    if (remainingMs <= 0) return false;
    await delay(Math.min(POLL_MS, remainingMs));
  }
  return true;
}

/** False when it is busy, which it never is to a lazy one. */
function unmount(directory: string, lazy: boolean): boolean {
  const addon = addonIfAny();
  if (addon === undefined) return unmountByHelper(directory, lazy);
  const result = addon.unmount(directory, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0));
  if (result === 0) return true;
  if (result === -EBUSY) return false;
  if (result === -EPERM) return unmountByHelper(directory, lazy);
  // Somebody else was faster.
  if (result === -EINVAL && findMount(directory) === undefined) return true;
  throw new CliError("failure", `unmounting ${directory}: ${systemError(-result)}`);
}

/** For users other than root, libfuse 3's helper or libfuse 2's; for root, without the addon, umount(8). */
function unmountByHelper(directory: string, lazy: boolean): boolean {
  const isRoot = process.geteuid?.() === 0;
  const flags = isRoot ? [] : ["-u"];
  if (lazy) flags.push(isRoot ? "-l" : "-z");
  for (const program of isRoot ? ["umount"] : ["fusermount3", "fusermount"]) {
    const { error, status, stderr } = spawnSync(program, [...flags, "--", directory], {
      env: { ...process.env, LC_ALL: "C" },
      encoding: "utf8",
    });
    if (error !== undefined) continue;
    if (status === 0) return true;
    if (stderr.includes("busy")) return false;
    throw new CliError("failure", `unmounting ${directory}: ${stderr.trim()}`);
  }
  throw new CliError(
    "failure",
    `unmounting ${directory}: this takes root, or fusermount3, which is not there: install fuse3`,
  );
}

function inUseBy(record: StoredRecord | undefined): string {
  if (record === undefined || isRunning(record.server) !== true) return "";
  return `; process ${record.server.pid} serves the files that are open in it until they are closed`;
}

/** Resolves when the process that served has ended with everything stored. */
async function untilEnded(record: StoredRecord, tell: Tell): Promise<void> {
  const { server, uploadTimeoutMs } = record;
  const startMs = performance.now();
  let told = false;
  while (isRunning(server) === true) {
    const passedMs = performance.now() - startMs;
    if (passedMs > uploadTimeoutMs + END_GRACE_MS) {
      throw new CliError(
        "failure",
        `${record.directory} is unmounted, but process ${server.pid} goes on serving it: a container may have a mount of its own of it; its log says more`,
      );
    }
    if (passedMs > SILENT_MS && !told) {
      tell(`waiting for process ${server.pid} to store what was written`);
      told = true;
    }
    await delay(POLL_MS);
  }
  reportLost(record);
}

function reportLost(record: StoredRecord): void {
  const last = readAgain(record);
  if (last === undefined) return;
  removeRecord(record);
  const { lostCount } = last;
  throw new CliError(
    "failure",
    lostCount === undefined
      ? `${record.directory} is unmounted, but its process ${record.server.pid} ended before it had stored everything: see its log`
      : `${record.directory} is unmounted, but ${lostCount} of the files written there could not be stored: the log of process ${record.server.pid} names them`,
  );
}
