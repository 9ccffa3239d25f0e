/**
 * The operations by path over the real file system in memory, called as libfuse calls them: every one
 * answers once, and what they count is given back.
 */

import { constants } from "node:fs";

import { describe, expect, onTestFinished, test, vi } from "vitest";
import { errnoOf } from "../../src/fs/index.ts";
import { PathOperations } from "../../src/fuse-native/path-operations.ts";
import { O_RDONLY, O_TRUNC, O_WRONLY, rig } from "../fs/rig.ts";

const { S_IFDIR, S_IFREG } = constants;
const ENOENT = -2;
const EIO = -5;
const EBADF = -9;
const EEXIST = -17;
const EINVAL = -22;
const EPERM = -1;
const EXDEV = -18;
const ENOTCONN = -107;

type Options = Parameters<typeof rig>[0];

function setUp(options: Options = {}) {
  const parts = rig(options);
  const { fs } = parts;
  const onBroken = vi.fn();
  const operations = new PathOperations({
    operations: fs,
    errnoOf,
    onBroken,
  });
  /** The arguments of the one callback. */
  const call = <A extends unknown[]>(start: (done: (...args: A) => void) => void): Promise<A> =>
    new Promise((resolve, reject) => {
      let answers = 0;
      start((...args) => {
        answers++;
        if (answers > 1) reject(new Error("answered twice"));
        resolve(args);
      });
    });
  const result = async (start: (done: (result: number) => void) => void): Promise<number> =>
    (await call<[number]>(start))[0];
  onTestFinished(() => {
    operations.close();
    expect(onBroken).not.toHaveBeenCalled();
    expect(operations.pendingCount).toBe(0);
    expect(operations.inodeCount).toBe(0);
  });
  return { ...parts, operations, call, result };
}

type World = ReturnType<typeof setUp>;

async function statOf({ operations, call }: World, path: string) {
  const [result, stat] = await call((done) => operations.getattr(path, done));
  return result === 0 ? stat : result;
}

async function open({ operations, call }: World, path: string, flags: number): Promise<number> {
  const [result, fd] = await call<[number, number?]>((done) => operations.open(path, flags, done));
  return result === 0 && fd !== undefined ? fd : result;
}

async function namesIn({ operations, call }: World, path: string) {
  const [result, names] = await call((done) => operations.readdir(path, done));
  return result === 0 ? names : result;
}

async function write(world: World, path: string, text: string): Promise<number> {
  const { operations, result } = world;
  await result((done) => operations.mknod(path, S_IFREG | 0o644, 0, done));
  const fd = await open(world, path, O_WRONLY | O_TRUNC);
  const bytes = Buffer.from(text);
  const taken = await result((done) => operations.write(path, fd, bytes, bytes.length, 0, done));
  expect(taken).toBe(bytes.length);
  const closed = await result((done) => operations.flush(path, fd, done));
  expect(await result((done) => operations.release(path, fd, done))).toBe(0);
  return closed;
}

describe("paths", () => {
  test("lead to files, directories and the root, or to ENOENT", async () => {
    const world = setUp();
    world.bucket.store("a/b/file", "content");
    expect(await statOf(world, "/")).toMatchObject({ ino: 1, mode: S_IFDIR | 0o755 });
    expect(await statOf(world, "/a/b")).toMatchObject({ mode: S_IFDIR | 0o755 });
    expect(await statOf(world, "/a/b/file")).toMatchObject({
      mode: S_IFREG | 0o644,
      size: 7,
      blocks: 1,
      uid: 1000,
      gid: 1001,
    });
    expect(await statOf(world, "/a/nothing")).toBe(ENOENT);
    expect(await statOf(world, "/nothing/file")).toBe(ENOENT);
  });

  test("ask S3 no more often than the kernel would", async () => {
    const world = setUp();
    world.bucket.store("a/file", "content");
    for (const path of ["/a", "/a/file"]) await statOf(world, path);
    expect(world.bucket.takeCounts()).toEqual({ head: 2, list: 2 });
    for (let time = 0; time < 5; time++) await statOf(world, "/a/file");
    expect(world.bucket.takeCounts()).toEqual({});
    world.advance(200);
    await statOf(world, "/a/file");
    expect(world.bucket.takeCounts()).toEqual({ head: 1, list: 1 });
  });

  test("keep their inodes for a while, and no longer than the mount", async () => {
    const world = setUp();
    world.bucket.store("a/file", "content");
    await statOf(world, "/a/file");
    expect(world.operations.inodeCount).toBe(2);
    expect(world.fs.gauges().inodes).toBe(2);
    world.operations.close();
    expect(world.fs.gauges()).toMatchObject({ inodes: 0, rememberedInodes: 0 });
  });

  test("of more inodes than are kept give back those that were used first", async () => {
    const world = setUp();
    const names = Array.from({ length: 9000 }, (_, index) => `file-${index}`);
    for (const name of names) world.bucket.store(name, "");
    for (const name of names) await statOf(world, `/${name}`);
    expect(world.operations.inodeCount).toBe(8192);
    expect(world.fs.gauges().inodes).toBe(8192);
  });

  test("with bytes that are not UTF-8 name nothing new", async () => {
    const world = setUp();
    const { operations, result } = world;
    expect(await result((done) => operations.mkdir("/a\ufffd", 0o755, done))).toBe(EINVAL);
    expect(await result((done) => operations.mknod("/a\ufffd", S_IFREG, 0, done))).toBe(EINVAL);
    expect(await namesIn(world, "/")).toEqual([".", ".."]);
  });
});

