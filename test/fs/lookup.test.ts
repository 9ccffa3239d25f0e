import { describe, expect, test } from "vitest";

import {
  EACCES,
  EINVAL,
  EIO,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  ESTALE,
} from "../../src/base/errno.ts";
import { absentMsOf } from "../../src/fs/index.ts";
import { AbsentNames } from "../../src/inode/absent-names.ts";
import { CALLER, createFile, errnoFrom, names, O_RDONLY, ROOT, rig, walk } from "./rig.ts";

describe("what a lookup costs", () => {
  test("a file costs one HEAD and one LIST, and the open behind it nothing", async () => {
    const setup = rig();
    setup.bucket.store("file", "content");
    const { attributes } = await setup.fs.lookup(ROOT, "file");
    expect(setup.bucket.takeCounts()).toEqual({ head: 1, list: 1 });
    await setup.fs.getattr(attributes.ino, undefined);
    await setup.fs.open(attributes.ino, O_RDONLY, CALLER);
    expect(setup.bucket.takeCounts()).toEqual({});
  });

  test("an open after the answer has expired costs one HEAD", async () => {
    const setup = rig();
    setup.bucket.store("file", "content");
    const { attributes } = await setup.fs.lookup(ROOT, "file");
    setup.bucket.takeCounts();
    setup.advance(101);
    await setup.fs.open(attributes.ino, O_RDONLY, CALLER);
    expect(setup.bucket.takeCounts()).toEqual({ head: 1 });
  });

  test("one answer serves one open: the next asks, and so sees what was stored between", async () => {
    const setup = rig();
    setup.bucket.store("file", "old");
    const { attributes } = await setup.fs.lookup(ROOT, "file");
    await setup.fs.open(attributes.ino, O_RDONLY, CALLER);
    setup.bucket.store("file", "new");
    expect(await errnoFrom(() => setup.fs.open(attributes.ino, O_RDONLY, CALLER))).toBe(116);
    const again = await setup.fs.lookup(ROOT, "file");
    expect(again.attributes.ino).not.toBe(attributes.ino);
    expect(setup.bucket.takeCounts()).toEqual({ head: 2, list: 1 });
  });

  test("lookups of one name at one time are one", async () => {
    const setup = rig();
    setup.bucket.store("file", "content");
    const inos = await Promise.all(
      Array.from({ length: 20 }, async () => (await setup.fs.lookup(ROOT, "file")).attributes.ino),
    );
    expect(new Set(inos).size).toBe(1);
    expect(setup.bucket.takeCounts()).toEqual({ head: 1, list: 1 });
    setup.fs.forget(inos[0] ?? 0, 20);
    setup.advance(5000);
    expect(setup.fs.gauges()).toMatchObject({ inodes: 0, rememberedInodes: 0 });
  });

  test("within a TTL of seconds, lookups and opens cost nothing more", async () => {
    const setup = rig({ metadataTtl: { kind: "seconds", seconds: 60 } });
    setup.bucket.store("file", "content");
    const { attributes, entryValidMs } = await setup.fs.lookup(ROOT, "file");
    expect(entryValidMs).toBe(60_000);
    setup.bucket.takeCounts();
    setup.advance(20_000);
    expect((await setup.fs.lookup(ROOT, "file")).entryValidMs).toBe(40_000);
    await setup.fs.open(attributes.ino, O_RDONLY, CALLER);
    await setup.fs.open(attributes.ino, O_RDONLY, CALLER);
    expect(setup.bucket.takeCounts()).toEqual({});
  });

  test("a missing name is remembered for the TTL, until it is made or listed", async () => {
    const setup = rig({ metadataTtl: { kind: "seconds", seconds: 60 } });
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "file"))).toBe(ENOENT);
    setup.bucket.store("file", "content");
    setup.bucket.takeCounts();
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "file"))).toBe(ENOENT);
    expect(setup.bucket.takeCounts()).toEqual({});
    await names(setup, ROOT);
    expect((await setup.fs.lookup(ROOT, "file")).attributes.sizeBytes).toBe(7);
  });

  test("the negative TTL is what the kernel is told, less what has passed of it", async () => {
    const setup = rig({ negativeMetadataTtl: { kind: "seconds", seconds: 30 } });
    const absentMs = async (): Promise<number> => {
      try {
        await setup.fs.lookup(ROOT, "file");
        return -1;
      } catch (error) {
        return absentMsOf(error);
      }
    };
    expect(await absentMs()).toBe(30_000);
    setup.advance(10_000);
    expect(await absentMs()).toBe(20_000);
    expect(setup.bucket.takeCounts()).toEqual({ head: 1, list: 1 });
    setup.advance(20_000);
    expect(await absentMs()).toBe(30_000);
    expect(setup.bucket.takeCounts()).toEqual({ head: 1, list: 1 });
  });

  test("a negative TTL of its own: names are believed and their absence is not, or the other way", async () => {
    const positive = rig({
      metadataTtl: { kind: "indefinite" },
      negativeMetadataTtl: { kind: "minimal" },
    });
    expect(await errnoFrom(() => positive.fs.lookup(ROOT, "file"))).toBe(ENOENT);
    positive.bucket.store("file", "content");
    const { ino } = (await positive.fs.lookup(ROOT, "file")).attributes;
    positive.advance(1e9);
    positive.bucket.takeCounts();
    await positive.fs.open(ino, O_RDONLY, CALLER);
    expect(positive.bucket.takeCounts()).toEqual({});

    const negative = rig({ negativeMetadataTtl: { kind: "indefinite" } });
    expect(await errnoFrom(() => negative.fs.lookup(ROOT, "missing"))).toBe(ENOENT);
    negative.bucket.store("file", "content");
    await negative.fs.lookup(ROOT, "file");
    negative.bucket.takeCounts();
    negative.advance(1e9);
    expect(await errnoFrom(() => negative.fs.lookup(ROOT, "missing"))).toBe(ENOENT);
    expect(negative.bucket.takeCounts()).toEqual({});
    await negative.fs.lookup(ROOT, "file");
    expect(negative.bucket.takeCounts()).toEqual({ head: 1, list: 1 });
  });

  test("the kernel is told when a listing brings a name that it may believe to be missing", async () => {
    const setup = rig({ metadataTtl: { kind: "seconds", seconds: 60 } });
    await errnoFrom(() => setup.fs.lookup(ROOT, "file"));
    await names(setup, ROOT);
    expect(setup.invalidated).toEqual([]);
    setup.bucket.store("file", "content");
    setup.bucket.store("another", "content");
    await names(setup, ROOT);
    expect(setup.invalidated).toEqual([`${ROOT} file expire`]);
  });

  test("a removed name is known to be missing, and one that is made is not", async () => {
    const setup = rig({ allowDelete: true, metadataTtl: { kind: "seconds", seconds: 60 } });
    setup.bucket.store("file", "content");
    await setup.fs.lookup(ROOT, "file");
    await setup.fs.unlink(ROOT, "file");
    setup.bucket.takeCounts();
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "file"))).toBe(ENOENT);
    const { ino } = await createFile(setup, ROOT, "file");
    expect((await setup.fs.lookup(ROOT, "file")).attributes.ino).toBe(ino);
    expect(setup.bucket.takeCounts()).toEqual({});
    expect(setup.invalidated).toEqual([]);
  });

  test("a read that finds the object replaced ends what was believed of it", async () => {
    const setup = rig({ metadataTtl: { kind: "indefinite" } });
    setup.bucket.store("file", "old");
    const { ino } = (await setup.fs.lookup(ROOT, "file")).attributes;
    const { fh } = await setup.fs.open(ino, O_RDONLY, CALLER);
    setup.bucket.store("file", "newer");
    expect(await errnoFrom(() => setup.fs.read(fh, 0, 10))).toBe(ESTALE);
    expect(setup.invalidated).toEqual([`${ROOT} file expire`]);
    expect(await errnoFrom(() => setup.fs.open(ino, O_RDONLY, CALLER))).toBe(ESTALE);
    expect((await setup.fs.lookup(ROOT, "file")).attributes.sizeBytes).toBe(5);
  });

  test("a hundred thousand missing names are remembered and no more", async () => {
    const absent = new AbsentNames({ lifetimeMs: 60_000, caching: true });
    for (let i = 0; i < 150_000; i++) absent.add(`missing-${i}`, 0);
    expect(absent.size).toBe(100_000);
    expect([absent.remainingMs("missing-0", 0), absent.remainingMs("missing-149999", 0)]).toEqual([
      0, 60_000,
    ]);
  });

  test("missing names that are asked for stay, however many follow", async () => {
    const absent = new AbsentNames({ lifetimeMs: 60_000, caching: true });
    for (let i = 0; i < 250_000; i++) {
      absent.add(`missing-${i}`, 0);
      if (i % 1000 === 0) expect(absent.remainingMs("missing-0", 10)).toBe(59_990);
    }
    expect(absent.remainingMs("missing-1", 0)).toBe(0);
    expect(absent.delete("missing-0")).toBe(true);
    expect(absent.delete("missing-0")).toBe(false);
    expect(absent.remainingMs("missing-0", 10)).toBe(0);
  });

  test("a directory that is asked for again costs one LIST while it is there", async () => {
    const setup = rig();
    setup.bucket.store("dir/file");
    setup.bucket.store("dir", "hidden");
    await setup.fs.lookup(ROOT, "dir");
    setup.bucket.takeCounts();
    setup.advance(1001);
    await setup.fs.lookup(ROOT, "dir");
    expect(setup.bucket.takeCounts()).toEqual({ list: 1 });
    setup.bucket.remove("dir/file");
    setup.advance(1001);
    expect((await setup.fs.lookup(ROOT, "dir")).attributes.sizeBytes).toBe(6);
    expect(setup.bucket.takeCounts()).toEqual({ head: 1, list: 1 });
  });

  test("with the minimal TTL a missing name is asked for every time", async () => {
    const setup = rig();
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "file"))).toBe(ENOENT);
    setup.bucket.store("file", "content");
    expect((await setup.fs.lookup(ROOT, "file")).attributes.sizeBytes).toBe(7);
  });

  test("a directory answers without waiting for the HEAD", async () => {
    const setup = rig();
    setup.bucket.store("dir/file");
    const releaseHead = setup.bucket.hold("head");
    expect((await setup.fs.lookup(ROOT, "dir")).attributes.kind).toBe("directory");
    releaseHead();
  });
});

