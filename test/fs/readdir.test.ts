import { describe, expect, test } from "vitest";

import { EBADF, EINVAL, EIO, ENOENT } from "../../src/base/errno.ts";
import { compareKeys } from "../../src/inode/name.ts";
import {
  CALLER,
  createFile,
  errnoFrom,
  list,
  names,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  type Rig,
  ROOT,
  readReply,
  rig,
  walk,
  writeFile,
} from "./rig.ts";

function padded(index: number): string {
  return `file-${String(index).padStart(6, "0")}`;
}

describe("what a directory shows", () => {
  test("files and directories come in the order of their keys, across pages", async () => {
    const setup = rig();
    for (let i = 19; i >= 0; i--) setup.bucket.store(padded(i));
    setup.bucket.pageKeysMax = 5;
    const expected = Array.from({ length: 20 }, (_, i) => padded(i));
    expect(await names(setup, ROOT)).toEqual(expected);
    expect(setup.bucket.takeCounts()).toEqual({ list: 4 });
  });

  test("files being written are merged in", async () => {
    const setup = rig();
    for (let i = 0; i < 20; i++) setup.bucket.store(padded(i * 10));
    setup.bucket.pageKeysMax = 5;
    const local = [5, 45, 101, 190_000, 195].map(padded);
    for (const name of local) await createFile(setup, ROOT, name);
    await setup.fs.mkdir(ROOT, "file-000007", 0o755);
    const expected = [...Array.from({ length: 20 }, (_, i) => padded(i * 10)), ...local];
    expect(await names(setup, ROOT)).toEqual([...expected, "file-000007"].sort(compareKeys));
  });

  test("names beyond the basic plane sort by their UTF-8", async () => {
    const setup = rig();
    const keys = ["\uffee", "😀", "é", "z", "\u{10000}"];
    for (const key of keys) setup.bucket.store(key);
    await createFile(setup, ROOT, "😁");
    await createFile(setup, ROOT, "\uffed");
    expect(await names(setup, ROOT)).toEqual([
      "z",
      "é",
      "\uffed",
      "\uffee",
      "\u{10000}",
      "😀",
      "😁",
    ]);
  });

  test("a directory and an object that share a name are one entry, however far apart they are listed", async () => {
    for (const pageKeysMax of [1, 2, 3, 4, 1000]) {
      const setup = rig();
      for (const key of ["a", "a!", "a-1", "a-2", "a-2/x", "a-3", "a.txt", "a/b", "b"]) {
        setup.bucket.store(key);
      }
      setup.bucket.pageKeysMax = pageKeysMax;
      const entries = await list(setup, ROOT);
      const found = entries.map(({ name, kind }) => `${name} ${kind}`).sort(compareKeys);
      expect(found, `pages of ${pageKeysMax}`).toEqual([
        "a directory",
        "a! file",
        "a-1 file",
        "a-2 directory",
        "a-3 file",
        "a.txt file",
        "b file",
      ]);
    }
  });

  test("a file being written is hidden by a directory in S3, and hides an object", async () => {
    const setup = rig();
    await createFile(setup, ROOT, "x");
    await createFile(setup, ROOT, "y");
    setup.bucket.store("x/file");
    setup.bucket.store("y", "object");
    const entries = await list(setup, ROOT, { plus: true });
    expect(entries.map(({ name, kind }) => [name, kind])).toEqual([
      ["x", "directory"],
      ["y", "file"],
    ]);
    expect(entries[1]?.entry?.attributes.sizeBytes).toBe(0);
  });

  test("keys that can be no path are left out, and that is said once", async () => {
    const setup = rig();
    for (const key of ["//", "/x", "dir//y", "./z", "../z", "a\0b", `${"n".repeat(300)}`, "good"]) {
      setup.bucket.store(key);
    }
    expect(await names(setup, ROOT)).toEqual(["dir", "good"]);
    expect(await names(setup, (await setup.fs.lookup(ROOT, "dir")).attributes.ino)).toEqual([]);
    expect(setup.log.filter((line) => line.includes("is not shown"))).toHaveLength(1);
  });

  test("every directory has itself and its parent", async () => {
    const setup = rig();
    setup.bucket.store("a/b/c");
    const a = (await walk(setup, "a")).attributes.ino;
    const b = (await walk(setup, "a/b")).attributes.ino;
    const { fh } = await setup.fs.opendir(b);
    const entries = await readReply(setup, fh, { offset: 0, entriesMax: 10 });
    expect(entries.map(({ name, ino }) => [name, ino]).slice(0, 2)).toEqual([
      [".", b],
      ["..", a],
    ]);
  });

  test("a file that was stored or deleted here while the listing ran shows as it is now", async () => {
    const setup = rig({ allowDelete: true });
    setup.bucket.store("a");
    setup.bucket.store("deleted");
    const { fh, ino } = await createFile(setup, ROOT, "stored");
    const directory = await setup.fs.opendir(ROOT);
    const first = await readReply(setup, directory.fh, { offset: 0, entriesMax: 3 });
    expect(first.map(({ name }) => name)).toEqual([".", "..", "a"]);
    await setup.fs.write(fh, 0, Buffer.from("data"));
    await setup.fs.flush(fh, CALLER);
    await setup.fs.unlink(ROOT, "deleted");
    const rest = await readReply(setup, directory.fh, { offset: 3, entriesMax: 9, plus: true });
    expect(rest.map(({ name }) => name)).toEqual(["stored"]);
    expect(rest[0]?.entry?.attributes).toMatchObject({ ino, sizeBytes: 4 });
  });
});

