/**
 * What can be said about the directory to mount at before anything is started, and the way to clear a
 * mount whose daemon has died.
 */

import { spawnSync } from "node:child_process";
import { fstatSync, readlinkSync, type Stats, statSync } from "node:fs";
import { messageOf } from "../base/log.ts";
import { readMounts } from "../base/mountinfo.ts";
import { CliError } from "./error.ts";

/** Throws a failure unless `directory` is a directory on which nothing is mounted. */
export function checkMountPoint(directory: string): void {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(directory).isDirectory();
  } catch (error) {
    throw new CliError("failure", reasonNotUsable(directory, error), { cause: error });
  }
  if (!isDirectory) {
    throw new CliError(
      "failure",
      `mount point ${directory} is not a directory: name an existing, empty directory`,
    );
  }
  if (isMounted(directory)) {
    throw new CliError(
      "failure",
      `mount point ${directory} is already mounted: unmount it first (umount ${directory}) or name another directory`,
    );
  }
}

/** Number of the device /dev/fuse: 10 for miscellaneous devices, and 229 (the kernel's devices.txt). */
const FUSE_RDEV = (10 << 8) | 229;

/** Throws a failure unless `fd`, which the user calls `name`, is an open /dev/fuse. */
export function checkDevice(fd: number, name: string): void {
  const remedy = "pass an open /dev/fuse that has been mounted with mount(2)";
  let found: Stats;
  try {
    found = fstatSync(fd);
  } catch (error) {
    throw new CliError(
      "failure",
      `mount point ${name} is not a valid file descriptor: this process has none of that number: ${remedy}`,
      { cause: error },
    );
  }
  if (found.isCharacterDevice() && found.rdev === FUSE_RDEV) return;
  throw new CliError(
    "failure",
    `expected mount point ${name} to be a file descriptor of /dev/fuse, but got ${kindOf(found, fd)}: ${remedy}`,
  );
}

function kindOf(found: Stats, fd: number): string {
  if (found.isFIFO()) return "a pipe";
  if (found.isSocket()) return "a socket";
  return readlinkSync(`/proc/self/fd/${fd}`);
}

function reasonNotUsable(directory: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "ENOENT":
      return `mount point ${directory} does not exist: create it first (mkdir -p ${directory})`;
    case "ENOTDIR":
      return `mount point ${directory} is not a directory: a part of the path is a file`;
    case "ENOTCONN":
      return `mount point ${directory} holds a mount whose process has died ("Transport endpoint is not connected"): clear it with mount-s3-ts unmount ${directory}, then mount again`;
    default:
      return `mount point ${directory} cannot be used: ${messageOf(error)}`;
  }
}

/** Whether something is mounted at exactly `directory`; autofs, which makes way, does not count. */
export function isMounted(directory: string): boolean {
  return readMounts().some((mount) => mount.directory === directory && mount.type !== "autofs");
}

/**
 * Detaches what is mounted at `directory`, however dead its process is. Best effort: returns whether
 * nothing is mounted there any more.
 */
export function detachMount(directory: string): boolean {
  if (!isMounted(directory)) return true;
  const attempts = [
    ["fusermount3", "-u", "-z", "--", directory],
    ["umount", "-l", "--", directory],
  ] as const;
  for (const [command, ...args] of attempts) {
    spawnSync(command, args, { stdio: "ignore", timeout: 5000 });
    if (!isMounted(directory)) return true;
  }
  return false;
}