describe("what a name stands for", () => {
  test("a directory hides an object of its name, and the object reappears when it is gone", async () => {
    const setup = rig();
    setup.bucket.store("blue", "object");
    setup.bucket.store("blue/image.jpg", "image");
    expect((await setup.fs.lookup(ROOT, "blue")).attributes.kind).toBe("directory");
    setup.bucket.remove("blue/image.jpg");
    setup.advance(1001);
    const { attributes } = await setup.fs.lookup(ROOT, "blue");
    expect(attributes).toMatchObject({ kind: "file", sizeBytes: 6 });
  });

  test("a key that ends in a slash is a directory only", async () => {
    const setup = rig();
    setup.bucket.store("dir/", "marker");
    expect((await setup.fs.lookup(ROOT, "dir")).attributes.kind).toBe("directory");
    const { ino } = (await setup.fs.lookup(ROOT, "dir")).attributes;
    expect(await names(setup, ino)).toEqual([]);
  });

  test("the inode's number changes with the object's version, and only then", async () => {
    const setup = rig();
    setup.bucket.store("file", "one");
    const first = (await setup.fs.lookup(ROOT, "file")).attributes.ino;
    setup.advance(5000);
    setup.bucket.store("file", "one");
    const same = await setup.fs.lookup(ROOT, "file");
    expect(same.attributes.ino).toBe(first);
    setup.advance(5000);
    setup.bucket.store("file", "two");
    expect((await setup.fs.lookup(ROOT, "file")).attributes.ino).not.toBe(first);
  });

  test.each(["a$b", "a b", "a~b", "a:b", "a+b", "🐈", "ünïcode", "a%2Fb"])(
    "%s is found",
    async (name) => {
      const setup = rig();
      setup.bucket.store(name, "x");
      setup.bucket.store(`dir/${name}`, "xy");
      expect((await setup.fs.lookup(ROOT, name)).attributes.sizeBytes).toBe(1);
      expect((await walk(setup, `dir/${name}`)).attributes.sizeBytes).toBe(2);
    },
  );

  test.each(["", ".", "..", "a/b", "a\0b"])("%j can be no name", async (name) => {
    const setup = rig();
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, name))).toBe(EINVAL);
    expect(setup.bucket.takeCounts()).toEqual({});
  });

  test("a name of 256 bytes is refused without a request, one of 255 is not", async () => {
    const setup = rig();
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "x".repeat(256)))).toBe(ENAMETOOLONG);
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "é".repeat(128)))).toBe(ENAMETOOLONG);
    expect(setup.bucket.takeCounts()).toEqual({});
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "x".repeat(255)))).toBe(ENOENT);
  });

  test("a key of 1025 bytes is refused without a request, with the mount's prefix counted", async () => {
    const prefix = `${"p".repeat(200)}/`.repeat(4);
    const setup = rig({ prefix });
    const longest = "x".repeat(1024 - prefix.length);
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, `${longest}x`))).toBe(ENAMETOOLONG);
    expect(setup.bucket.takeCounts()).toEqual({});
    setup.bucket.store(prefix + longest, "found");
    expect((await setup.fs.lookup(ROOT, longest)).attributes.sizeBytes).toBe(5);
  });

  test("nothing is below a file", async () => {
    const setup = rig();
    setup.bucket.store("file", "content");
    const { ino } = (await setup.fs.lookup(ROOT, "file")).attributes;
    expect(await errnoFrom(() => setup.fs.lookup(ino, "x"))).toBe(ENOTDIR);
  });

  test("a mount of a prefix shows what is below it", async () => {
    const setup = rig({ prefix: "some/where/" });
    setup.bucket.store("some/where/file", "content");
    setup.bucket.store("elsewhere", "content");
    expect(await names(setup, ROOT)).toEqual(["file"]);
    expect((await setup.fs.lookup(ROOT, "file")).attributes.sizeBytes).toBe(7);
  });
});

