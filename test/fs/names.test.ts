import { describe, expect, test } from "vitest";

import {
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOSYS,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  EROFS,
  ESTALE,
  EXDEV,
} from "../../src/base/errno.ts";
import {
  CALLER,
  createFile,
  errnoFrom,
  names,
  O_RDONLY,
  ROOT,
  readFile,
  rig,
  walk,
  writeFile,
} from "./rig.ts";

const RENAME_NOREPLACE = 1;

describe("mkdir", () => {
  test("makes a directory in this mount only, which costs no PUT", async () => {
    const setup = rig();
    await errnoFrom(() => setup.fs.lookup(ROOT, "dir"));
    expect(setup.bucket.takeCounts()).toEqual({ head: 1, list: 1 });
    const { attributes } = await setup.fs.mkdir(ROOT, "dir", 0o755);
    expect((await setup.fs.lookup(ROOT, "dir")).attributes.ino).toBe(attributes.ino);
    setup.advance(1_000_000);
    expect((await setup.fs.lookup(ROOT, "dir")).attributes.ino).toBe(attributes.ino);
    expect(setup.bucket.takeCounts()).toEqual({});
    expect(await names(setup, ROOT)).toEqual(["dir"]);
    expect(setup.bucket.objects.size).toBe(0);
  });

  test("the directory is S3's once a file in it was stored, and vanishes with it", async () => {
    const setup = rig();
    const outer = (await setup.fs.mkdir(ROOT, "outer", 0o755)).attributes.ino;
    const inner = (await setup.fs.mkdir(outer, "inner", 0o755)).attributes.ino;
    await writeFile(setup, inner, "file", "x");
    setup.advance(5000);
    expect((await walk(setup, "outer/inner/file")).attributes.sizeBytes).toBe(1);
    setup.bucket.remove("outer/inner/file");
    setup.advance(5000);
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "outer"))).toBe(ENOENT);
    expect(await names(setup, ROOT)).toEqual([]);
  });

  test("a directory that another client fills meanwhile becomes one with it", async () => {
    const setup = rig();
    const { ino } = (await setup.fs.mkdir(ROOT, "dir", 0o755)).attributes;
    setup.bucket.store("dir/theirs", "x");
    expect(await names(setup, ino)).toEqual(["theirs"]);
    expect(await names(setup, ROOT)).toEqual(["dir"]);
    setup.advance(5000);
    expect((await setup.fs.lookup(ROOT, "dir")).attributes.ino).toBe(ino);
    expect((await setup.fs.lookup(ino, "theirs")).attributes.sizeBytes).toBe(1);
  });
});

describe("rmdir", () => {
  test("removes an empty local directory; then nothing can be made in it", async () => {
    const setup = rig();
    const { ino } = (await setup.fs.mkdir(ROOT, "dir", 0o755)).attributes;
    setup.bucket.takeCounts();
    expect(await errnoFrom(() => setup.fs.rmdir(ROOT, "dir"))).toBe(0);
    expect(setup.bucket.takeCounts()).toEqual({});
    expect(await errnoFrom(() => setup.fs.mkdir(ino, "x", 0o755))).toBe(ENOENT);
    expect(await errnoFrom(() => createFile(setup, ino, "x"))).toBe(ENOENT);
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "dir"))).toBe(ENOENT);
    const again = (await setup.fs.mkdir(ROOT, "dir", 0o755)).attributes.ino;
    expect(again).not.toBe(ino);
    await writeFile(setup, again, "file", "x");
    expect(setup.bucket.text("dir/file")).toBe("x");
  });

  test("a directory with an open file is not empty, and one that S3 has is EPERM", async () => {
    const setup = rig();
    const { ino } = (await setup.fs.mkdir(ROOT, "dir", 0o755)).attributes;
    const { fh } = await createFile(setup, ino, "file");
    expect(await errnoFrom(() => setup.fs.rmdir(ROOT, "dir"))).toBe(ENOTEMPTY);
    await setup.fs.write(fh, 0, Buffer.from("x"));
    await setup.fs.flush(fh, CALLER);
    expect(await errnoFrom(() => setup.fs.rmdir(ROOT, "dir"))).toBe(EPERM);
    setup.bucket.remove("dir/file");
    setup.advance(5000);
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "dir"))).toBe(ENOENT);
  });

  test("is EPERM for what S3 has, ENOTDIR for a file, EROFS on a read-only mount", async () => {
    const setup = rig({ allowDelete: true });
    setup.bucket.store("dir/file");
    setup.bucket.store("marked/", "content that nobody sees");
    setup.bucket.store("file");
    expect(await errnoFrom(() => setup.fs.rmdir(ROOT, "dir"))).toBe(EPERM);
    expect(await errnoFrom(() => setup.fs.rmdir(ROOT, "marked"))).toBe(EPERM);
    expect(await errnoFrom(() => setup.fs.rmdir(ROOT, "file"))).toBe(ENOTDIR);
    expect(await errnoFrom(() => setup.fs.rmdir(ROOT, "nothing"))).toBe(ENOENT);
    expect(await errnoFrom(() => rig({ readOnly: true }).fs.rmdir(ROOT, "x"))).toBe(EROFS);
  });
});

