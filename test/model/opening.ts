/** The steps of the model test that open files: which flags may be had, and what they make of a file. */

import { constants } from "node:fs";
import { expect } from "vitest";

import { failsToEnd, outcomeOf, type Step, step } from "./commands.ts";
import type { Subject } from "./subject.ts";
import type { HandleModel, ReaderModel, TreeModel, WriterModel } from "./tree-model.ts";

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY } = constants;

interface Flags {
  readonly access: "read" | "write" | "both";
  readonly create?: boolean;
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
  readonly append?: boolean;
  readonly synchronous?: boolean;
}

const ACCESS = { read: O_RDONLY, write: O_WRONLY, both: O_RDWR };
const ACCESS_NAMES = { read: "O_RDONLY", write: "O_WRONLY", both: "O_RDWR" };

/** Opens a path and keeps it open. */
export const open = (path: string, wanted: Flags): Step => {
  const how = sensible(wanted);
  const extra = [
    ...(how.create ? [{ name: "O_CREAT", flag: O_CREAT }] : []),
    ...(how.exclusive ? [{ name: "O_EXCL", flag: O_EXCL }] : []),
    ...(how.truncate ? [{ name: "O_TRUNC", flag: O_TRUNC }] : []),
    ...(how.append ? [{ name: "O_APPEND", flag: O_APPEND }] : []),
    ...(how.synchronous ? [{ name: "O_SYNC", flag: O_SYNC }] : []),
  ];
  const flags = extra.reduce((all, { flag }) => all | flag, ACCESS[how.access]);
  const names = [ACCESS_NAMES[how.access], ...extra.map(({ name }) => name)].join("|");
  return step(
    `open ${path} with ${names}`,
    async (model, subject) => {
      const opening = subject.tree.open(path, flags);
      const outcome = await outcomeOf(opening);
      if (reachesFile(model, path, how) && failsToEnd(model, path, outcome)) return;
      const { outcomes, handle } = expectedOf(model, path, how);
      expect(outcomes, `opening ${path}: ${outcome}`).toContain(outcome);
      if (outcome !== "ok" || handle === undefined) return;
      if (handle.kind === "writer") {
        model.supersede(path);
        model.writers.set(path, handle);
      } else if (!model.keys.has(path)) {
        model.commit(writerOf(path, how));
      }
      keep(model, subject, { handle, file: await opening });
    },
    // A directory can be opened too, which is another thing.
    { check: (model) => how.create || how.access !== "read" || model.kind(path) !== "directory" },
  );
};

/** What POSIX leaves undefined is not asked for. */
function sensible(how: Flags): Required<Flags> {
  const { access, create = false, append = false, synchronous = false } = how;
  return {
    access,
    create,
    exclusive: create && how.exclusive === true,
    truncate: how.truncate === true && access !== "read",
    append: append && access !== "read",
    synchronous,
  };
}

/** Whether the open comes as far as a file that is there, and has its idle writer end. */
function reachesFile(model: TreeModel, path: string, how: Required<Flags>): boolean {
  const isThere = model.obstacle(path) === undefined && model.kind(path) === "file";
  return isThere && !how.exclusive && !how.synchronous;
}

interface Expected {
  readonly outcomes: readonly string[];
  /** What is open when it worked. */
  readonly handle?: HandleModel;
}

function expectedOf(model: TreeModel, path: string, how: Required<Flags>): Expected {
  const obstacle = model.obstacle(path);
  if (obstacle !== undefined) return { outcomes: [obstacle] };
  switch (model.kind(path)) {
    case undefined:
      return expectedOfNew(model, path, how);
    case "directory":
      return { outcomes: [how.exclusive ? "EEXIST" : "EISDIR"] };
    case "file":
      return expectedOfFile(model, path, how);
  }
}

function expectedOfNew(model: TreeModel, path: string, how: Required<Flags>): Expected {
  if (!how.create) return { outcomes: ["ENOENT"] };
  if (model.rules.readOnly) return { outcomes: ["EROFS"] };
  if (how.synchronous) return { outcomes: ["EINVAL"] };
  // What is made to be read is stored at once.
  const handle = how.access === "read" ? readerOf(path, "") : writerOf(path, how);
  return { outcomes: ["ok"], handle };
}

function expectedOfFile(model: TreeModel, path: string, how: Required<Flags>): Expected {
  const { allowOverwrite, readOnly } = model.rules;
  if (how.exclusive) return { outcomes: ["EEXIST"] };
  if (how.synchronous) return { outcomes: ["EINVAL"] };
  if (model.writers.has(path)) return { outcomes: ["EPERM"] };
  if (how.truncate) {
    if (readOnly) return { outcomes: ["EROFS"] };
    if (!allowOverwrite) return { outcomes: ["EPERM"] };
    return expectedOfWriter(model, writerOf(path, how));
  }
  if (model.rules.appends && (how.access === "write" || (how.access === "both" && how.append))) {
    if (readOnly) return { outcomes: ["EROFS"] };
    return expectedOfWriter(model, writerOf(path, how, model.content(path)));
  }
  if (how.access === "write") return { outcomes: ["EPERM"] };
  return { outcomes: ["ok"], handle: readerOf(path, model.content(path)) };
}

/** Of a file that is there: nobody may be reading it. */
function expectedOfWriter(model: TreeModel, handle: WriterModel): Expected {
  const readers = model.readersOf(handle.path);
  if (readers === "some") return { outcomes: ["EPERM"] };
  return { outcomes: readers === "none" ? ["ok"] : ["ok", "EPERM"], handle };
}

function writerOf(path: string, { append }: Required<Flags>, content = ""): WriterModel {
  const fresh = { status: "open", failure: "", contested: false, isIdle: false } as const;
  return { kind: "writer", path, content, ...fresh, isAppending: append, isBegun: false };
}

function readerOf(path: string, content: string): ReaderModel {
  return { kind: "reader", path, at: path, content, identity: "current", use: "active" };
}

function keep(
  model: TreeModel,
  subject: Subject,
  opened: {
    readonly handle: HandleModel;
    readonly file: Awaited<ReturnType<Subject["tree"]["open"]>>;
  },
): void {
  const number = Math.max(0, ...model.handles.keys()) + 1;
  model.handles.set(number, opened.handle);
  subject.files.set(number, opened.file);
}