describe("when S3 fails", () => {
  test("the errno tells permission from everything else, and the log line names what and why", async () => {
    const setup = rig();
    setup.bucket.failNext("head", "access-denied");
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "secret"))).toBe(EACCES);
    setup.bucket.failNext("list", "throttled");
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, "busy"))).toBe(EIO);
    expect(setup.log[0]).toMatch(
      /^warn lookup of "secret" fails with EACCES: HeadObject .*Planned, request R1/,
    );
    expect(setup.log[0]).toContain("need the permission s3:GetObject");
    expect(setup.log).toHaveLength(2);
  });

  test("a name that is not there is not worth a line", async () => {
    const setup = rig();
    await errnoFrom(() => setup.fs.lookup(ROOT, "nothing"));
    expect(setup.log).toEqual([]);
  });

  test("a failure in a loop is logged ten times in ten seconds, and the rest is counted", async () => {
    const setup = rig();
    for (let i = 0; i < 25; i++) {
      setup.bucket.failNext("list", "throttled");
      await errnoFrom(() => setup.fs.lookup(ROOT, "busy"));
    }
    expect(setup.log).toHaveLength(10);
    setup.advance(10_001);
    setup.bucket.failNext("list", "throttled");
    await errnoFrom(() => setup.fs.lookup(ROOT, "busy"));
    expect(setup.log.at(-1)).toContain("(15 more like this were not logged)");
  });
});

