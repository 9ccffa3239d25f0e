/**
 * How much memory a mount may use: what the machine or the innermost control group allows, and
 * which share of that the arena gets.
 *
 * Limits nest: a group is bound by its own and by every ancestor's, so all of them are read.
 */

import { readFileSync } from "node:fs";
import { totalmem } from "node:os";

import { MIB } from "../base/sizes.ts";

/** Leaves the rest of a machine or container some room. */
const TARGET_PERCENT = 95;
/** The least target, as mount-s3 has it: below this neither Node nor one part of each kind fits. */
const TARGET_BYTES_MIN = 512 * MIB;
/** What is kept for everything that is not the bytes of objects: the runtime, inodes, sockets. */
const OVERHEAD_BYTES_MIN = 128 * MIB;
const OVERHEAD_FRACTION = 8;

/** Where the facts come from; tests bring their own. */
export interface MemorySource {
  /** The text of a file, or undefined when it cannot be read. */
  readonly readFile: (path: string) => string | undefined;
  readonly totalBytes: number;
}

const systemSource: MemorySource = {
  readFile: (path) => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      // Absent: another version of control groups, or none.
      return undefined;
    }
  },
  totalBytes: totalmem(),
};

/** The memory target when none is given: 95 % of what there is, and at least 512 MiB. */
export function defaultMemoryTarget(source: MemorySource = systemSource): number {
  const limitBytes = Math.min(source.totalBytes, ...controlGroupLimits(source));
  return Math.max(TARGET_BYTES_MIN, Math.floor((limitBytes / 100) * TARGET_PERCENT));
}

/** The arena's budget within a memory target of `targetBytes`. */
export function arenaBudget(targetBytes: number): number {
  const overheadBytes = Math.max(OVERHEAD_BYTES_MIN, Math.ceil(targetBytes / OVERHEAD_FRACTION));
  return Math.max(0, targetBytes - overheadBytes);
}

/**
 * Every limit on this process, from /proc/self/cgroup (cgroups(7)): "0::/path" in version 2,
 * "4:memory:/path" in version 1. Inside a container the path may lie outside what is mounted; then
 * its ancestors, ending at the root of the mount, are what can be read.
 */
function controlGroupLimits(source: MemorySource): number[] {
  const limits: number[] = [];
  for (const line of (source.readFile("/proc/self/cgroup") ?? "").split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    if (controllers === "") {
      limits.push(...limitsAlong(source, "/sys/fs/cgroup", { path, file: "memory.max" }));
    } else if (controllers.split(",").includes("memory")) {
      const file = "memory.limit_in_bytes";
      limits.push(...limitsAlong(source, "/sys/fs/cgroup/memory", { path, file }));
    }
  }
  return limits;
}

function limitsAlong(
  source: MemorySource,
  root: string,
  group: { readonly path: string; readonly file: string },
): number[] {
  const limits: number[] = [];
  const names = group.path.split("/").filter((name) => name !== "");
  for (let depth = names.length; depth >= 0; depth -= 1) {
    const directory = [root, ...names.slice(0, depth)].join("/");
    const text = source.readFile(`${directory}/${group.file}`)?.trim() ?? "max";
    // "max" in version 2; version 1 has a number near 2^63, which is no limit either.
    if (/^\d+$/.test(text)) limits.push(Number(text));
  }
  return limits;
}
