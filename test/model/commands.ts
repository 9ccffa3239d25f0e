/**
 * The steps of the model test: each does one thing to the mount, or behind its back, and says what the
 * model expects of it. Behind each step the whole tree and the bucket's keys are compared.
 */

import type fc from "fast-check";
import { expect } from "vitest";

import { errnoName } from "../rigs/errno-names.ts";
import type { Subject } from "./subject.ts";
import { type HandleModel, TreeModel, type WriterModel } from "./tree-model.ts";

export type Step = fc.AsyncCommand<TreeModel, Subject>;

/** "ok", or the name of the errno. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
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
  expect(shown.sort(TreeModel.compare), `the entries of ${JSON.stringify(directory)}`).toEqual(
    model.list(directory),
  );
  for (const { name, kind, ino } of listed) {
    const path = directory === "" ? name : `${directory}/${name}`;
    if (kind === "directory") {
      await compareDirectory(model, subject, path);
      continue;
    }
    const before = model.seen.get(path);
    model.seen.delete(path);
    if (model.writers.has(path)) continue;
    const content = model.content(path);
    if (before !== undefined && before.content !== content) {
      expect(ino, `the inode of another version of ${path}`).not.toBe(before.ino);
    }
    model.seen.set(path, { ino, content });
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

export function step(
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
      if (settles || (leaves && subject.clockRuns) || model.isDoubtful) {
        model.isDoubtful = false;
        await elapse(model, subject, model.rules.laterMs);
      }
      await compareDirectory(model, subject, "");
      expect(await subject.keys(), "the keys in the bucket").toEqual(
        [...model.keys.keys()].sort(TreeModel.compare),
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

/** As it does when memory is short; nothing is to change by it. */
export const forget = (): Step =>
  step("the kernel forgets the directories", async (_, subject) => subject.forget());

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
    const isAppending = handle.kind === "writer" && handle.isAppending;
    const offset = isAppending ? end : Math.max(0, end + displacement);
    const expected = expectedOfWrite(handle, offset);
    const writing = fileOf(subject, number).write(Buffer.from(data), offset);
    expect(await outcomeOf(writing), `writing to ${handle.path}`).toBe(expected);
    if (handle.kind !== "writer" || handle.status !== "open") return;
    handle.isIdle = false;
    handle.isBegun = true;
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
    const slice = handle.content.slice(offset, offset + byteCount);
    if (handle.kind === "writer") {
      // The kernel has pages of what it has written, and may read those where O_RDWR lets it.
      const expected = subject.cachesPages ? ["EBADF", "ok"] : ["EBADF"];
      expect(expected, `reading ${handle.path}: ${outcome}`).toContain(outcome);
      if (outcome === "ok") expect((await reading).toString()).toBe(slice);
      return;
    }
    if (handle.use === "maybe") handle.use = outcome === "EBADF" ? "superseded" : "active";
    if (handle.use === "superseded") {
      expect(outcome, `reading ${handle.path}`).toBe("EBADF");
      return;
    }
    handle.use = "active";
    const now = model.keys.get(handle.path);
    const expected = now === handle.content ? "ok" : now === undefined ? "EIO" : "ESTALE";
    const isBeyond = offset >= handle.content.length;
    const mayShowOld = subject.cachesPages || isBeyond;
    expect(expected === "ok" || !mayShowOld ? [expected] : [expected, "ok"]).toContain(outcome);
    if (outcome !== "ok") return;
    expect((await reading).toString()).toBe(slice);
  });

/** fstat(2): an open file is what was opened, whatever its name stands for by now. */
export const statHandle = (pick: number): Step =>
  withHandle("fstat", pick, async ({ subject, number, handle }) => {
    if (handle.kind === "writer" ? handle.status !== "open" : handle.use !== "active") return;
    const { kind, sizeBytes } = await fileOf(subject, number).stat();
    expect({ kind, sizeBytes }).toEqual({ kind: "file", sizeBytes: handle.content.length });
  });

/** A child that was forked while the file was open ends, which closes its copy of the descriptor. */
export const closeCopy = (pick: number): Step =>
  withHandle("a child closes its copy of", pick, async ({ model, subject, number, handle }) => {
    const outcome = await outcomeOf(fileOf(subject, number).closeCopyOfChild());
    const hasFailed = handle.kind === "writer" && handle.status === "failed";
    expect(outcome, `closing ${handle.path}`).toBe(hasFailed ? handle.failure : "ok");
    if (handle.kind === "writer") {
      handle.isIdle = handle.status === "open";
      if (handle.isIdle && model.rules.appends && handle.isBegun) model.storePart(handle);
    } else if (handle.use === "active") handle.use = "idle";
  });

/** A copy that dup(2) made is closed: what was written is stored by then, and takes no more. */
export const closeDuplicate = (pick: number): Step =>
  withHandle("close a duplicate of", pick, async ({ model, subject, number, handle }) => {
    const outcome = await outcomeOf(subject.closeDuplicate(number));
    if (handle.kind === "reader") {
      expect(outcome, `closing ${handle.path}`).toBe("ok");
      if (handle.use === "active") handle.use = "idle";
    } else if (handle.status === "open" && (handle.content === "" || model.rules.appends)) {
      expect(outcome, `closing ${handle.path}`).toBe("ok");
      if (handle.isBegun && model.rules.appends) model.storePart(handle);
      handle.isIdle = true;
    } else {
      noteEnd(model, handle, outcome);
    }
  });

export const sync = (pick: number): Step =>
  withHandle("fsync", pick, async ({ model, subject, number, handle }) => {
    const outcome = await outcomeOf(fileOf(subject, number).sync());
    if (handle.kind === "writer" && handle.status === "open" && model.rules.appends) {
      expect(outcome, `fsync of ${handle.path}`).toBe("ok");
      handle.isBegun = true;
      model.storePart(handle);
    } else {
      noteEnd(model, handle, outcome);
    }
  });

