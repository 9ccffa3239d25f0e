/** The step of the model test that renames: what each kind of bucket, and the kernel, refuse. */

import { expect } from "vitest";
import { failsToEnd, outcomeOf, type Step, step } from "./commands.ts";
import type { TreeModel } from "./tree-model.ts";

const NOREPLACE = 1;

export const rename = (from: string, to: string, flags: 0 | typeof NOREPLACE = 0): Step =>
  step(
    `rename ${from} to ${to}${flags === 0 ? "" : ", not replacing"}`,
    async (model, { tree }) => {
      const inoBefore = model.seen.get(from)?.ino;
      const outcome = await outcomeOf(tree.rename(from, to, flags));
      if (mayReachS3(model, from, to, flags)) {
        // What was closed once is stored first.
        for (const path of [from, to]) {
          if (failsToEnd(model, path, outcome)) return;
          if (model.writers.has(path)) break;
        }
      }
      const expected = expectedOf(model, from, to, flags);
      expect(outcome, `rename of ${from}`).toBe(expected);
      if (outcome !== "ok" || from === to || model.kind(from) === "directory") return;
      model.rename(from, to);
      if (inoBefore === undefined) return;
      expect((await tree.stat(to)).ino, `the inode of ${from}, renamed to ${to}`).toBe(inoBefore);
    },
    { leaves: true, check: (model) => isTold(model, from, to, flags) },
  );

/** Whether the kernel is sure to ask, or what it answers by itself is the same everywhere. */
function isTold(model: TreeModel, from: string, to: string, flags: number): boolean {
  const { isDirectoryBucket, readOnly } = model.rules;
  if (isDirectoryBucket && !readOnly) {
    // Of two refusals of one errno nobody can tell which it was.
    const isContested = [from, to].some((path) => model.writers.get(path)?.contested === true);
    return !isContested && (flags === 0 || !isRelated(from, to));
  }
  return (
    [from, to].every((path) => model.obstacle(path) === undefined) &&
    model.kind(from) === "file" &&
    model.kind(to) === undefined
  );
}

function mayReachS3(model: TreeModel, from: string, to: string, flags: number): boolean {
  if (!model.rules.isDirectoryBucket || from === to) return false;
  return refusalOfKernel(model, from, to, flags) === undefined && model.kind(from) === "file";
}

function isRelated(from: string, to: string): boolean {
  return from === to || from.startsWith(`${to}/`) || to.startsWith(`${from}/`);
}

function expectedOf(model: TreeModel, from: string, to: string, flags: number): string {
  const { allowDelete, allowOverwrite, isDirectoryBucket, readOnly } = model.rules;
  if (readOnly) return "EROFS";
  if (!isDirectoryBucket) return allowDelete ? "EXDEV" : flags === 0 ? "ENOSYS" : "EINVAL";
  const refusal = refusalOfKernel(model, from, to, flags);
  if (refusal !== undefined) return refusal;
  if (from === to) return "ok";
  if (model.kind(from) === "directory") return "EPERM";
  if (model.writers.has(from) || model.writers.has(to)) return "EPERM";
  return allowOverwrite || model.kind(to) === undefined ? "ok" : "EEXIST";
}

/** What the kernel refuses by itself (vfs_rename). */
function refusalOfKernel(
  model: TreeModel,
  from: string,
  to: string,
  flags: number,
): string | undefined {
  const obstacle = model.obstacle(from) ?? model.obstacle(to);
  if (obstacle !== undefined) return obstacle;
  const kind = model.kind(from);
  const kindOfTarget = model.kind(to);
  if (kind === undefined) return "ENOENT";
  if (flags !== 0 && kindOfTarget !== undefined) return "EEXIST";
  if (to.startsWith(`${from}/`)) return "EINVAL";
  if (from.startsWith(`${to}/`)) return "ENOTEMPTY";
  if (from === to || kindOfTarget === undefined || kind === kindOfTarget) return undefined;
  return kind === "directory" ? "ENOTDIR" : "EISDIR";
}