test("rmdir of what only a marker makes deletes the marker, where deleting is allowed", async () => {
  for (const [allowDelete, errno, keys] of [
    [false, EPERM, ["marked/"]],
    [true, 0, []],
  ] as const) {
    const setup = rig({ allowDelete });
    setup.bucket.store("marked/");
    await setup.fs.lookup(ROOT, "marked");
    expect(await errnoFrom(() => setup.fs.rmdir(ROOT, "marked"))).toBe(errno);
    expect([...setup.bucket.objects.keys()]).toEqual(keys);
  }
});

describe("removing a tree through the mount", () => {
  test("works to the end, though directories of S3 vanish with their last key", async () => {
    const setup = rig({ allowDelete: true });
    for (const key of ["t/a/1", "t/a/2", "t/b/c/3", "t/b/4", "t/m/", "t/m/5"]) {
      setup.bucket.store(key, key.endsWith("/") ? "" : key);
    }
    await removeTree(setup, ROOT, "t");
    expect([...setup.bucket.objects.keys()]).toEqual([]);
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "t"))).toBe(ENOENT);
  });

  test("waits as long as it likes before it removes a directory, if it alone looks for it", async () => {
    const setup = rig({ allowDelete: true });
    setup.bucket.store("t/a/1");
    setup.bucket.store("t/a");
    const t = (await setup.fs.lookup(ROOT, "t")).attributes.ino;
    const a = (await setup.fs.lookup(t, "a")).attributes.ino;
    await setup.fs.unlink(a, "1");
    // Out of memory, the kernel forgets it and what it knows of it.
    setup.fs.forget(a, 1);
    setup.advance(30_000);
    setup.fs.gauges();
    expect((await setup.fs.lookup(t, "a")).attributes).toMatchObject({ ino: a, kind: "directory" });
    setup.advance(30_000);
    await setup.fs.rmdir(t, "a");
    await setup.fs.unlink(t, "a");
    setup.advance(3_600_000);
    expect((await setup.fs.lookup(ROOT, "t")).attributes.ino).toBe(t);
    await setup.fs.rmdir(ROOT, "t");
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "t"))).toBe(ENOENT);
  });

  test("an emptied directory that nobody removes is found by name once after its TTL", async () => {
    const setup = rig({ allowDelete: true });
    setup.bucket.store("dir/file");
    const dir = (await setup.fs.lookup(ROOT, "dir")).attributes.ino;
    await setup.fs.unlink(dir, "file");
    setup.advance(1001);
    expect((await setup.fs.lookup(ROOT, "dir")).attributes.ino).toBe(dir);
    setup.advance(999);
    expect((await setup.fs.lookup(ROOT, "dir")).attributes.ino).toBe(dir);
    setup.advance(1);
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "dir"))).toBe(ENOENT);
  });

  test("an emptied directory stays for its TTL, and then goes with a listing", async () => {
    const setup = rig({ allowDelete: true });
    setup.bucket.store("dir/file");
    const dir = (await setup.fs.lookup(ROOT, "dir")).attributes.ino;
    await setup.fs.lookup(dir, "file");
    setup.advance(900);
    await setup.fs.unlink(dir, "file");
    setup.advance(900);
    expect((await setup.fs.lookup(ROOT, "dir")).attributes.ino).toBe(dir);
    expect(await names(setup, ROOT)).toEqual(["dir"]);
    setup.advance(200);
    expect(await names(setup, ROOT)).toEqual([]);
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "dir"))).toBe(ENOENT);
  });

  test("does not remove what another client put there meanwhile", async () => {
    const setup = rig({ allowDelete: true });
    setup.bucket.store("dir/file");
    const dir = (await setup.fs.lookup(ROOT, "dir")).attributes.ino;
    await setup.fs.unlink(dir, "file");
    setup.bucket.store("dir/new");
    expect(await errnoFrom(() => setup.fs.rmdir(ROOT, "dir"))).toBe(ENOTEMPTY);
    expect(setup.bucket.text("dir/new")).toBe("");
  });

  /** As rm -r: reads a directory, removes what is in it, and then the directory itself. */
  async function removeTree(setup: ReturnType<typeof rig>, parent: number, name: string) {
    const { ino } = (await setup.fs.lookup(parent, name)).attributes;
    for (const child of await names(setup, ino)) {
      const found = await setup.fs.lookup(ino, child);
      if (found.attributes.kind === "directory") await removeTree(setup, ino, child);
      else await setup.fs.unlink(ino, child);
      setup.advance(400);
    }
    expect(await errnoFrom(() => setup.fs.lookup(parent, name))).toBe(0);
    expect(await errnoFrom(() => setup.fs.rmdir(parent, name))).toBe(0);
  }
});

