/**
 * Random sequences of operations in the mount and behind its back, compared after each step with a
 * model that knows nothing of caches, pages or lookup counts.
 */

import fc from "fast-check";
import { expect, test } from "vitest";

import { EEXIST, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EPERM } from "../../src/base/errno.ts";
import { compareKeys } from "../../src/inode/name.ts";
import {
  CALLER,
  errnoFrom,
  list,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  type Rig,
  ROOT,
  readText,
  rig,
  walk,
} from "./rig.ts";
import { TreeModel } from "./tree-model.ts";

interface Real {
  readonly setup: Rig;
  readonly handles: Map<string, { readonly fh: number; readonly inos: Set<number> }>;
  readonly inos: Set<number>;
}

type Step = fc.AsyncCommand<TreeModel, Real>;

/** Longer than any entry lives, so that the mount may not believe what it knew. */
const LATER_MS = 2000;

async function parentIno(setup: Rig, path: string): Promise<number> {
  const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
  return parent === "" ? ROOT : (await walk(setup, parent)).attributes.ino;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

async function compare(
  model: TreeModel,
  real: Real,
  directory: string,
  ino: number,
): Promise<void> {
  const entries = await list(real.setup, ino, { plus: true, replyEntriesMax: 3 });
  const shown = entries.map(({ name, kind, entry }) =>
    kind === "file" ? `${name} ${entry?.attributes.sizeBytes}` : `${name}/`,
  );
  expect(shown.sort(compareKeys), `the entries of ${JSON.stringify(directory)}`).toEqual(
    model.list(directory),
  );
  for (const entry of entries) {
    real.inos.add(entry.ino);
    const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
    const found = await real.setup.fs.lookup(ino, entry.name);
    expect(found.attributes.ino, `the inode of ${path}`).toBe(entry.ino);
    if (entry.kind === "directory") await compare(model, real, path, entry.ino);
  }
}

function step(name: string, run: (model: TreeModel, real: Real) => Promise<void>): Step {
  return {
    check: () => true,
    run: async (model, real) => {
      await run(model, real);
      real.setup.advance(LATER_MS);
      await compare(model, real, "", ROOT);
      real.setup.advance(LATER_MS);
    },
    toString: () => name,
  };
}

const remotePut = (key: string, content: string): Step =>
  step(`S3 stores ${JSON.stringify(key)}`, async (model, { setup }) => {
    setup.bucket.store(key, content);
    model.store(key, content);
  });

const remoteDelete = (key: string): Step =>
  step(`S3 deletes ${JSON.stringify(key)}`, async (model, { setup }) => {
    setup.bucket.remove(key);
    model.keys.delete(key);
  });

const begin = (path: string, content: string): Step =>
  step(`open ${path} to write ${content.length} bytes`, async (model, real) => {
    const { setup } = real;
    const kind = model.kind(path);
    if (!model.isReachable(path)) return;
    const parent = await parentIno(setup, path);
    let fh = 0;
    const errno = await errnoFrom(async () => {
      if (kind === "file") {
        const { ino } = (await walk(setup, path)).attributes;
        fh = (await setup.fs.open(ino, O_WRONLY | O_TRUNC, CALLER)).fh;
      } else {
        const request = { mode: 0o100644, flags: O_WRONLY, caller: CALLER };
        fh = (await setup.fs.create(parent, nameOf(path), request)).opened.fh;
      }
    });
    const expected = kind === "directory" ? EEXIST : model.open.has(path) ? EPERM : 0;
    expect(errno, `opening ${path}`).toBe(expected);
    if (errno !== 0) return;
    // A file hidden before under this name has its own handle, which nothing here closes any more.
    real.handles.set(path, { fh, inos: new Set() });
    model.hidden.delete(path);
    if (content !== "") await setup.fs.write(fh, 0, Buffer.from(content));
    model.open.set(path, content);
  });

const finish = (path: string): Step =>
  step(`close ${path}`, async (model, { setup, handles }) => {
    const handle = handles.get(path);
    if (handle === undefined) return;
    handles.delete(path);
    const content = model.open.get(path) ?? model.hidden.get(path) ?? "";
    await setup.fs.flush(handle.fh, CALLER);
    await setup.fs.release(handle.fh);
    model.open.delete(path);
    model.hidden.delete(path);
    model.store(path, content);
  });

const read = (path: string): Step =>
  step(`read ${path}`, async (model, { setup }) => {
    const kind = model.isReachable(path) ? model.kind(path) : undefined;
    let text = "";
    const errno = await errnoFrom(async () => {
      const { ino } = (await walk(setup, path)).attributes;
      const { fh } = await setup.fs.open(ino, O_RDONLY, CALLER);
      text = await readText(setup, fh);
      await setup.fs.flush(fh, CALLER);
      await setup.fs.release(fh);
    });
    if (kind === "directory") expect(errno).toBe(EISDIR);
    else if (kind === undefined) expect([ENOENT, ENOTDIR]).toContain(errno);
    else if (model.open.has(path)) expect(errno).toBe(EPERM);
    else expect([errno, text]).toEqual([0, model.keys.get(path)]);
  });

const mkdir = (path: string): Step =>
  step(`mkdir ${path}`, async (model, { setup }) => {
    if (!model.isReachable(path)) return;
    const parent = await parentIno(setup, path);
    const errno = await errnoFrom(() => setup.fs.mkdir(parent, nameOf(path), 0o755));
    expect(errno).toBe(model.kind(path) === undefined ? 0 : EEXIST);
    if (errno === 0) model.localDirectories.add(path);
  });

const rmdir = (path: string): Step =>
  step(`rmdir ${path}`, async (model, { setup }) => {
    if (!model.isReachable(path)) return;
    const parent = await parentIno(setup, path);
    const errno = await errnoFrom(async () => {
      // The kernel looks a name up, when what it knew has expired, before it removes it.
      await setup.fs.lookup(parent, nameOf(path));
      await setup.fs.rmdir(parent, nameOf(path));
    });
    const kind = model.kind(path);
    if (kind === undefined) expect(errno).toBe(ENOENT);
    else if (kind === "file") expect(errno).toBe(ENOTDIR);
    else if (model.hasLocalInside(path)) expect(errno).toBe(ENOTEMPTY);
    else expect(errno).toBe(model.localDirectories.has(path) ? 0 : EPERM);
    if (errno === 0) model.localDirectories.delete(path);
  });

const unlink = (path: string): Step =>
  step(`unlink ${path}`, async (model, { setup }) => {
    if (!model.isReachable(path)) return;
    const parent = await parentIno(setup, path);
    const errno = await errnoFrom(async () => {
      // The kernel looks a name up, when what it knew has expired, before it removes it.
      await setup.fs.lookup(parent, nameOf(path));
      await setup.fs.unlink(parent, nameOf(path));
    });
    const kind = model.kind(path);
    if (kind === undefined) expect(errno).toBe(ENOENT);
    else if (kind === "directory") expect(errno).toBe(EISDIR);
    else expect(errno).toBe(model.open.has(path) ? EPERM : 0);
    if (errno !== 0) return;
    // The directories above stay for a moment, and the step's end is behind that.
    model.keys.delete(path);
  });

const name = fc.constantFrom("a", "b", "a-", "a.b", "é", "😀");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
const content = fc.string({ maxLength: 5, unit: "grapheme-ascii" });
const key = fc.oneof(
  { weight: 8, arbitrary: path },
  { weight: 1, arbitrary: path.map((directory) => `${directory}/`) },
  { weight: 1, arbitrary: fc.constantFrom("a//b", "./a", "a/../b", "b/.", "/", "a/\0") },
);

test("the mount shows what the model shows, whatever happens in it and behind it", async () => {
  const commands = fc.commands(
    [
      fc.tuple(key, content).map(([k, c]) => remotePut(k, c)),
      key.map(remoteDelete),
      fc.tuple(path, content).map(([p, c]) => begin(p, c)),
      path.map(finish),
      path.map(read),
      path.map(mkdir),
      path.map(rmdir),
      path.map(unlink),
    ],
    { maxCommands: 40, size: "max" },
  );
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 5 }),
    commands,
    async (page, steps) => {
      const setup = rig({ allowDelete: true, allowOverwrite: true });
      setup.bucket.pageKeysMax = page;
      const real: Real = { setup, handles: new Map(), inos: new Set() };
      const model = new TreeModel();
      await fc.asyncModelRun(() => ({ model, real }), steps);

      await setup.fs.shutdown(AbortSignal.timeout(1000));
      for (let ino = 2; ino < 10_000 && ino <= Math.max(0, ...real.inos) + 100; ino++) {
        setup.fs.forget(ino, Number.MAX_SAFE_INTEGER);
      }
      setup.advance(LATER_MS);
      const gauges = setup.fs.gauges();
      expect(gauges).toMatchObject({
        handles: 0,
        directoryHandles: 0,
        uploads: 0,
        rememberedInodes: 0,
      });
      if (model.localDirectories.size === 0) expect(gauges.inodes).toBe(0);
    },
  );
  await fc.assert(property, { numRuns: 500 });
}, 60_000);
