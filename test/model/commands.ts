/**
 * The steps of the model test: each does one thing to the mount, or behind its back, and says what the
 * model expects of it. Behind each step the whole tree and the bucket's keys are compared.
 */

import { constants } from "node:fs";
import type fc from "fast-check";
import { expect } from "vitest";

import { compareKeys } from "../../src/inode/name.ts";
import { errnoName } from "../rigs/errno-names.ts";
import type { Subject } from "./subject.ts";
import type { HandleModel, TreeModel, WriterModel } from "./tree-model.ts";

export type Step = fc.AsyncCommand<TreeModel, Subject>;

const { O_CREAT, O_EXCL, O_RDONLY, O_TRUNC, O_WRONLY } = constants;

/** Longer than any entry lives, so that the mount may not believe what it knew. */
export const LATER_MS = 2000;

/** "ok", or the name of the errno. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    const errno = error instanceof Error && "errno" in error ? error.errno : undefined;
    if (typeof errno !== "number") throw error;
    return errnoName(-errno);
  }
}

async function compareDirectory(
  model: TreeModel,
  subject: Subject,
  directory: string,
): Promise<void> {
  const listed = await subject.list(directory);
  const shown = listed.map(({ name, kind, sizeBytes }) =>
    kind === "file" ? `${name} ${sizeBytes}` : `${name}/`,
  );
  expect(shown.sort(compareKeys), `the entries of ${JSON.stringify(directory)}`).toEqual(
    model.list(directory),
  );
  for (const { name, kind } of listed) {
    if (kind === "file") continue;
    await compareDirectory(model, subject, directory === "" ? name : `${directory}/${name}`);
  }
}

interface StepOptions {
  /** What was known may not be believed any more when the step is over. */
  readonly settles?: boolean;
  /** It leaves directories that stay a while, and how long cannot be told by a clock that runs. */
  readonly leaves?: boolean;
  readonly check?: (model: TreeModel) => boolean;
}

/** Steps that ran, over all sequences. */
export const tally = { steps: 0 };

function step(
  name: string,
  run: (model: TreeModel, subject: Subject) => Promise<void>,
  { settles = false, leaves = false, check = () => true }: StepOptions = {},
): Step {
  return {
    check,
    run: async (model, subject) => {
      tally.steps++;
      model.trace.push(name);
      await run(model, subject);
      if (settles || (leaves && subject.clockRuns)) await elapse(model, subject, LATER_MS);
      await compareDirectory(model, subject, "");
      expect(await subject.keys(), "the keys in the bucket").toEqual(
        [...model.keys.keys()].sort(compareKeys),
      );
    },
    toString: () => name,
  };
}

async function elapse(model: TreeModel, subject: Subject, ms: number): Promise<void> {
  await subject.elapse(ms);
  model.nowMs += ms;
}

export const pass = (ms: number): Step =>
  step(`${ms} ms pass`, (model, subject) => elapse(model, subject, ms));

export const storeBehind = (key: string, content: string): Step =>
  step(
    `S3 stores ${JSON.stringify(content)} as ${JSON.stringify(key)}`,
    async (model, subject) => {
      await subject.store(key, content);
      model.storeBehind(key, content);
    },
    { settles: true },
  );

export const removeBehind = (key: string): Step =>
  step(
    `S3 deletes ${JSON.stringify(key)}`,
    async (model, subject) => {
      await subject.remove(key);
      model.remove(key);
    },
    { settles: true, check: ({ keys }) => keys.has(key) },
  );

/** Opens a path to write it, and keeps it open. */
export const create = (path: string, how: { truncate: boolean; exclusive: boolean }): Step => {
  const words = [
    "O_CREAT|O_WRONLY",
    ...(how.truncate ? ["O_TRUNC"] : []),
    ...(how.exclusive ? ["O_EXCL"] : []),
  ];
  return step(`open ${path} with ${words.join("|")}`, async (model, subject) => {
    const flags = O_CREAT | O_WRONLY | (how.truncate ? O_TRUNC : 0) | (how.exclusive ? O_EXCL : 0);
    const expected = expectedOfCreate(model, path, how);
    const opening = subject.tree.open(path, flags);
    const outcome = await outcomeOf(opening);
    expect(expected, `opening ${path}: ${outcome}`).toContain(outcome);
    if (outcome !== "ok") return;
    const writer: WriterModel = {
      kind: "writer",
      path,
      content: "",
      status: "open",
      failure: "",
      contested: false,
    };
    model.writers.set(path, writer);
    keep(model, subject, { handle: writer, file: await opening });
  });
};

