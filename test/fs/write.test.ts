import { describe, expect, test } from "vitest";
import { deferred } from "../../src/base/deferred.ts";
import {
  EACCES,
  EBADF,
  EEXIST,
  EFBIG,
  EINVAL,
  EIO,
  ENOENT,
  ENOSPC,
  EPERM,
  EROFS,
  ESTALE,
} from "../../src/base/errno.ts";
import { compareKeys } from "../../src/inode/name.ts";
import {
  CALLER,
  CHILD,
  createFile,
  errnoFrom,
  names,
  O_APPEND,
  O_DIRECT,
  O_DSYNC,
  O_RDONLY,
  O_RDWR,
  O_SYNC,
  O_TRUNC,
  O_WRONLY,
  ROOT,
  readFile,
  readText,
  rig,
  writeFile,
} from "./rig.ts";

describe("creating", () => {
  test("costs one HEAD, one LIST and one PUT, and reading it back one GET", async () => {
    const setup = rig();
    const ino = await writeFile(setup, ROOT, "new", "content");
    expect(setup.bucket.takeCounts()).toEqual({ head: 1, list: 1, put: 1 });
    expect((await setup.fs.lookup(ROOT, "new")).attributes.ino).toBe(ino);
    expect(await readFile(setup, ino)).toBe("content");
    expect(setup.bucket.takeCounts()).toEqual({ get: 1 });
  });

  test("in a directory that this mount has just made, costs one conditional PUT", async () => {
    const setup = rig();
    const dir = (await setup.fs.mkdir(ROOT, "dir", 0o755)).attributes.ino;
    setup.bucket.takeCounts();
    for (const name of ["a", "b", "c"]) await writeFile(setup, dir, name, name);
    const deep = (await setup.fs.mkdir(dir, "deep", 0o755)).attributes.ino;
    await writeFile(setup, deep, "d", "d");
    expect(setup.bucket.takeCounts()).toEqual({ put: 4 });
  });

  test("fails with EEXIST at close when another client was faster and nobody had asked", async () => {
    const setup = rig();
    const dir = (await setup.fs.mkdir(ROOT, "dir", 0o755)).attributes.ino;
    const { fh } = await createFile(setup, dir, "file");
    await setup.fs.write(fh, 0, Buffer.from("ours"));
    setup.bucket.store("dir/file", "theirs");
    expect(await errnoFrom(() => setup.fs.flush(fh, CALLER))).toBe(EEXIST);
    await setup.fs.release(fh);
    expect(setup.bucket.text("dir/file")).toBe("theirs");
    const found = await setup.fs.lookup(dir, "file");
    expect(await readFile(setup, found.attributes.ino)).toBe("theirs");
  });

  test("a directory's content is not presumed for longer than its TTL", async () => {
    const setup = rig();
    const dir = (await setup.fs.mkdir(ROOT, "dir", 0o755)).attributes.ino;
    setup.bucket.store("dir/theirs", "x");
    setup.advance(1001);
    expect((await setup.fs.lookup(dir, "theirs")).attributes.sizeBytes).toBe(1);
  });

  test("nor for a name that the kernel has forgotten, nor once others store something in it", async () => {
    const setup = rig();
    const dir = (await setup.fs.mkdir(ROOT, "dir", 0o755)).attributes.ino;
    const ino = await writeFile(setup, dir, "ours", "x");
    setup.fs.forget(ino, 1);
    expect((await setup.fs.lookup(dir, "ours")).attributes.sizeBytes).toBe(1);

    const other = (await setup.fs.mkdir(ROOT, "other", 0o755)).attributes.ino;
    setup.bucket.store("other/first", "x");
    expect(await names(setup, other)).toEqual(["first"]);
    setup.bucket.store("other/second", "x");
    expect((await setup.fs.lookup(other, "second")).attributes.sizeBytes).toBe(1);
  });

  test("a name that exists is EEXIST, whether it is local, remote or a directory", async () => {
    const setup = rig();
    setup.bucket.store("remote");
    setup.bucket.store("dir/x");
    const request = { mode: 0o100644, flags: O_WRONLY, caller: CALLER };
    await createFile(setup, ROOT, "local");
    for (const name of ["remote", "dir", "local"]) {
      expect(await errnoFrom(() => setup.fs.create(ROOT, name, request))).toBe(EEXIST);
      expect(await errnoFrom(() => setup.fs.mknod(ROOT, name, 0o100644))).toBe(EEXIST);
      expect(await errnoFrom(() => setup.fs.mkdir(ROOT, name, 0o755))).toBe(EEXIST);
    }
  });

  test("two at one time make one file", async () => {
    const setup = rig();
    const request = { mode: 0o100644, flags: O_WRONLY, caller: CALLER };
    const results = await Promise.all(
      [1, 2, 3].map(() => errnoFrom(() => setup.fs.create(ROOT, "file", request))),
    );
    expect(results.sort()).toEqual([0, EEXIST, EEXIST]);
  });

  test("only regular files can be made, and none on a read-only mount", async () => {
    const setup = rig();
    expect(await errnoFrom(() => setup.fs.mknod(ROOT, "fifo", 0o010644))).toBe(EINVAL);
    const readOnly = rig({ readOnly: true });
    const request = { mode: 0o100644, flags: O_WRONLY, caller: CALLER };
    expect(await errnoFrom(() => readOnly.fs.create(ROOT, "f", request))).toBe(EROFS);
    expect(await errnoFrom(() => readOnly.fs.mkdir(ROOT, "d", 0o755))).toBe(EROFS);
    expect(readOnly.bucket.takeCounts()).toEqual({});
  });

  test("mknod and then open is the same as create", async () => {
    const setup = rig();
    const { ino } = (await setup.fs.mknod(ROOT, "file", 0o100644)).attributes;
    const { fh } = await setup.fs.open(ino, O_WRONLY, CALLER);
    await setup.fs.write(fh, 0, Buffer.from("data"));
    await setup.fs.flush(fh, CALLER);
    expect(setup.bucket.text("file")).toBe("data");
  });

  test("a file made and opened for reading is an empty object", async () => {
    const setup = rig();
    const { fh } = await createFile(setup, ROOT, "lock", O_RDONLY);
    expect(setup.bucket.text("lock")).toBe("");
    expect(await readText(setup, fh)).toBe("");
  });
});