describe("what a listing costs", () => {
  test("one LIST for each thousand names, and nothing for lookups and opens behind it", async () => {
    const setup = rig();
    for (let i = 0; i < 2500; i++) setup.bucket.store(padded(i), "content");
    const entries = await list(setup, ROOT);
    expect(entries).toHaveLength(2500);
    expect(setup.bucket.takeCounts()).toEqual({ list: 3 });
    for (const { name, ino } of entries) {
      const found = await setup.fs.lookup(ROOT, name);
      expect(found.attributes.ino).toBe(ino);
    }
    await setup.fs.open(entries[7]?.ino ?? 0, O_RDONLY, CALLER);
    expect(setup.bucket.takeCounts()).toEqual({});
  });

  test("READDIRPLUS brings attributes and counts a lookup for each entry that fits", async () => {
    const setup = rig();
    for (let i = 0; i < 10; i++) setup.bucket.store(padded(i), "content");
    const entries = await list(setup, ROOT, { plus: true, replyEntriesMax: 4 });
    expect(entries[3]?.entry).toMatchObject({ entryValidMs: 100, attributesValidMs: 100 });
    expect(setup.fs.gauges().inodes).toBe(10);
    for (const { ino } of entries) setup.fs.forget(ino, 1);
    expect(setup.fs.gauges()).toMatchObject({ inodes: 0, rememberedInodes: 0 });
  });

  test("of what nobody looked up, a bounded number is kept, and the latest", async () => {
    const setup = rig({ metadataTtl: { kind: "indefinite" } });
    for (let i = 0; i < 40_000; i++) setup.bucket.store(padded(i));
    await list(setup, ROOT);
    expect(setup.fs.gauges()).toMatchObject({ inodes: 0, rememberedInodes: 32_768 });
    setup.bucket.takeCounts();
    await setup.fs.lookup(ROOT, padded(39_999));
    expect(setup.bucket.takeCounts()).toEqual({});
    await setup.fs.lookup(ROOT, padded(0));
    expect(setup.bucket.takeCounts()).not.toEqual({});
  });

  test("what nobody looked up is dropped when it has expired", async () => {
    const setup = rig();
    for (let i = 0; i < 500; i++) setup.bucket.store(padded(i));
    await list(setup, ROOT);
    expect(setup.fs.gauges()).toMatchObject({ inodes: 0, rememberedInodes: 500 });
    setup.advance(101);
    expect(setup.fs.gauges()).toMatchObject({ inodes: 0, rememberedInodes: 0 });
  });

  test("the page behind the one being read is already on its way", async () => {
    const setup = rig();
    for (let i = 0; i < 30; i++) setup.bucket.store(padded(i));
    setup.bucket.pageKeysMax = 10;
    const { fh } = await setup.fs.opendir(ROOT);
    await readReply(setup, fh, { offset: 0, entriesMax: 5 });
    expect(setup.bucket.takeCounts()).toEqual({ list: 2 });
  });

  test("entries that were read long after their page came are not believed", async () => {
    const setup = rig();
    for (let i = 0; i < 10; i++) setup.bucket.store(padded(i), "old");
    const { fh } = await setup.fs.opendir(ROOT);
    await readReply(setup, fh, { offset: 0, entriesMax: 5 });
    setup.advance(60_000);
    const late = await readReply(setup, fh, { offset: 5, entriesMax: 5, plus: true });
    expect(late[0]?.entry?.entryValidMs).toBe(0);
  });

  test("attributes of a page that had to wait are told for a second, and never serve an open", async () => {
    const setup = rig();
    for (let i = 0; i < 10; i++) setup.bucket.store(padded(i), "old");
    const { fh } = await setup.fs.opendir(ROOT);
    await readReply(setup, fh, { offset: 0, entriesMax: 5 });
    setup.advance(900);
    // The first of them was taken from the page for the reply before, and did not fit.
    const [, waited] = await readReply(setup, fh, { offset: 5, entriesMax: 5, plus: true });
    expect(waited?.entry?.entryValidMs).toBe(100);
    setup.bucket.takeCounts();
    await setup.fs.open(waited?.ino ?? 0, O_RDONLY, CALLER);
    expect(setup.bucket.takeCounts()).toEqual({ head: 1 });
  });

  test("with a TTL of seconds, attributes count from when S3 told them", async () => {
    const setup = rig({ metadataTtl: { kind: "seconds", seconds: 60 } });
    for (let i = 0; i < 10; i++) setup.bucket.store(padded(i), "old");
    const { fh } = await setup.fs.opendir(ROOT);
    await readReply(setup, fh, { offset: 0, entriesMax: 5 });
    setup.advance(50_000);
    const late = await readReply(setup, fh, { offset: 5, entriesMax: 5, plus: true });
    expect(late[0]?.entry?.entryValidMs).toBe(10_000);
  });

  test("a hundred thousand names are listed in bounded memory and a few microseconds each", async () => {
    const setup = rig();
    for (let i = 0; i < 100_000; i++) setup.bucket.store(padded(i));
    const { fh } = await setup.fs.opendir(ROOT);
    let count = 0;
    const start = process.cpuUsage();
    for (let offset = 0, last = -1; offset !== last; ) {
      last = offset;
      let inReply = 0;
      await setup.fs.readdir(fh, offset, {
        plus: false,
        add: (entry) => {
          if (inReply++ === 1024) return false;
          offset = entry.nextOffset;
          count++;
          return true;
        },
      });
    }
    expect(count).toBe(100_002);
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1000).toBeLessThan(5000);
    expect(setup.fs.gauges().rememberedInodes).toBeLessThan(40_000);
  });
});