describe("lookup counts", () => {
  test("an inode stays until every lookup is forgotten", async () => {
    const setup = rig();
    setup.bucket.store("file", "content");
    const { ino } = (await setup.fs.lookup(ROOT, "file")).attributes;
    await setup.fs.lookup(ROOT, "file");
    setup.fs.forget(ino, 1);
    expect((await setup.fs.getattr(ino, undefined)).attributes.ino).toBe(ino);
    setup.fs.forget(ino, 1);
    expect(await errnoFrom(() => setup.fs.getattr(ino, undefined))).toBe(ENOENT);
    expect(setup.fs.gauges().inodes).toBe(0);
  });

  test("directories may be forgotten before what is in them", async () => {
    const setup = rig();
    setup.bucket.store("a/b/file", "content");
    const file = (await walk(setup, "a/b/file")).attributes.ino;
    const a = (await setup.fs.lookup(ROOT, "a")).attributes.ino;
    const b = (await setup.fs.lookup(a, "b")).attributes.ino;
    setup.fs.forget(a, 2);
    setup.fs.forget(b, 2);
    expect((await setup.fs.getattr(file, undefined)).attributes.sizeBytes).toBe(7);
    setup.fs.forget(file, 1);
    expect(setup.fs.gauges().inodes).toBe(0);
  });

  test("forgetting too much, or what never was, does no harm", async () => {
    const setup = rig();
    setup.bucket.store("file", "content");
    const { ino } = (await setup.fs.lookup(ROOT, "file")).attributes;
    setup.fs.forget(ino, 1000);
    setup.fs.forget(987_654, 1);
    setup.fs.forget(ROOT, 1);
    expect((await setup.fs.getattr(ROOT, undefined)).attributes.kind).toBe("directory");
    expect(setup.fs.gauges().inodes).toBe(0);
  });

  test("a local file that the kernel forgot is still there", async () => {
    const setup = rig();
    const { ino, fh } = await createFile(setup, ROOT, "new");
    setup.fs.forget(ino, 1);
    expect((await setup.fs.lookup(ROOT, "new")).attributes.ino).toBe(ino);
    setup.fs.forget(ino, 1);
    await setup.fs.release(fh);
    setup.advance(5000);
    expect(setup.fs.gauges()).toMatchObject({ inodes: 0, rememberedInodes: 0 });
    expect(setup.bucket.text("new")).toBe("");
  });
});