describe("writing", () => {
  test("the size grows with what was written", async () => {
    const setup = rig();
    const { fh, ino } = await createFile(setup, ROOT, "file");
    const size = async () => (await setup.fs.getattr(ino, undefined)).attributes.sizeBytes;
    expect(await size()).toBe(0);
    await setup.fs.write(fh, 0, Buffer.alloc(1000));
    expect(await size()).toBe(1000);
    setup.advance(10_000);
    await setup.fs.write(fh, 1000, Buffer.alloc(500));
    expect(await size()).toBe(1500);
    expect((await setup.fs.lookup(ROOT, "file")).attributes.sizeBytes).toBe(1500);
  });

  test.each([1, -1])(
    "out of order by %i fails with EINVAL for good, and the file vanishes",
    async (by) => {
      const setup = rig();
      const { fh, ino } = await createFile(setup, ROOT, "file");
      await setup.fs.write(fh, 0, Buffer.from("12345"));
      const write = (offset: number) => setup.fs.write(fh, offset, Buffer.from("x"));
      expect(await errnoFrom(() => write(5 + by))).toBe(EINVAL);
      expect(await errnoFrom(() => write(5))).toBe(EINVAL);
      expect(await errnoFrom(() => setup.fs.fsync(fh))).toBe(EINVAL);
      expect(await errnoFrom(() => setup.fs.flush(fh, CALLER))).toBe(EINVAL);
      expect(await errnoFrom(() => setup.fs.lookup(ROOT, "file"))).toBe(ENOENT);
      expect(setup.invalidated).toEqual(["1 file"]);
      // Whoever was about to open it looks the name up again, and may make it.
      expect(await errnoFrom(() => setup.fs.open(ino, O_WRONLY, CALLER))).toBe(ESTALE);
      await setup.fs.release(fh);
      expect(setup.bucket.objects.size).toBe(0);
      expect(setup.fs.gauges()).toMatchObject({ handles: 0, uploads: 0 });
    },
  );

  test("of too much fails with EFBIG, fsync behind it with ENOSPC, and the file vanishes", async () => {
    const setup = rig();
    const { fh } = await createFile(setup, ROOT, "file");
    await setup.fs.write(fh, 0, Buffer.alloc(1 << 20));
    const write = () => setup.fs.write(fh, 1 << 20, Buffer.from("x"));
    expect(await errnoFrom(write)).toBe(EFBIG);
    expect(await errnoFrom(write)).toBe(EFBIG);
    expect(await errnoFrom(() => setup.fs.fsync(fh))).toBe(ENOSPC);
    expect(await errnoFrom(() => setup.fs.flush(fh, CALLER))).toBe(EFBIG);
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "file"))).toBe(ENOENT);
    await setup.fs.release(fh);
    expect(setup.bucket.objects.size).toBe(0);
  });

  test("a handle reads or writes, never both", async () => {
    const setup = rig();
    setup.bucket.store("old", "content");
    const writer = await createFile(setup, ROOT, "new", O_RDWR);
    expect(await errnoFrom(() => setup.fs.read(writer.fh, 0, 10))).toBe(EBADF);
    const { ino } = (await setup.fs.lookup(ROOT, "old")).attributes;
    const reader = await setup.fs.open(ino, O_RDWR, CALLER);
    expect(await errnoFrom(() => setup.fs.write(reader.fh, 7, Buffer.from("x")))).toBe(EBADF);
    // What a program wrote through a mapping is in the kernel's pages by then.
    expect(setup.invalidated).toEqual([`pages of ${ino}`]);
    expect(await readText(setup, reader.fh)).toBe("content");
    expect(await errnoFrom(() => setup.fs.read(777, 0, 10))).toBe(EBADF);
  });

  test.each([O_SYNC, O_DSYNC])("flag %i is refused before anything is made", async (flag) => {
    const setup = rig();
    const request = { mode: 0o100644, flags: O_WRONLY | flag, caller: CALLER };
    expect(await errnoFrom(() => setup.fs.create(ROOT, "file", request))).toBe(EINVAL);
    expect(await names(setup, ROOT)).toEqual([]);
  });

  test("a file being written can be opened by nobody else", async () => {
    const setup = rig({ allowOverwrite: true });
    const { ino } = await createFile(setup, ROOT, "file");
    expect(await errnoFrom(() => setup.fs.open(ino, O_RDONLY, CALLER))).toBe(EPERM);
    expect(await errnoFrom(() => setup.fs.open(ino, O_WRONLY | O_TRUNC, CALLER))).toBe(EPERM);
  });

  test("appending to a new file is writing it", async () => {
    const setup = rig();
    const { fh } = await createFile(setup, ROOT, "log", O_WRONLY | O_APPEND);
    await setup.fs.write(fh, 0, Buffer.from("a"));
    await setup.fs.write(fh, 1, Buffer.from("b"));
    await setup.fs.flush(fh, CALLER);
    expect(setup.bucket.text("log")).toBe("ab");
  });
});

