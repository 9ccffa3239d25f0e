/** What control groups (cgroups(7)) say of this process, of both versions. */

import { readFileSync } from "node:fs";

/** Where the facts come from; tests bring their own. */
export interface FileSource {
  /** The text of a file, or undefined when it cannot be read. */
  readonly readFile: (path: string) => string | undefined;
}

export const systemFiles: FileSource = {
  readFile: (path) => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      // Absent: another version of control groups, or none.
      return undefined;
    }
  },
};

/** A file in each group's directory, by version. */
interface GroupFile {
  readonly controller: "cpu" | "memory";
  readonly version2: string;
  readonly version1: string;
}

/**
 * What the file says in the group of this process and in each of its ancestors, since limits nest;
 * "" where it cannot be read. /proc/self/cgroup has "0::/path" in version 2, "4:memory:/path" in
 * version 1. Inside a container the path may lie outside what is mounted; then its ancestors, ending
 * at the root of the mount, are what can be read.
 */
export function controlGroupTexts(source: FileSource, file: GroupFile): string[] {
  return (source.readFile("/proc/self/cgroup") ?? "").split("\n").flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    if (controllers === "") return textsAlong(source, "/sys/fs/cgroup", path, file.version2);
    if (!controllers.split(",").includes(file.controller)) return [];
    return textsAlong(source, `/sys/fs/cgroup/${file.controller}`, path, file.version1);
  });
}

function textsAlong(source: FileSource, root: string, path: string, file: string): string[] {
  const names = path.split("/").filter((name) => name !== "");
  return Array.from({ length: names.length + 1 }, (_, above) => {
    const directory = [root, ...names.slice(0, names.length - above)].join("/");
    return source.readFile(`${directory}/${file}`)?.trim() ?? "";
  });
}
