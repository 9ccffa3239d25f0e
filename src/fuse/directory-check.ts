/**
 * Looks at the directory that is to be mounted on, and says in one sentence what is wrong with it.
 * All looks are bounded in time, and off the event loop: another mount may be there, and hang.
 */

import { stat as lookUp, realpath as resolveLinks, type Stats } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";

import { messageOf } from "../base/log.ts";
import { findMount, type MountInfo } from "../base/mountinfo.ts";
import { FuseError } from "./error.ts";

const LOOK_TIMEOUT_MS = 5000;

// Those of node:fs/promises bring a dozen modules of Node along, which nothing else needs so early.
const stat = promisify(lookUp);
const realpath = promisify(resolveLinks.native);

/**
 * The path of `directory` without links, which can be mounted on.
 * @throws FuseError when it is missing, not a directory, or a mount point already, dead or alive
 */
export async function checkDirectory(directory: string): Promise<string> {
  const path = resolve(directory);
  const mount = findMount(path);
  if (mount !== undefined) await checkMounted(path, mount);
  let found: Stats;
  let real: string;
  try {
    found = await bounded(stat(path));
    real = await bounded(realpath(path));
  } catch (error) {
    throw explain(path, error);
  }
  if (!found.isDirectory()) {
    throw new FuseError("not-a-directory", `mount point ${path} is not a directory`);
  }
  const realMount = real === path ? undefined : findMount(real);
  if (realMount !== undefined) await checkMounted(real, realMount);
  return real;
}

/** Accepts autofs, which exists to be mounted on; refuses other mounts, and tells dead ones apart. */
async function checkMounted(path: string, mount: MountInfo): Promise<void> {
  if (mount.type === "autofs") return;
  try {
    await bounded(stat(path));
  } catch (error) {
    if (codeOf(error) === "ENOTCONN") throw explain(path, error);
  }
  throw new FuseError(
    "already-mounted",
    `mount point ${path} is already mounted (${mount.type}): unmount it or choose another directory`,
  );
}

function explain(path: string, error: unknown): FuseError {
  switch (codeOf(error)) {
    case "ENOENT":
      return new FuseError(
        "directory-missing",
        `mount point ${path} does not exist: create it first`,
      );
    case "ENOTDIR":
      return new FuseError("not-a-directory", `mount point ${path} is not a directory`);
    case "ENOTCONN":
      return new FuseError(
        "dead-mount",
        `mount point ${path} belongs to a mount whose process has died (Transport endpoint is not ` +
          `connected): clear it with "fusermount3 -u ${path}" or, as root, "umount -l ${path}"`,
      );
    default:
      return new FuseError(
        "directory-unreachable",
        `cannot look at mount point ${path}: ${messageOf(error)}`,
        { cause: error },
      );
  }
}

async function bounded<T>(look: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${LOOK_TIMEOUT_MS / 1000} s`));
    }, LOOK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([look, late]);
  } finally {
    clearTimeout(timer);
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