describe("closing", () => {
  test("stores the file, and its failure is the close's", async () => {
    const setup = rig();
    const { fh } = await createFile(setup, ROOT, "file");
    await setup.fs.write(fh, 0, Buffer.from("data"));
    setup.bucket.failNext("put", "server-error");
    expect(await errnoFrom(() => setup.fs.flush(fh, CALLER))).toBe(EIO);
    expect(setup.log.at(-1)).toMatch(/close of "file" fails with EIO: PutObject/);
    await setup.fs.release(fh);
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "file"))).toBe(ENOENT);
  });

  test("an empty file is stored when its last descriptor is gone", async () => {
    const setup = rig();
    const { fh } = await createFile(setup, ROOT, "file");
    await setup.fs.flush(fh, CALLER);
    expect(setup.bucket.text("file")).toBeUndefined();
    await setup.fs.release(fh);
    expect(setup.bucket.text("file")).toBe("");
  });

  test("an empty file is stored by the next open, and a copy of the old descriptor then is EBADF", async () => {
    const setup = rig();
    const { fh, ino } = await createFile(setup, ROOT, "file");
    await setup.fs.flush(fh, CALLER);
    expect(await readFile(setup, ino)).toBe("");
    expect(setup.bucket.text("file")).toBe("");
    expect(await errnoFrom(() => setup.fs.write(fh, 0, Buffer.from("x")))).toBe(EBADF);
  });

  test("a copy of a descriptor that was closed empty may write", async () => {
    const setup = rig();
    const { fh } = await createFile(setup, ROOT, "file");
    await setup.fs.flush(fh, CALLER);
    await setup.fs.write(fh, 0, Buffer.from("echo"));
    await setup.fs.flush(fh, CALLER);
    expect(setup.bucket.text("file")).toBe("echo");
  });

  test("a copy of a descriptor whose file was stored is EBADF, and the object stays", async () => {
    const setup = rig();
    const { fh } = await createFile(setup, ROOT, "file");
    await setup.fs.write(fh, 0, Buffer.from("before"));
    await setup.fs.flush(fh, CALLER);
    expect(await errnoFrom(() => setup.fs.write(fh, 6, Buffer.from("after")))).toBe(EBADF);
    expect(await errnoFrom(() => setup.fs.flush(fh, CALLER))).toBe(0);
    await setup.fs.release(fh);
    expect(setup.bucket.text("file")).toBe("before");
  });

  test("a forked child's close lets the parent go on", async () => {
    const setup = rig();
    const { fh, ino } = await createFile(setup, ROOT, "file");
    await setup.fs.write(fh, 0, Buffer.from("par"));
    await setup.fs.flush(fh, CHILD);
    expect(setup.bucket.text("file")).toBeUndefined();
    await setup.fs.write(fh, 3, Buffer.from("ent"));
    expect(await errnoFrom(() => setup.fs.open(ino, O_RDONLY, CALLER))).toBe(EPERM);
    await setup.fs.flush(fh, CALLER);
    expect(setup.bucket.text("file")).toBe("parent");
  });

  test("an open behind a forked child's close stores what there is", async () => {
    const setup = rig();
    const { fh, ino } = await createFile(setup, ROOT, "file");
    await setup.fs.write(fh, 0, Buffer.from("par"));
    await setup.fs.flush(fh, CHILD);
    expect(await readFile(setup, ino)).toBe("par");
    expect(await errnoFrom(() => setup.fs.write(fh, 3, Buffer.from("ent")))).toBe(EBADF);
  });

  test("an open during the close waits for it", async () => {
    const setup = rig();
    const { fh, ino } = await createFile(setup, ROOT, "file");
    await setup.fs.write(fh, 0, Buffer.from("data"));
    const releasePut = setup.bucket.hold("put");
    const closing = setup.fs.flush(fh, CALLER);
    const reading = readFile(setup, ino);
    releasePut();
    await closing;
    expect(await reading).toBe("data");
  });

  test("fsync stores the file, which then takes no more and can be read", async () => {
    const setup = rig();
    const { fh, ino } = await createFile(setup, ROOT, "file");
    await setup.fs.write(fh, 0, Buffer.from("data"));
    await setup.fs.fsync(fh);
    expect(setup.bucket.text("file")).toBe("data");
    expect(await errnoFrom(() => setup.fs.write(fh, 4, Buffer.from("x")))).toBe(EBADF);
    expect(await readFile(setup, ino)).toBe("data");
    await setup.fs.flush(fh, CALLER);
    await setup.fs.release(fh);
    expect(setup.bucket.takeCounts()).toMatchObject({ put: 1 });
  });

  test("a read through a copy goes on behind a close", async () => {
    const setup = rig();
    setup.bucket.store("file", "content");
    const { ino } = (await setup.fs.lookup(ROOT, "file")).attributes;
    const { fh } = await setup.fs.open(ino, O_RDONLY, CALLER);
    await setup.fs.flush(fh, CALLER);
    expect(await readText(setup, fh)).toBe("content");
  });
});