describe("names that are taken while the reply before is read", () => {
  /** Of twenty files, the first six were told, and the next eight taken. */
  async function halfRead(): Promise<{ setup: Rig; fh: number }> {
    const setup = rig({ allowDelete: true, allowOverwrite: true });
    for (let i = 0; i < 20; i++) setup.bucket.store(padded(i), "old");
    const { fh } = await setup.fs.opendir(ROOT);
    await readReply(setup, fh, { offset: 0, entriesMax: 8 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(setup.fs.gauges().rememberedInodes).toBe(14);
    setup.bucket.takeCounts();
    return { setup, fh };
  }

  const rest = Array.from({ length: 14 }, (_, index) => padded(index + 6));

  test("are told as they are then: deleted, written or replaced meanwhile", async () => {
    const { setup, fh } = await halfRead();
    await setup.fs.unlink(ROOT, padded(7));
    setup.advance(101);
    // Too old by now, and what is looked up is known anew.
    expect(setup.fs.gauges().rememberedInodes).toBe(0);
    await setup.fs.lookup(ROOT, padded(9));
    await setup.fs.unlink(ROOT, padded(9));
    const { ino } = (await setup.fs.lookup(ROOT, padded(8))).attributes;
    const written = await setup.fs.open(ino, O_WRONLY | O_TRUNC, CALLER);
    await setup.fs.write(written.fh, 0, Buffer.from("written"));
    await setup.fs.flush(written.fh, CALLER);
    setup.bucket.store(padded(10), "replaced");
    const replaced = await setup.fs.lookup(ROOT, padded(10));
    const told = await readReply(setup, fh, { offset: 8, entriesMax: 99, plus: true });
    expect(told.map(({ name }) => name)).toEqual(
      rest.filter((name) => name !== padded(7) && name !== padded(9)),
    );
    const [, eighth, tenth] = told;
    expect(eighth?.entry?.attributes).toMatchObject({ ino, sizeBytes: "written".length });
    expect(tenth?.entry?.attributes).toEqual(replaced.attributes);
  });

  test("are known for as long as if they had been taken then, and cost nothing", async () => {
    const { setup, fh } = await halfRead();
    setup.advance(101);
    expect(setup.fs.gauges().rememberedInodes).toBe(0);
    const told = await readReply(setup, fh, { offset: 8, entriesMax: 99, plus: true });
    expect(told.map(({ name }) => name)).toEqual(rest);
    setup.advance(99);
    for (const { entry, ino, name } of told) {
      expect(entry?.entryValidMs).toBe(100);
      expect((await setup.fs.lookup(ROOT, name)).attributes.ino).toBe(ino);
    }
    expect(setup.bucket.takeCounts()).toEqual({});
  });

  test("count for less once a read has shown that they are others", async () => {
    const { setup, fh } = await halfRead();
    setup.bucket.store(padded(6), "replaced");
    const opened = await setup.fs.open(
      (await setup.fs.lookup(ROOT, padded(6))).attributes.ino,
      O_RDONLY,
      CALLER,
    );
    await expect(setup.fs.read(opened.fh, 0, 10)).rejects.toThrow();
    const [first] = await readReply(setup, fh, { offset: 8, entriesMax: 99, plus: true });
    expect(first?.entry?.entryValidMs).toBe(0);
  });

  test("are told again from anywhere in the reply before, each once", async () => {
    const { setup, fh } = await halfRead();
    const told = await readReply(setup, fh, { offset: 4, entriesMax: 99 });
    const names = told.map(({ name }) => name);
    expect(names).toEqual([...[2, 3, 4, 5].map(padded), ...rest]);
  });

  test("are left where the directory is closed or read anew", async () => {
    const { setup, fh } = await halfRead();
    const again = await readReply(setup, fh, { offset: 0, entriesMax: 99 });
    expect(again).toHaveLength(22);
    const { fh: other } = await setup.fs.opendir(ROOT);
    await readReply(setup, other, { offset: 0, entriesMax: 8 });
    setup.fs.releasedir(other);
    setup.fs.releasedir(fh);
    await new Promise((resolve) => setImmediate(resolve));
    expect(setup.fs.gauges().directoryHandles).toBe(0);
  });
});

describe("offsets", () => {
  test("zero starts over and sees what is new", async () => {
    const setup = rig();
    setup.bucket.store("a");
    const { fh } = await setup.fs.opendir(ROOT);
    expect(await readReply(setup, fh, { offset: 0, entriesMax: 9 })).toHaveLength(3);
    setup.bucket.store("b");
    expect(await readReply(setup, fh, { offset: 0, entriesMax: 9 })).toHaveLength(4);
  });

  test("any place in the last reply can be asked for again, before and behind goes on", async () => {
    const setup = rig();
    for (let i = 0; i < 20; i++) setup.bucket.store(padded(i));
    setup.bucket.pageKeysMax = 7;
    const { fh } = await setup.fs.opendir(ROOT);
    const first = await readReply(setup, fh, { offset: 0, entriesMax: 8 });
    for (let offset = 1; offset < 8; offset++) {
      await readReply(setup, fh, { offset: 0, entriesMax: 8 });
      const again = await readReply(setup, fh, { offset, entriesMax: 3 });
      expect(again[0]?.name).toBe(first[offset]?.name);
      const next = await readReply(setup, fh, { offset: offset + again.length, entriesMax: 3 });
      expect(next[0]?.nextOffset).toBe(offset + again.length + 1);
    }
  });

  test("a repeated request at the end answers with the end, and leaves the last reply to go back to", async () => {
    const setup = rig();
    setup.bucket.store("a");
    const { fh } = await setup.fs.opendir(ROOT);
    await readReply(setup, fh, { offset: 0, entriesMax: 9 });
    expect(await readReply(setup, fh, { offset: 3, entriesMax: 9 })).toEqual([]);
    expect(await readReply(setup, fh, { offset: 3, entriesMax: 9 })).toEqual([]);
    // The end is no reply to go back to, the one before is.
    const [again] = await readReply(setup, fh, { offset: 2, entriesMax: 9 });
    expect(again?.name).toBe("a");
  });

  test("anywhere else is EBADF, and a handle that is not open EINVAL", async () => {
    const setup = rig();
    for (let i = 0; i < 20; i++) setup.bucket.store(padded(i));
    const { fh } = await setup.fs.opendir(ROOT);
    await readReply(setup, fh, { offset: 0, entriesMax: 5 });
    await readReply(setup, fh, { offset: 5, entriesMax: 5 });
    for (const offset of [3, 11, 4_000_000_000]) {
      const errno = await errnoFrom(() => readReply(setup, fh, { offset, entriesMax: 5 }));
      expect(errno).toBe(EBADF);
    }
    expect(await errnoFrom(() => readReply(setup, fh + 1, { offset: 0, entriesMax: 5 }))).toBe(
      EINVAL,
    );
  });

  test("a page that fails is asked for again by the next call", async () => {
    const setup = rig();
    for (let i = 0; i < 20; i++) setup.bucket.store(padded(i));
    setup.bucket.pageKeysMax = 5;
    setup.bucket.failNext("list", "server-error");
    const { fh } = await setup.fs.opendir(ROOT);
    const read = (offset: number) => readReply(setup, fh, { offset, entriesMax: 50 });
    expect(await errnoFrom(() => read(0))).toBe(EIO);
    const first = await read(0);
    // The last name of a page waits for the next: a directory of the same name may follow.
    expect(first).toHaveLength(6);
    // The page behind it was loaded ahead by then; the next one is loaded during this reply.
    setup.bucket.failNext("list", "server-error");
    expect(await read(6)).toHaveLength(5);
    expect(await errnoFrom(() => read(11))).toBe(EIO);
    expect((await read(11)).map(({ name }) => name)).toEqual([9, 10, 11, 12, 13].map(padded));
  });
});

test("closing a directory cancels nothing that others need and leaves no handle", async () => {
  const setup = rig();
  await writeFile(setup, ROOT, "a", "b");
  const first = await setup.fs.opendir(ROOT);
  const second = await setup.fs.opendir(ROOT);
  await readReply(setup, first.fh, { offset: 0, entriesMax: 1 });
  setup.fs.releasedir(first.fh);
  expect(await readReply(setup, second.fh, { offset: 0, entriesMax: 9 })).toHaveLength(3);
  setup.fs.releasedir(second.fh);
  expect(setup.fs.gauges().directoryHandles).toBe(0);
  expect(await errnoFrom(() => setup.fs.lookup(ROOT, "c"))).toBe(ENOENT);
});