describe("unlink", () => {
  test("needs --allow-delete, and the log says so without a request", async () => {
    const setup = rig();
    setup.bucket.store("file");
    await setup.fs.lookup(ROOT, "file");
    setup.bucket.takeCounts();
    expect(await errnoFrom(() => setup.fs.unlink(ROOT, "file"))).toBe(EPERM);
    expect(setup.bucket.takeCounts()).toEqual({});
    expect(setup.log[0]).toMatch(/unlink of "file" fails with EPERM: .*--allow-delete/);
  });

  test("deletes the object at once, for one request", async () => {
    const setup = rig({ allowDelete: true });
    setup.bucket.store("file");
    const { ino } = (await setup.fs.lookup(ROOT, "file")).attributes;
    setup.bucket.takeCounts();
    await setup.fs.unlink(ROOT, "file");
    expect(setup.bucket.takeCounts()).toEqual({ delete: 1 });
    expect(await errnoFrom(() => setup.fs.unlink(ROOT, "file"))).toBe(ENOENT);
    expect(await errnoFrom(() => setup.fs.open(ino, O_RDONLY, CALLER))).toBe(ESTALE);
    expect(await names(setup, ROOT)).toEqual([]);
  });

  test("is EPERM while the file is written, before and after the first byte", async () => {
    const setup = rig({ allowDelete: true });
    const { fh } = await createFile(setup, ROOT, "file");
    expect(await errnoFrom(() => setup.fs.unlink(ROOT, "file"))).toBe(EPERM);
    await setup.fs.write(fh, 0, Buffer.from("x"));
    expect(await errnoFrom(() => setup.fs.unlink(ROOT, "file"))).toBe(EPERM);
    await setup.fs.flush(fh, CALLER);
    expect(await errnoFrom(() => setup.fs.unlink(ROOT, "file"))).toBe(0);
    expect(setup.bucket.objects.size).toBe(0);
  });

  test("of an empty file that was closed and not stored yet leaves nothing", async () => {
    const setup = rig({ allowDelete: true });
    const { fh } = await createFile(setup, ROOT, "file");
    await setup.fs.flush(fh, CALLER);
    await setup.fs.unlink(ROOT, "file");
    await setup.fs.release(fh);
    expect(setup.bucket.objects.size).toBe(0);
  });

  test("that fails leaves the file", async () => {
    const setup = rig({ allowDelete: true });
    setup.bucket.store("file", "content");
    const { ino } = (await setup.fs.lookup(ROOT, "file")).attributes;
    setup.bucket.failNext("delete", "access-denied");
    expect(await errnoFrom(() => setup.fs.unlink(ROOT, "file"))).not.toBe(0);
    expect(await readFile(setup, ino)).toBe("content");
  });

  test("is EISDIR for a directory and EROFS on a read-only mount", async () => {
    const setup = rig({ allowDelete: true });
    setup.bucket.store("dir/file");
    expect(await errnoFrom(() => setup.fs.unlink(ROOT, "dir"))).toBe(EISDIR);
    expect(await errnoFrom(() => rig({ readOnly: true }).fs.unlink(ROOT, "x"))).toBe(EROFS);
  });

  test("while a lookup of the name is under way outdates its answer", async () => {
    const setup = rig({ allowDelete: true });
    setup.bucket.store("file");
    await setup.fs.lookup(ROOT, "file");
    setup.advance(200);
    const releaseList = setup.bucket.hold("list");
    const lookup = errnoFrom(() => setup.fs.lookup(ROOT, "file"));
    await setup.fs.unlink(ROOT, "file");
    releaseList();
    expect(await lookup).toBe(ENOENT);
    expect(setup.bucket.takeCounts()).toMatchObject({ head: 3, list: 3 });
  });
});

describe("rename", () => {
  test("is refused without a request: ENOSYS, or EXDEV where mv can copy and delete", async () => {
    for (const [allowDelete, errno] of [
      [false, ENOSYS],
      [true, EXDEV],
    ] as const) {
      const setup = rig({ allowDelete });
      setup.bucket.store("a", "content");
      const rename = (flags: number) =>
        setup.operations.rename({ parent: ROOT, name: "a", newParent: ROOT, newName: "b", flags });
      expect(await errnoFrom(() => rename(0))).toBe(errno);
      expect(await errnoFrom(() => rename(RENAME_NOREPLACE))).toBe(errno);
      expect(await errnoFrom(() => rename(2))).toBe(EINVAL);
      expect(await errnoFrom(() => rename(4))).toBe(EINVAL);
      expect(setup.bucket.takeCounts()).toEqual({});
      expect(setup.log[0]).toMatch(/rename of "a" fails with E\w+: S3 cannot rename/);
    }
  });
});

test("a directory can be made while its name is being looked up", async () => {
  const setup = rig();
  const releaseList = setup.bucket.hold("list");
  const lookup = setup.fs.lookup(ROOT, "file");
  const releaseLater = setup.fs.mkdir(ROOT, "file", 0o755);
  releaseList();
  const results = await Promise.allSettled([lookup, releaseLater]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  expect(await errnoFrom(() => setup.fs.mkdir(ROOT, "file", 0o755))).toBe(EEXIST);
});
