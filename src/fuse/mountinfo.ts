/**
 * Reads /proc/self/mountinfo: what is mounted where. Unlike stat, it never asks the file systems
 * that it lists, so it cannot hang on a mount whose server is dead, or is this very process.
 */

import { readFile } from "node:fs/promises";

const MOUNTINFO_PATH = "/proc/self/mountinfo";

export interface MountInfo {
  /** The device of the mounted file system, as "major:minor". */
  readonly device: string;
  readonly directory: string;
  /** With the subtype, e.g. "fuse.mount-s3-ts". */
  readonly type: string;
}

/** The topmost mount at exactly `directory`, an absolute path without links; undefined for none. */
export async function findMount(directory: string): Promise<MountInfo | undefined> {
  const mounts = parseMountinfo(await readFile(MOUNTINFO_PATH, "utf8"));
  return mounts.findLast((mount) => mount.directory === directory);
}

/**
 * Parses lines of mountinfo (proc(5)), in order of mounting:
 *
 *     36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw
 *           device     directory        optional  - type
 */
export function parseMountinfo(text: string): readonly MountInfo[] {
  const mounts: MountInfo[] = [];
  for (const line of text.split("\n")) {
    const [before = "", after = ""] = line.split(" - ", 2);
    const [, , device, , directory] = before.split(" ");
    const [type] = after.split(" ");
    if (device === undefined || directory === undefined || type === undefined) continue;
    mounts.push({ device, directory: unescapeOctal(directory), type });
  }
  return mounts;
}

/** Space, tab, newline, backslash and # are written in octal, byte by byte. */
function unescapeOctal(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