describe("overwriting", () => {
  async function existing(setup: ReturnType<typeof rig>): Promise<number> {
    setup.bucket.store("file", "old content");
    return (await setup.fs.lookup(ROOT, "file")).attributes.ino;
  }

  test("needs --allow-overwrite, and the log says so", async () => {
    const setup = rig();
    const ino = await existing(setup);
    for (const flags of [O_WRONLY, O_WRONLY | O_TRUNC, O_WRONLY | O_APPEND, O_RDWR | O_TRUNC]) {
      expect(await errnoFrom(() => setup.fs.open(ino, flags, CALLER))).toBe(EPERM);
    }
    expect(setup.log[0]).toContain("--allow-overwrite");
    expect(setup.bucket.text("file")).toBe("old content");
  });

  test("replaces the object at close and keeps the inode", async () => {
    const setup = rig({ allowOverwrite: true });
    const ino = await existing(setup);
    const { fh } = await setup.fs.open(ino, O_WRONLY | O_TRUNC, CALLER);
    expect((await setup.fs.getattr(ino, undefined)).attributes.sizeBytes).toBe(0);
    await setup.fs.write(fh, 0, Buffer.from("new"));
    expect(setup.bucket.text("file")).toBe("old content");
    await setup.fs.flush(fh, CALLER);
    await setup.fs.release(fh);
    expect(setup.bucket.text("file")).toBe("new");
    expect((await setup.fs.lookup(ROOT, "file")).attributes).toMatchObject({ ino, sizeBytes: 3 });
    expect(await readFile(setup, ino)).toBe("new");
  });

  test("needs O_TRUNC even then", async () => {
    const setup = rig({ allowOverwrite: true });
    const ino = await existing(setup);
    expect(await errnoFrom(() => setup.fs.open(ino, O_WRONLY, CALLER))).toBe(EPERM);
    expect(await errnoFrom(() => setup.fs.open(ino, O_WRONLY | O_APPEND, CALLER))).toBe(EPERM);
  });

  test("truncating alone leaves an empty object", async () => {
    const setup = rig({ allowOverwrite: true });
    const ino = await existing(setup);
    const { fh } = await setup.fs.open(ino, O_WRONLY | O_TRUNC, CALLER);
    await setup.fs.flush(fh, CALLER);
    await setup.fs.release(fh);
    expect(setup.bucket.text("file")).toBe("");
  });

  test("is refused while somebody reads, and supersedes who has closed", async () => {
    const setup = rig({ allowOverwrite: true });
    const ino = await existing(setup);
    const reader = await setup.fs.open(ino, O_RDONLY, CALLER);
    const flags = O_WRONLY | O_TRUNC;
    expect(await errnoFrom(() => setup.fs.open(ino, flags, CALLER))).toBe(EPERM);
    await setup.fs.flush(reader.fh, CALLER);
    await setup.fs.open(ino, flags, CALLER);
    expect(await errnoFrom(() => setup.fs.read(reader.fh, 0, 10))).toBe(EBADF);
  });

  test("that fails leaves the old object, under a new inode", async () => {
    const setup = rig({ allowOverwrite: true });
    const ino = await existing(setup);
    const { fh } = await setup.fs.open(ino, O_WRONLY | O_TRUNC, CALLER);
    await setup.fs.write(fh, 0, Buffer.from("new"));
    setup.bucket.failNext("put", "access-denied");
    const drops = deferred<void>();
    setup.holdNames(drops.promise);
    expect(await errnoFrom(() => setup.fs.flush(fh, CALLER))).toBe(EACCES);
    // The kernel has the name still, and looks it up again when it is told that it is stale.
    expect(await errnoFrom(() => setup.fs.open(ino, O_RDONLY, CALLER))).toBe(ESTALE);
    expect(await errnoFrom(() => setup.fs.getattr(ino, undefined))).toBe(ESTALE);
    drops.resolve();
    await drops.promise;
    // Only fstat(2) of the descriptor that failed comes here now.
    await expect.poll(() => errnoFrom(() => setup.fs.getattr(ino, undefined))).toBe(ENOENT);
    expect((await setup.fs.getattr(ino, fh)).attributes).toMatchObject({ ino, nlink: 0 });
    const found = (await setup.fs.lookup(ROOT, "file")).attributes;
    expect(found.ino).not.toBe(ino);
    expect(await readFile(setup, found.ino)).toBe("old content");
  });
});