describe("files", () => {
  test("are made, written, stored at the close and read", async () => {
    const world = setUp();
    const { operations, result } = world;
    expect(await write(world, "/file", "content")).toBe(0);
    expect(world.bucket.text("file")).toBe("content");
    const fd = await open(world, "/file", O_RDONLY);
    const buffer = Buffer.alloc(64);
    const count = await result((done) => operations.read("/file", fd, buffer, 64, 3, done));
    expect(buffer.subarray(0, count).toString()).toBe("tent");
    expect(await result((done) => operations.release("/file", fd, done))).toBe(0);
    expect(world.fs.gauges()).toMatchObject({ handles: 0, uploads: 0 });
  });

  test("that exist already are not made again", async () => {
    const world = setUp();
    const { operations, result } = world;
    world.bucket.store("file", "content");
    expect(await result((done) => operations.mknod("/file", S_IFREG, 0, done))).toBe(EEXIST);
  });

  test("have numbers that are used again once they are closed", async () => {
    const world = setUp();
    world.bucket.store("file", "content");
    const first = await open(world, "/file", O_RDONLY);
    const second = await open(world, "/file", O_RDONLY);
    expect(second).not.toBe(first);
    await world.result((done) => world.operations.release("/file", first, done));
    expect(await open(world, "/file", O_RDONLY)).toBe(first);
  });

  test("that are not open cannot be used: EBADF", async () => {
    const { operations, result } = setUp();
    const buffer = Buffer.alloc(1);
    expect(await result((done) => operations.read("/x", 7, buffer, 1, 0, done))).toBe(EBADF);
    expect(await result((done) => operations.write("/x", 7, buffer, 1, 0, done))).toBe(EBADF);
    expect(await result((done) => operations.flush("/x", 7, done))).toBe(EBADF);
    expect(await result((done) => operations.fsync("/x", 0, 7, done))).toBe(EBADF);
    expect(await result((done) => operations.release("/x", 7, done))).toBe(EBADF);
  });

  test("keep the inode that they were opened as", async () => {
    const world = setUp();
    world.bucket.store("file", "old");
    const fd = await open(world, "/file", O_RDONLY);
    world.bucket.store("file", "newer");
    world.advance(200);
    expect(await statOf(world, "/file")).toMatchObject({ size: 5 });
    expect(world.fs.gauges().handles).toBe(1);
    await world.result((done) => world.operations.release("/file", fd, done));
  });
});

describe("what is open while it is deleted", () => {
  const HIDDEN = "/.fuse_hidden0000000200000001";

  test("is deleted at once, and found by libfuse's name until it is closed", async () => {
    const world = setUp({ allowDelete: true });
    const { operations, result } = world;
    world.bucket.store("file", "content");
    const fd = await open(world, "/file", O_RDONLY);
    expect(await statOf(world, HIDDEN)).toBe(ENOENT);
    expect(await result((done) => operations.rename("/file", HIDDEN, done))).toBe(0);
    expect(world.bucket.objects.has("file")).toBe(false);
    expect(await statOf(world, "/file")).toBe(ENOENT);
    expect(await statOf(world, HIDDEN)).toMatchObject({ size: 7 });
    expect(await namesIn(world, "/")).toEqual([".", ".."]);
    expect(await result((done) => operations.flush(HIDDEN, fd, done))).toBe(0);
    expect(await result((done) => operations.release(HIDDEN, fd, done))).toBe(0);
    expect(await result((done) => operations.unlink(HIDDEN, done))).toBe(0);
    expect(await statOf(world, HIDDEN)).toBe(ENOENT);
  });

  test("stays where deleting is not allowed", async () => {
    const world = setUp();
    world.bucket.store("file", "content");
    const fd = await open(world, "/file", O_RDONLY);
    expect(await world.result((done) => world.operations.rename("/file", HIDDEN, done))).toBe(
      EPERM,
    );
    expect(world.bucket.objects.has("file")).toBe(true);
    await world.result((done) => world.operations.release("/file", fd, done));
  });

  test("is not meant by a person's rename of what nobody has open", async () => {
    const world = setUp({ allowDelete: true });
    world.bucket.store("file", "content");
    expect(await world.result((done) => world.operations.rename("/file", HIDDEN, done))).toBe(
      EXDEV,
    );
    expect(world.bucket.objects.has("file")).toBe(true);
  });
});

