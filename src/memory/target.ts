/**
 * How much memory a mount may use: what the machine or the innermost control group allows, and
 * which share of that the arena gets.
 *
 * Limits nest: a group is bound by its own and by every ancestor's, so all of them are read.
 */

import { totalmem } from "node:os";
import { controlGroupTexts, type FileSource, systemFiles } from "../base/control-groups.ts";
import { MIB } from "../base/sizes.ts";

/** Leaves the rest of a machine or container some room. */
const TARGET_PERCENT = 95;
/** The least target, as mount-s3 has it: below this neither Node nor one part of each kind fits. */
const TARGET_BYTES_MIN = 512 * MIB;
/** What is kept for everything that is not the bytes of objects: the runtime, inodes, sockets. */
const OVERHEAD_BYTES_MIN = 128 * MIB;
const OVERHEAD_FRACTION = 8;

/** Where the facts come from; tests bring their own. */
export interface MemorySource extends FileSource {
  readonly totalBytes: number;
}

const systemSource: MemorySource = { ...systemFiles, totalBytes: totalmem() };

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

/** "max" in version 2 is no limit; version 1 has a number near 2^63, which is none either. */
function controlGroupLimits(source: MemorySource): number[] {
  const texts = controlGroupTexts(source, {
    controller: "memory",
    version2: "memory.max",
    version1: "memory.limit_in_bytes",
  });
  return texts.filter((text) => /^\d+$/.test(text)).map(Number);
}