/**
 * Whether what is idle at `path` kept a later operation, with this outcome, from beginning: it is stored
 * first, which may fail.
 */
export function failsToEnd(model: TreeModel, path: string, outcome: string): boolean {
  const writer = model.writers.get(path);
  if (writer?.isIdle !== true) return false;
  if (writer.contested && outcome === "EEXIST") {
    model.abandon(writer, outcome);
    return true;
  }
  model.commit(writer);
  return false;
}

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
  const outcome = await outcomeOf(file.close());
  const isEmpty = handle.kind === "writer" && handle.status === "open" && handle.content === "";
  if (isEmpty && outcome === "ok") await endEmpty(model, subject, handle);
  else noteEnd(model, handle, outcome);
}

/** A close of an empty file returns before it is stored, or refused, of which nobody is told then. */
async function endEmpty(model: TreeModel, subject: Subject, writer: WriterModel): Promise<void> {
  if (writer.contested) {
    await elapse(model, subject, model.rules.laterMs);
    const isStored = (await subject.sizeOf(writer.path)) === 0;
    if (!isStored) {
      model.abandon(writer, "EEXIST");
      return;
    }
  }
  model.commit(writer);
  await subject.stored(writer.path);
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
    const free = model.rules.readOnly ? "EROFS" : "ok";
    const expected = model.obstacle(path) ?? (model.kind(path) === undefined ? free : "EEXIST");
    expect(await outcomeOf(tree.mkdir(path)), `mkdir ${path}`).toBe(expected);
    if (expected === "ok") model.localDirectories.add(path);
  });

export const removeDirectory = (path: string): Step =>
  step(
    `rmdir ${path}`,
    async (model, { tree }) => {
      const expected = expectedOfRmdir(model, path);
      const outcome = await outcomeOf(tree.rmdir(path));
      expect(expected, `rmdir ${path}: ${outcome}`).toContain(outcome);
      if (outcome === "ok") model.removeDirectory(path);
    },
    { leaves: true },
  );

function expectedOfRmdir(model: TreeModel, path: string): readonly string[] {
  const obstacle = model.obstacle(path);
  if (obstacle !== undefined) return [obstacle];
  const kind = model.kind(path);
  if (kind === undefined) return ["ENOENT"];
  if (kind === "file") return ["ENOTDIR"];
  if (model.rules.readOnly) return ["EROFS"];
  if (model.hasLocalInside(path)) return ["ENOTEMPTY"];
  if (model.localDirectories.has(path)) return ["ok"];
  if (!model.rules.allowDelete) return ["EPERM"];
  if (!model.hasContent(path)) return ["ok"];
  if (model.isEmptied(path)) return ["ENOTEMPTY"];
  // For how long it is remembered depends on when it was looked up.
  return model.emptied.has(path) ? ["EPERM", "ENOTEMPTY"] : ["EPERM"];
}

export const unlink = (path: string): Step =>
  step(
    `unlink ${path}`,
    async (model, { tree }) => {
      const outcome = await outcomeOf(tree.unlink(path));
      if (mayUnlink(model, path) && failsToEnd(model, path, outcome)) return;
      const expected = expectedOfUnlink(model, path);
      expect(outcome, `unlink ${path}`).toBe(expected);
      if (expected === "ok") model.unlink(path);
    },
    { leaves: true },
  );

function mayUnlink(model: TreeModel, path: string): boolean {
  const { allowDelete, readOnly } = model.rules;
  return allowDelete && !readOnly && model.obstacle(path) === undefined;
}

function expectedOfUnlink(model: TreeModel, path: string): string {
  const obstacle = model.obstacle(path);
  if (obstacle !== undefined) return obstacle;
  const kind = model.kind(path);
  if (kind === undefined) return "ENOENT";
  if (kind === "directory") return "EISDIR";
  if (model.rules.readOnly) return "EROFS";
  return model.rules.allowDelete && !model.writers.has(path) ? "ok" : "EPERM";
}

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
      expect(outcome, `truncate of ${path}`).toBe(
        isSame ? "ok" : model.rules.readOnly ? "EROFS" : "EPERM",
      );
    }
  });

const TIME_MS = 1e12;

export const setAttributes = (path: string, what: "times" | "mode"): Step =>
  step(`set the ${what} of ${path}`, async (model, { tree }) => {
    const setting =
      what === "times" ? tree.utimes(path, TIME_MS, TIME_MS) : tree.chmod(path, 0o640);
    const outcome = await outcomeOf(setting);
    expect(expectedOfSetting(model, path), `setting the ${what} of ${path}: ${outcome}`).toContain(
      outcome,
    );
    // Times are kept until what was made here is stored.
    const isLocal = model.writers.has(path) || model.localDirectories.has(path);
    if (outcome !== "ok" || what === "mode" || !isLocal) return;
    expect((await tree.stat(path)).mtimeMs, `the time of ${path}`).toBe(TIME_MS);
  });

function expectedOfSetting(model: TreeModel, path: string): readonly string[] {
  const kind = model.kind(path);
  if (kind === undefined) return [model.obstacle(path) ?? "ENOENT"];
  const obstacle = model.obstacle(path);
  if (obstacle !== undefined) return [obstacle];
  if (model.rules.readOnly) return ["EROFS"];
  if (kind === "directory") {
    // What was made here and has been stored since may still be known as made here.
    return model.localDirectories.has(path) ? ["ok"] : ["ok", "EPERM"];
  }
  if (model.writers.has(path)) return ["ok"];
  return model.made.has(path) ? ["ok", "EPERM"] : ["EPERM"];
}