function expectedOfCreate(
  model: TreeModel,
  path: string,
  how: { truncate: boolean; exclusive: boolean },
): readonly string[] {
  const obstacle = model.obstacle(path);
  if (obstacle !== undefined) return [obstacle];
  const kind = model.kind(path);
  if (kind === undefined) return ["ok"];
  if (how.exclusive) return ["EEXIST"];
  if (kind === "directory") return ["EISDIR"];
  if (model.writers.has(path) || !how.truncate || !model.rules.allowOverwrite) return ["EPERM"];
  const readers = model.readersOf(path);
  if (readers === "doubtful") return ["ok", "EPERM"];
  return [readers === "some" ? "EPERM" : "ok"];
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

/** Opens a path to read it, and keeps it open. */
export const openToRead = (path: string): Step =>
  step(
    `open ${path} with O_RDONLY`,
    async (model, subject) => {
      const expected =
        model.obstacle(path) ??
        (model.kind(path) === undefined ? "ENOENT" : model.writers.has(path) ? "EPERM" : "ok");
      const opening = subject.tree.open(path, O_RDONLY);
      expect(await outcomeOf(opening), `opening ${path}`).toBe(expected);
      if (expected !== "ok") return;
      const content = model.content(path);
      const handle = { kind: "reader", path, content, identity: "current" } as const;
      keep(model, subject, { handle: { ...handle }, file: await opening });
    },
    // A directory can be opened too, which is another thing.
    { check: (model) => model.kind(path) !== "directory" },
  );

/** A step with one of the open handles, whichever `pick` falls on. */
function withHandle(
  name: string,
  pick: number,
  run: (use: {
    model: TreeModel;
    subject: Subject;
    number: number;
    handle: HandleModel;
  }) => Promise<void>,
): Step {
  return step(
    `${name} handle ${pick} of those open`,
    async (model, subject) => {
      const entries = [...model.handles];
      const [number, handle] = entries[pick % entries.length] ?? [0, undefined];
      if (handle !== undefined) await run({ model, subject, number, handle });
    },
    { check: ({ handles }) => handles.size > 0 },
  );
}

export const write = (pick: number, data: string, displacement: number): Step =>
  withHandle(`write ${JSON.stringify(data)} ${displacement} off its end to`, pick, async (use) => {
    const { model, subject, number, handle } = use;
    const end = handle.kind === "writer" ? handle.content.length : 0;
    const offset = Math.max(0, end + displacement);
    const expected = expectedOfWrite(handle, offset);
    const writing = fileOf(subject, number).write(Buffer.from(data), offset);
    expect(await outcomeOf(writing), `writing to ${handle.path}`).toBe(expected);
    if (handle.kind !== "writer" || handle.status !== "open") return;
    if (expected === "ok") handle.content += data;
    else model.abandon(handle, expected);
  });

function expectedOfWrite(handle: HandleModel, offset: number): string {
  if (handle.kind === "reader" || handle.status === "stored") return "EBADF";
  if (handle.status === "failed") return handle.failure;
  return offset === handle.content.length ? "ok" : "EINVAL";
}

export const read = (pick: number, offset: number, byteCount: number): Step =>
  withHandle(`read ${byteCount} bytes at ${offset} of`, pick, async (use) => {
    const { model, subject, number, handle } = use;
    const reading = fileOf(subject, number).read(offset, byteCount);
    const outcome = await outcomeOf(reading);
    if (handle.kind === "writer") {
      expect(outcome, `reading ${handle.path}`).toBe("EBADF");
      return;
    }
    const now = model.keys.get(handle.path);
    const expected = now === handle.content ? "ok" : now === undefined ? "EIO" : "ESTALE";
    const isBeyond = offset >= handle.content.length;
    const mayShowOld = subject.cachesPages || isBeyond;
    expect(expected === "ok" || !mayShowOld ? [expected] : [expected, "ok"]).toContain(outcome);
    if (outcome !== "ok") return;
    expect((await reading).toString()).toBe(handle.content.slice(offset, offset + byteCount));
  });

export const sync = (pick: number): Step =>
  withHandle("fsync", pick, async ({ model, subject, number, handle }) => {
    const outcome = await outcomeOf(fileOf(subject, number).sync());
    noteEnd(model, handle, outcome);
  });

/** What close or fsync of a writer stores, and what it may answer. */
function noteEnd(model: TreeModel, handle: HandleModel, outcome: string): void {
  const about = `the end of ${handle.path}`;
  if (handle.kind === "reader" || handle.status === "stored") expect(outcome, about).toBe("ok");
  else if (handle.status === "failed") expect(outcome, about).toBe(handle.failure);
  else if (outcome !== "ok" && handle.contested) {
    expect(outcome, about).toBe("EEXIST");
    model.abandon(handle, outcome);
  } else {
    expect(outcome, about).toBe("ok");
    model.commit(handle);
  }
}

export const close = (pick: number): Step =>
  withHandle("close", pick, async ({ model, subject, number, handle }) => {
    await closeHandle(model, subject, number, handle);
  });

export async function closeHandle(
  model: TreeModel,
  subject: Subject,
  number: number,
  handle: HandleModel,
): Promise<void> {
  const file = fileOf(subject, number);
  model.handles.delete(number);
  subject.files.delete(number);
  const isStored = handle.kind === "writer" && handle.status === "stored";
  noteEnd(model, handle, await outcomeOf(file.close()));
  if (handle.kind !== "writer" || isStored || handle.content !== "") return;
  if (handle.status === "stored") await subject.stored(handle.path);
}

function fileOf(subject: Subject, number: number) {
  const file = subject.files.get(number);
  expect(file, `handle ${number}`).toBeDefined();
  if (file === undefined) throw new Error(`no handle ${number}`);
  return file;
}

export const stat = (path: string): Step =>
  step(`stat ${path}`, async (model, { tree }) => {
    const kind = model.kind(path);
    const expected = model.obstacle(path) ?? (kind === undefined ? "ENOENT" : "ok");
    const asking = tree.stat(path);
    expect(await outcomeOf(asking), `stat of ${path}`).toBe(expected);
    if (expected !== "ok") return;
    const status = await asking;
    expect(status.kind).toBe(kind);
    if (kind === "file") expect(status.sizeBytes).toBe(model.content(path).length);
  });

export const makeDirectory = (path: string): Step =>
  step(`mkdir ${path}`, async (model, { tree }) => {
    const expected = model.obstacle(path) ?? (model.kind(path) === undefined ? "ok" : "EEXIST");
    expect(await outcomeOf(tree.mkdir(path)), `mkdir ${path}`).toBe(expected);
    if (expected === "ok") model.localDirectories.add(path);
  });

export const removeDirectory = (path: string): Step =>
  step(
    `rmdir ${path}`,
    async (model, { tree }) => {
      const expected = expectedOfRmdir(model, path);
      expect(await outcomeOf(tree.rmdir(path)), `rmdir ${path}`).toBe(expected);
      if (expected === "ok") model.removeDirectory(path);
    },
    { leaves: true },
  );

function expectedOfRmdir(model: TreeModel, path: string): string {
  const obstacle = model.obstacle(path);
  if (obstacle !== undefined) return obstacle;
  const kind = model.kind(path);
  if (kind === undefined) return "ENOENT";
  if (kind === "file") return "ENOTDIR";
  if (model.hasLocalInside(path)) return "ENOTEMPTY";
  if (model.localDirectories.has(path)) return "ok";
  if (!model.rules.allowDelete) return "EPERM";
  if (!model.hasContent(path)) return "ok";
  return model.isEmptied(path) ? "ENOTEMPTY" : "EPERM";
}

export const unlink = (path: string): Step =>
  step(
    `unlink ${path}`,
    async (model, { tree }) => {
      const expected = expectedOfUnlink(model, path);
      expect(await outcomeOf(tree.unlink(path)), `unlink ${path}`).toBe(expected);
      if (expected === "ok") model.unlink(path);
    },
    { leaves: true },
  );

function expectedOfUnlink(model: TreeModel, path: string): string {
  const obstacle = model.obstacle(path);
  if (obstacle !== undefined) return obstacle;
  const kind = model.kind(path);
  if (kind === undefined) return "ENOENT";
  if (kind === "directory") return "EISDIR";
  return model.rules.allowDelete && !model.writers.has(path) ? "ok" : "EPERM";
}

/** Only of a file to a free name: what else the kernel refuses, it refuses by itself. */
export const rename = (from: string, to: string): Step =>
  step(
    `rename ${from} to ${to}`,
    async (model, { tree }) => {
      const expected = model.rules.allowDelete ? "EXDEV" : "ENOSYS";
      expect(await outcomeOf(tree.rename(from, to)), `rename of ${from}`).toBe(expected);
    },
    {
      check: (model) =>
        [from, to].every((path) => model.obstacle(path) === undefined) &&
        model.kind(from) === "file" &&
        model.kind(to) === undefined,
    },
  );

export const truncate = (path: string, sizeBytes: number): Step =>
  step(`truncate ${path} to ${sizeBytes} bytes`, async (model, { tree }) => {
    const kind = model.kind(path);
    let expected = model.obstacle(path);
    if (expected === undefined && kind === undefined) expected = "ENOENT";
    const outcome = await outcomeOf(tree.truncate(path, sizeBytes));
    if (expected !== undefined) expect(outcome, `truncate of ${path}`).toBe(expected);
    else if (kind === "directory") expect(outcome, `truncate of ${path}`).toBe("EISDIR");
    else {
      const isSame = model.content(path).length === sizeBytes;
      expect(outcome, `truncate of ${path}`).toBe(isSame ? "ok" : "EPERM");
    }
  });

export const setAttributes = (path: string, what: "times" | "mode"): Step =>
  step(`set the ${what} of ${path}`, async (model, { tree }) => {
    const setting = what === "times" ? tree.utimes(path, 1e12, 1e12) : tree.chmod(path, 0o640);
    const outcome = await outcomeOf(setting);
    expect(expectedOfSetting(model, path), `setting the ${what} of ${path}: ${outcome}`).toContain(
      outcome,
    );
  });

function expectedOfSetting(model: TreeModel, path: string): readonly string[] {
  const kind = model.kind(path);
  if (kind === undefined) return [model.obstacle(path) ?? "ENOENT"];
  const obstacle = model.obstacle(path);
  if (obstacle !== undefined) return [obstacle];
  if (kind === "directory") {
    // What was made here and has been stored since may still be known as made here.
    return model.localDirectories.has(path) ? ["ok"] : ["ok", "EPERM"];
  }
  if (model.writers.has(path)) return ["ok"];
  return model.made.has(path) ? ["ok", "EPERM"] : ["EPERM"];
}
