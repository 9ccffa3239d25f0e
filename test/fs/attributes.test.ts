import { describe, expect, test } from "vitest";

import { ENOENT, EPERM, EROFS, ESTALE } from "../../src/base/errno.ts";
import { CALLER, createFile, errnoFrom, O_RDONLY, ROOT, rig, writeFile } from "./rig.ts";

const AT_MS = 1_000_000_000_000;

describe("getattr", () => {
  test("a file is as S3 has it, with the mount's owner and mode", async () => {
    const setup = rig();
    setup.bucket.store("file", "content", { lastModifiedMs: AT_MS });
    const { attributes } = await setup.fs.lookup(ROOT, "file");
    expect(attributes).toEqual({
      ino: attributes.ino,
      kind: "file",
      mode: 0o644,
      nlink: 1,
      uid: 1000,
      gid: 1001,
      sizeBytes: 7,
      atimeMs: AT_MS,
      mtimeMs: AT_MS,
      ctimeMs: AT_MS,
    });
  });

  test("the root is a directory that is always there, dated at the mount", async () => {
    const setup = rig();
    setup.advance(1_000_000);
    const { attributes, validMs } = await setup.fs.getattr(ROOT, undefined);
    expect(attributes).toMatchObject({ ino: 1, kind: "directory", mode: 0o755, nlink: 2 });
    expect(attributes.mtimeMs).toBe(1_700_000_000_000);
    expect(validMs).toBe(1000);
    expect(setup.bucket.takeCounts()).toEqual({});
  });

  test("that has expired costs one request, and tells a replaced from a deleted object", async () => {
    const setup = rig();
    setup.bucket.store("file", "one");
    setup.bucket.store("dir/file", "one");
    const file = (await setup.fs.lookup(ROOT, "file")).attributes.ino;
    const dir = (await setup.fs.lookup(ROOT, "dir")).attributes.ino;
    setup.bucket.takeCounts();
    setup.advance(5000);
    await setup.fs.getattr(file, undefined);
    expect(setup.bucket.takeCounts()).toEqual({ head: 1 });
    await setup.fs.getattr(dir, undefined);
    expect(setup.bucket.takeCounts()).toEqual({ list: 1 });
    setup.advance(5000);
    setup.bucket.store("file", "two");
    expect(await errnoFrom(() => setup.fs.getattr(file, undefined))).toBe(ESTALE);
    setup.bucket.remove("file");
    setup.bucket.remove("dir/file");
    expect(await errnoFrom(() => setup.fs.getattr(dir, undefined))).toBe(ENOENT);
  });

  test("of an open file costs nothing: it is the version that was opened", async () => {
    const setup = rig();
    setup.bucket.store("file", "one");
    const { ino } = (await setup.fs.lookup(ROOT, "file")).attributes;
    await setup.fs.open(ino, O_RDONLY, CALLER);
    setup.bucket.store("file", "longer");
    setup.advance(5000);
    setup.bucket.takeCounts();
    expect((await setup.fs.getattr(ino, undefined)).attributes.sizeBytes).toBe(3);
    expect(setup.bucket.takeCounts()).toEqual({});
  });
});

describe("setattr", () => {
  test("times show while a file or directory is local; mode and owner are accepted without effect", async () => {
    const setup = rig();
    const dir = (await setup.fs.mkdir(ROOT, "dir", 0o755)).attributes.ino;
    const file = (await createFile(setup, dir, "file")).ino;
    setup.advance(7);
    for (const ino of [dir, file]) {
      const changes = { mode: 0o700, uid: 5, gid: 6, atimeMs: AT_MS, mtimeMs: "now" } as const;
      const { attributes } = await setup.fs.setattr(ino, changes);
      const mode = ino === dir ? 0o755 : 0o644;
      expect(attributes).toMatchObject({ mode, uid: 1000, gid: 1001, atimeMs: AT_MS });
      expect(attributes.mtimeMs).toBe(1_700_000_000_007);
      expect((await setup.fs.getattr(ino, undefined)).attributes).toEqual(attributes);
    }
  });

  test("they are accepted, without effect, on what this mount made and stored", async () => {
    const setup = rig();
    const dir = (await setup.fs.mkdir(ROOT, "dir", 0o755)).attributes.ino;
    const file = await writeFile(setup, dir, "file", "content");
    setup.advance(100_000);
    for (const ino of [dir, file]) {
      const { attributes } = await setup.fs.setattr(ino, { mode: 0o600, mtimeMs: AT_MS });
      expect(attributes.mode).toBe(ino === dir ? 0o755 : 0o644);
    }
  });

  test("they are refused on everything else", async () => {
    const setup = rig();
    setup.bucket.store("dir/file", "content");
    const dir = (await setup.fs.lookup(ROOT, "dir")).attributes.ino;
    const file = (await setup.fs.lookup(dir, "file")).attributes.ino;
    for (const ino of [ROOT, dir, file]) {
      for (const changes of [{ mode: 0o600 }, { uid: 0 }, { atimeMs: "now" }] as const) {
        expect(await errnoFrom(() => setup.fs.setattr(ino, changes))).toBe(EPERM);
      }
    }
  });

  test("a size is accepted only when it is there already", async () => {
    const setup = rig({ allowOverwrite: true });
    setup.bucket.store("old", "content");
    const old = (await setup.fs.lookup(ROOT, "old")).attributes.ino;
    const { ino, fh } = await createFile(setup, ROOT, "new");
    expect(await errnoFrom(() => setup.fs.setattr(ino, { sizeBytes: 0, fh }))).toBe(0);
    await setup.fs.write(fh, 0, Buffer.from("12345"));
    expect(await errnoFrom(() => setup.fs.setattr(ino, { sizeBytes: 5, fh }))).toBe(0);
    expect(await errnoFrom(() => setup.fs.setattr(ino, { sizeBytes: 0, fh }))).toBe(EPERM);
    expect(await errnoFrom(() => setup.fs.setattr(ino, { sizeBytes: 99, fh }))).toBe(EPERM);
    expect(await errnoFrom(() => setup.fs.setattr(old, { sizeBytes: 7 }))).toBe(0);
    expect(await errnoFrom(() => setup.fs.setattr(old, { sizeBytes: 0 }))).toBe(EPERM);
    expect(await errnoFrom(() => setup.fs.setattr(ROOT, { sizeBytes: 0 }))).not.toBe(0);
    expect(setup.log.some((line) => line.includes("--allow-overwrite"))).toBe(true);
  });

  test("a change of nothing is fine, and any other is EROFS on a read-only mount", async () => {
    const setup = rig({ readOnly: true });
    setup.bucket.store("file", "content");
    const { ino } = (await setup.fs.lookup(ROOT, "file")).attributes;
    expect(await errnoFrom(() => setup.fs.setattr(ino, {}))).toBe(0);
    expect(await errnoFrom(() => setup.fs.setattr(ino, { mode: 0o600 }))).toBe(EROFS);
    expect(await errnoFrom(() => setup.fs.setattr(ino, { sizeBytes: 0 }))).toBe(EROFS);
  });
});

test("statfs promises as much as fits 64 bits of bytes", () => {
  const statistics = rig().fs.statfs();
  expect(statistics).toMatchObject({ blockBytes: 512, fragmentBytes: 512, nameBytesMax: 255 });
  const bytes = BigInt(statistics.blocks) * BigInt(statistics.blockBytes);
  expect(bytes).toBeLessThan(2n ** 63n);
  expect(bytes).toBeGreaterThan(2n ** 63n - 2048n);
  expect(statistics.blocksAvailable).toBeLessThanOrEqual(statistics.blocks);
});
