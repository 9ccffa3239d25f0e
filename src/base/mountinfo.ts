/**
 * Reads /proc/self/mountinfo: what is mounted where. Unlike stat, it never asks the file systems
 * that it lists, so it cannot hang on a mount whose server is dead, or is this very process.
 */

import { readFileSync } from "node:fs";

const MOUNTINFO_PATH = "/proc/self/mountinfo";

export interface MountInfo {
  /** The device of the mounted file system, as "major:minor". */
  readonly device: string;
  readonly directory: string;
  /** With the subtype, e.g. "fuse.mount-s3-ts". */
  readonly type: string;
  readonly readOnly: boolean;
  /** The owner of a FUSE mount. */
  readonly uid: number | undefined;
}

/** All mounts, in order of mounting. */
export function readMounts(): readonly MountInfo[] {
  return parseMountinfo(readFileSync(MOUNTINFO_PATH, "utf8"));
}

/** The topmost mount at exactly `directory`, an absolute path without links; undefined for none. */
export function findMount(directory: string): MountInfo | undefined {
  return readMounts().findLast((mount) => mount.directory === directory);
}

/**
 * Parses lines of mountinfo (proc(5)), in order of mounting:
 *
 *     36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw
 *           device     directory options optional - type source  options of the file system
 */
export function parseMountinfo(text: string): readonly MountInfo[] {
  const mounts: MountInfo[] = [];
  for (const line of text.split("\n")) {
    const [before = "", after = ""] = line.split(" - ", 2);
    const [, , device, , directory, options = ""] = before.split(" ");
    const [type, , superOptions = ""] = after.split(" ");
    if (device === undefined || directory === undefined || type === undefined) continue;
    const uid = /(?:^|,)user_id=(\d+)/.exec(superOptions)?.[1];
    mounts.push({
      device,
      directory: unescapeOctal(directory),
      type,
      readOnly: options.split(",").includes("ro"),
      uid: uid === undefined ? undefined : Number(uid),
    });
  }
  return mounts;
}

/** Space, tab, newline, backslash and # are written in octal, byte by byte. */
function unescapeOctal(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