describe("reading", () => {
  test("an object replaced meanwhile is ESTALE, one deleted meanwhile EIO", async () => {
    const setup = rig();
    setup.bucket.store("file", "one");
    const { ino } = (await setup.fs.lookup(ROOT, "file")).attributes;
    const { fh } = await setup.fs.open(ino, O_RDONLY, CALLER);
    setup.bucket.store("file", "two");
    expect(await errnoFrom(() => setup.fs.read(fh, 0, 10))).toBe(ESTALE);
    setup.bucket.remove("file");
    expect(await errnoFrom(() => setup.fs.read(fh, 0, 10))).toBe(EIO);
    expect((await setup.fs.getattr(ino, undefined)).attributes.sizeBytes).toBe(3);
  });

  test("what is written goes past the page cache", async () => {
    const setup = rig();
    const { opened } = await setup.fs.create(ROOT, "file", {
      ...{ mode: 0o100644, flags: O_WRONLY, caller: CALLER },
    });
    expect(opened).toEqual({ fh: opened.fh, directIo: true });
    await setup.fs.release(opened.fh);
  });

  test("O_DIRECT always asks, and bypasses the page cache", async () => {
    const setup = rig({ metadataTtl: { kind: "indefinite" } });
    setup.bucket.store("file", "one");
    const { ino } = (await setup.fs.lookup(ROOT, "file")).attributes;
    setup.bucket.takeCounts();
    const direct = await setup.fs.open(ino, O_RDONLY | O_DIRECT, CALLER);
    expect(direct).toMatchObject({ directIo: true });
    expect(setup.bucket.takeCounts()).toEqual({ head: 1 });
    setup.bucket.store("file", "two!");
    expect(await errnoFrom(() => setup.fs.open(ino, O_RDONLY | O_DIRECT, CALLER))).toBe(ESTALE);
    const found = await setup.fs.lookup(ROOT, "file");
    expect(found.attributes.sizeBytes).toBe(4);
  });

  test("the kernel keeps its pages, since an inode's bytes never change", async () => {
    const setup = rig();
    setup.bucket.store("file", "one");
    const { ino } = (await setup.fs.lookup(ROOT, "file")).attributes;
    expect(await setup.fs.open(ino, O_RDONLY, CALLER)).toMatchObject({ keepCache: true });
  });

  test.each<[number, Parameters<typeof rig>[0], boolean]>([
    [O_RDONLY, {}, true],
    [O_RDONLY | O_DIRECT, {}, true],
    [O_RDONLY, { allowOverwrite: true, readOnly: true }, true],
    // A writer may follow that a reader who has closed the file must not keep out.
    [O_RDONLY, { allowOverwrite: true }, false],
    [O_RDONLY, { incrementalUpload: true }, false],
    // A mapping of it is written back when it is closed, and refused.
    [O_RDWR, {}, false],
  ])(
    "a file opened with %i, on a mount with %o: the kernel need not tell of closes: %s",
    async (flags, options, isSo) => {
      const setup = rig(options);
      setup.bucket.store("file", "one");
      const { ino } = (await setup.fs.lookup(ROOT, "file")).attributes;
      expect((await setup.fs.open(ino, flags, CALLER)).noFlush === true).toBe(isSo);
    },
  );

  test.each([
    ["GLACIER", false, EACCES],
    ["DEEP_ARCHIVE", false, EACCES],
    ["GLACIER", true, 0],
    ["GLACIER_IR", false, 0],
    ["STANDARD_IA", false, 0],
  ])("an object in %s, restored: %s, opens with %i", async (storageClass, restored, errno) => {
    const setup = rig();
    setup.bucket.store("file", "cold", { storageClass, restored });
    const { attributes } = await setup.fs.lookup(ROOT, "file");
    expect(attributes.mode).toBe(errno === 0 ? 0o644 : 0);
    expect(await errnoFrom(() => setup.fs.open(attributes.ino, O_RDONLY, CALLER))).toBe(errno);
  });

  test("every reader is closed with its handle", async () => {
    const setup = rig();
    setup.bucket.store("file", "one");
    for (let i = 0; i < 3; i++) {
      await readFile(setup, (await setup.fs.lookup(ROOT, "file")).attributes.ino);
    }
    expect(setup.readers.map(({ closed }) => closed)).toEqual([true, true, true]);
    expect(setup.fs.gauges().handles).toBe(0);
  });
});

