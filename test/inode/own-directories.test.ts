/** Files made in a directory that this mount has made: one PUT each, for as long as nobody else is there. */

import { describe, expect, test } from "vitest";

import { EEXIST, EIO, ENOENT } from "../../src/base/errno.ts";
import { errnoFrom, list, names, type Rig, ROOT, rig, writeFile } from "../fs/rig.ts";

/** As long as a directory's attributes are believed without a TTL. */
const BELIEVED_MS = 1000;

/** A directory that this mount has made, and its number. */
async function made(options: Parameters<typeof rig>[0] = {}): Promise<{ setup: Rig; ino: number }> {
  const setup = rig(options);
  const { ino } = (await setup.fs.mkdir(ROOT, "dir", 0o755)).attributes;
  setup.bucket.takeCounts();
  return { setup, ino };
}

describe("making files one after another in a directory that was made here", () => {
  test("costs one PUT each, and a LIST each half second", async () => {
    const { setup, ino } = await made();
    for (let i = 0; i < 200; i++) {
      await writeFile(setup, ino, `file-${i}`, "content");
      setup.advance(25);
    }
    const counts = setup.bucket.takeCounts();
    expect(counts).toMatchObject({ put: 200 });
    expect(counts.head).toBeUndefined();
    expect(counts.list).toBeLessThanOrEqual((200 * 25) / 500);
    expect(counts.list).toBeGreaterThan(5);
  });

  test("that takes longer than a directory is believed costs one LIST more each", async () => {
    const { setup, ino } = await made();
    for (let i = 0; i < 5; i++) {
      setup.advance(BELIEVED_MS + 1);
      await writeFile(setup, ino, `file-${i}`, "content");
    }
    expect(setup.bucket.takeCounts()).toEqual({ list: 5, put: 5 });
  });

  test("shows what somebody else makes there within a second, and asks for each name from then on", async () => {
    const { setup, ino } = await made();
    await writeFile(setup, ino, "ours", "content");
    setup.bucket.store("dir/theirs", "x");
    for (let i = 0; i < 45; i++) {
      await writeFile(setup, ino, `file-${i}`, "content");
      setup.advance(25);
    }
    expect((await setup.fs.lookup(ino, "theirs")).attributes.sizeBytes).toBe(1);
    // Takes the two for a walk through the directory.
    await writeFile(setup, ino, "another", "content");
    setup.bucket.takeCounts();
    await writeFile(setup, ino, "one more", "content");
    expect(setup.bucket.takeCounts()).toEqual({ head: 1, list: 1, put: 1 });
    setup.bucket.store("dir/later", "x");
    expect((await setup.fs.lookup(ino, "later")).attributes.sizeBytes).toBe(1);
  });

  test("never replaces what somebody else made meanwhile", async () => {
    const { setup, ino } = await made();
    setup.advance(900);
    setup.bucket.store("dir/file", "theirs");
    expect(await errnoFrom(() => setup.fs.lookup(ino, "file"))).toBe(ENOENT);
    expect(await errnoFrom(() => writeFile(setup, ino, "file", "ours"))).not.toBe(0);
    expect(setup.bucket.text("dir/file")).toBe("theirs");
  });

  test("asks for each name once there are more than one page shows", async () => {
    const { setup, ino } = await made();
    setup.bucket.pageKeysMax = 10;
    for (let i = 0; i < 12; i++) await writeFile(setup, ino, `file-${i}`, "content");
    setup.advance(BELIEVED_MS + 1);
    setup.bucket.takeCounts();
    await writeFile(setup, ino, "first", "content");
    expect(setup.bucket.takeCounts()).toEqual({ head: 1, list: 2, put: 1 });
    await writeFile(setup, ino, "second", "content");
    expect(setup.bucket.takeCounts()).toEqual({ head: 1, list: 1, put: 1 });
  });

  test("asks for the name when the directory cannot be listed, and fails only if that fails", async () => {
    const { setup, ino } = await made();
    setup.advance(BELIEVED_MS + 1);
    setup.bucket.failNext("list", "throttled");
    await writeFile(setup, ino, "one", "content");
    expect(setup.bucket.takeCounts()).toEqual({ head: 1, list: 2, put: 1 });
    setup.advance(BELIEVED_MS + 1);
    setup.bucket.failNext("list", "throttled");
    setup.bucket.failNext("list", "throttled");
    expect(await errnoFrom(() => setup.fs.lookup(ino, "two"))).toBe(EIO);
  });

  test("in two of them, one in the other, costs nothing more", async () => {
    const { setup, ino } = await made();
    const inner = (await setup.fs.mkdir(ino, "inner", 0o755)).attributes.ino;
    for (let i = 0; i < 30; i++) {
      await writeFile(setup, inner, `file-${i}`, "content");
      await writeFile(setup, ino, `file-${i}`, "content");
      setup.advance(100);
    }
    const { head, list: lists } = setup.bucket.takeCounts();
    expect(head).toBeUndefined();
    expect(lists).toBeLessThanOrEqual(2 * 6);
  });
});

test("what is there is found, deleted and made again while the directory is looked through", async () => {
  const { setup, ino } = await made({ allowDelete: true });
  for (const name of ["a", "b", "c"]) await writeFile(setup, ino, name, "content");
  setup.advance(600);
  const release = setup.bucket.hold("list");
  // Begins to look, and goes on without it.
  expect(await errnoFrom(() => setup.fs.lookup(ino, "d"))).toBe(ENOENT);
  await setup.fs.unlink(ino, "b");
  await writeFile(setup, ino, "e", "content");
  release();
  await list(setup, ROOT);
  expect(await names(setup, ino)).toEqual(["a", "c", "e"]);
  expect(await errnoFrom(() => setup.fs.lookup(ino, "b"))).toBe(ENOENT);
  expect(await errnoFrom(() => setup.fs.mkdir(ino, "a", 0o755))).toBe(EEXIST);
  await writeFile(setup, ino, "b", "content");
  expect(setup.bucket.text("dir/b")).toBe("content");
});

test("many lookups of a directory that is no longer believed are one LIST", async () => {
  const { setup, ino } = await made();
  await writeFile(setup, ino, "file", "content");
  setup.advance(BELIEVED_MS + 1);
  setup.bucket.takeCounts();
  const found = Array.from({ length: 20 }, (_, i) =>
    errnoFrom(() => setup.fs.lookup(ino, i === 0 ? "file" : `missing-${i}`)),
  );
  expect(await Promise.all(found)).toEqual([0, ...Array.from({ length: 19 }, () => ENOENT)]);
  expect(setup.bucket.takeCounts()).toEqual({ list: 1 });
});