describe("directories", () => {
  test("are listed whole, with kinds and numbers", async () => {
    const world = setUp();
    for (let index = 0; index < 2500; index++) world.bucket.store(`d/file-${index}`, "");
    world.bucket.store("d/sub/file", "");
    const [result, names = [], stats = []] = await world.call<
      [number, (readonly string[])?, (readonly { readonly mode: number; readonly ino: number }[])?]
    >((done) => world.operations.readdir("/d", done));
    expect(result).toBe(0);
    expect(names.slice(0, 2)).toEqual([".", ".."]);
    expect(new Set(names).size).toBe(2503);
    expect(stats.length).toBe(names.length);
    expect(stats[names.indexOf("sub")]?.mode).toBe(S_IFDIR);
    expect(stats[names.indexOf("file-7")]?.mode).toBe(S_IFREG);
    expect(world.fs.gauges().directoryHandles).toBe(0);
  });

  test("are made and removed", async () => {
    const world = setUp();
    const { operations, result } = world;
    expect(await result((done) => operations.mkdir("/d", 0o755, done))).toBe(0);
    expect(await namesIn(world, "/")).toEqual([".", "..", "d"]);
    expect(await result((done) => operations.rmdir("/d", done))).toBe(0);
    expect(await namesIn(world, "/")).toEqual([".", ".."]);
  });
});

describe("requests", () => {
  test("for links are refused", async () => {
    const { operations, result } = setUp();
    expect(await result((done) => operations.link("/a", "/b", done))).toBe(EPERM);
    expect(await result((done) => operations.symlink("/a", "/b", done))).toBe(EPERM);
  });

  test("for attributes that stay as they are succeed", async () => {
    const world = setUp();
    const { operations, result } = world;
    const nobody = 0xffff_ffff;
    expect(await result((done) => operations.mknod("/file", S_IFREG, 0, done))).toBe(0);
    expect(await result((done) => operations.chown("/file", nobody, nobody, done))).toBe(0);
    expect(await result((done) => operations.chmod("/file", S_IFREG | 0o600, done))).toBe(0);
    expect(await result((done) => operations.utimens("/file", 1000, 1000, done))).toBe(0);
    expect(await statOf(world, "/file")).toMatchObject({ atime: 1000, mtime: 1000 });
    expect(await result((done) => operations.truncate("/file", 0, done))).toBe(0);
    expect(await result((done) => operations.truncate("/file", 1, done))).toBe(EPERM);
  });

  test("for statistics get counts that fit into 32 bits", async () => {
    const { operations, call } = setUp();
    const [result, statfs] = await call<[number, Record<string, number>?]>((done) =>
      operations.statfs("/", done as Parameters<PathOperations["statfs"]>[1]),
    );
    expect(result).toBe(0);
    for (const count of Object.values(statfs ?? {})) expect(count).toBeLessThanOrEqual(0xffff_ffff);
    expect(statfs?.["bsize"]).toBeLessThan(2 ** 31);
    expect((statfs?.["blocks"] ?? 0) * (statfs?.["frsize"] ?? 0)).toBeGreaterThan(2 ** 60);
  });

  test("are refused after the end", async () => {
    const world = setUp();
    world.operations.close();
    expect(await statOf(world, "/")).toBe(ENOTCONN);
    expect(await open(world, "/file", O_RDONLY)).toBe(ENOTCONN);
  });

  test("that fail with a number that the kernel would not take fail with EIO", async () => {
    const { fs } = rig();
    const operations = new PathOperations({
      operations: fs,
      errnoOf: () => 512,
      onBroken() {},
    });
    const result = await new Promise((resolve) => operations.getattr("/nothing", resolve));
    expect(result).toBe(EIO);
  });

  test("that break an assertion are told to whoever ends the mount", async () => {
    const { fs } = rig();
    const broken = await new Promise((resolve) => {
      const errnoOf = (): never => {
        throw new Error("assertion failed: this is a test");
      };
      const operations = new PathOperations({
        operations: fs,
        errnoOf,
        onBroken: resolve,
      });
      operations.getattr("/nothing", () => {});
    });
    expect(broken).toMatchObject({ message: "assertion failed: this is a test" });
  });
});