describe("the end of the mount", () => {
  test("stores what is open or closed but not stored, and takes nothing new", async () => {
    const setup = rig();
    const open = await createFile(setup, ROOT, "open");
    await setup.fs.write(open.fh, 0, Buffer.from("so far"));
    const later = await createFile(setup, ROOT, "deferred");
    await setup.fs.flush(later.fh, CALLER);
    const forked = await createFile(setup, ROOT, "forked");
    await setup.fs.write(forked.fh, 0, Buffer.from("so far"));
    await setup.fs.flush(forked.fh, CHILD);
    const report = await setup.fs.shutdown(AbortSignal.timeout(1000));
    expect([...report.stored].sort(compareKeys)).toEqual(["deferred", "forked", "open"]);
    expect([...report.unfinished].sort(compareKeys)).toEqual(["forked", "open"]);
    expect(report.lost).toEqual([]);
    expect(setup.bucket.text("open")).toBe("so far");
    expect(setup.bucket.text("deferred")).toBe("");
    expect(setup.fs.gauges()).toMatchObject({ handles: 0, directoryHandles: 0, uploads: 0 });
    const request = { mode: 0o100644, flags: O_WRONLY, caller: CALLER };
    expect(await errnoFrom(() => setup.fs.create(ROOT, "late", request))).toBe(EIO);
  });

  test("gives up in time on what cannot be stored, and aborts it", async () => {
    const setup = rig();
    const { fh } = await createFile(setup, ROOT, "stuck");
    await setup.fs.write(fh, 0, Buffer.from("data"));
    const releasePut = setup.bucket.hold("put");
    const report = await setup.fs.shutdown(AbortSignal.timeout(10));
    expect(report).toEqual({ stored: [], unfinished: [], lost: ["stuck"] });
    expect(setup.uploads.map(({ isAborted }) => isAborted)).toEqual([true]);
    releasePut();
  });
});
