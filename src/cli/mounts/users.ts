/**
 * Who keeps a directory busy: what /proc tells of the processes that work in it, have files of it open
 * or mapped, and of mounts below it. Reads links only, and so never asks the file system itself.
 */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readMounts } from "../../base/mountinfo.ts";

/** More names than a person reads in one message. */
const SHOWN_MAX = 5;

/** One phrase for each user of `directory` that can be seen, e.g. "process 7 (bash) works in it". */
export function usersOf(directory: string): readonly string[] {
  const below = readMounts()
    .map((mount) => mount.directory)
    .filter((path) => path.startsWith(`${directory}/`))
    .map((path) => `${path} is mounted in it`);
  const processes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const use = useOf(pid, directory);
      return use === undefined ? [] : [`process ${pid} (${nameOf(pid)}) ${use}`];
    });
  const users = [...below, ...processes];
  const more = users.length - SHOWN_MAX;
  return more > 0 ? [...users.slice(0, SHOWN_MAX), `${more} more`] : users;
}

function useOf(pid: string, directory: string): string | undefined {
  const isInside = (path: string): boolean =>
    path === directory || path.startsWith(`${directory}/`);
  const base = `/proc/${pid}`;
  if (isInside(targetOf(`${base}/cwd`))) return "works in it";
  if (isInside(targetOf(`${base}/root`))) return "has its root directory in it";
  if (isInside(targetOf(`${base}/exe`))) return "is a program from it";
  for (const fd of entriesOf(`${base}/fd`)) {
    const path = targetOf(`${base}/fd/${fd}`);
    if (isInside(path)) return `has ${path} open`;
  }
  const mapped = mappedFiles(`${base}/maps`).find(isInside);
  return mapped && `has ${mapped} mapped`;
}

/** "" for one that is gone, or not for our eyes. */
function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return "";
  }
}

function entriesOf(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** The paths at the ends of the lines (proc(5)), which may hold spaces. */
function mappedFiles(path: string): readonly string[] {
  try {
    const lines = readFileSync(path, "utf8").split("\n");
    return lines.map((line) => line.slice(line.indexOf("/"))).filter((file) => file.length > 1);
  } catch {
    return [];
  }
}

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "gone by now";
  }
}
