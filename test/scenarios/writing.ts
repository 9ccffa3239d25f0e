/** Scenarios: new files become objects when they are closed, whole or not at all. */

import { constants } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { expectBytes, pattern } from "../rigs/bytes.ts";
import type { World } from "../rigs/rig.ts";
import { expectErrno, outcomeOf, type Scenario, withFile } from "./scenario.ts";
import { createWhole, namesIn, readWhole, writeOn } from "./whole-file.ts";

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY } = constants;
const O_NEW = O_WRONLY | O_CREAT | O_EXCL;

const SMALLEST_PART_BYTES = 5 * MIB;
const LARGE = pattern(101, 20 * MIB + 13);

/** Fails unless the bucket and the tree both hold exactly `data`, and no upload is open. */
async function expectStored(world: World, path: string, data: Uint8Array): Promise<void> {
  const stored = await world.bucket.get(path);
  expectBytes(stored, data);
  expectBytes(await readWhole(world.tree, path), data);
  expect(await world.bucket.uploads()).toEqual([]);
}

export const writingScenarios: readonly Scenario[] = [
  {
    name: "a new file is an object once it is closed",
    async run(world) {
      const data = pattern(102, 12_345);
      await createWhole(world.tree, "file", data);
      await expectStored(world, "file", data);
    },
  },
  {
    name: "an empty new file becomes an empty object",
    async run({ tree, bucket }) {
      await createWhole(tree, "empty", Buffer.alloc(0));
      await expect.poll(() => bucket.sizeOf("empty")).toBe(0);
      expect((await tree.stat("empty")).sizeBytes).toBe(0);
    },
  },
  {
    name: "a file opened right after it was created empty is empty, and in the bucket",
    async run({ tree, bucket }) {
      await createWhole(tree, "empty", Buffer.alloc(0));
      expect(await readWhole(tree, "empty")).toHaveLength(0);
      expect(await bucket.sizeOf("empty")).toBe(0);
    },
  },
  {
    name: "nothing of a file is in the bucket before it is closed",
    async run({ tree, bucket }) {
      const data = LARGE.subarray(0, 9 * MIB);
      await withFile(tree.open("file", O_NEW), async (file) => {
        await writeOn(file, data);
        expect(await bucket.keys()).toEqual([]);
        expect(await namesIn(tree)).toEqual(["file"]);
      });
      expect(await bucket.keys()).toEqual(["file"]);
    },
  },
  {
    name: "the size of a file grows while it is written",
    async run({ tree }) {
      await withFile(tree.open("file", O_NEW), async (file) => {
        expect((await file.stat()).sizeBytes).toBe(0);
        await file.write(Buffer.alloc(1_000), 0);
        expect((await file.stat()).sizeBytes).toBe(1_000);
        await file.write(Buffer.alloc(70_000), 1_000);
        expect((await file.stat()).sizeBytes).toBe(71_000);
        expect((await tree.stat("file")).sizeBytes).toBe(71_000);
      });
      expect((await tree.stat("file")).sizeBytes).toBe(71_000);
    },
  },
  {
    name: "a file of several parts is stored whole",
    async run(world) {
      await createWhole(world.tree, "large", LARGE);
      await expectStored(world, "large", LARGE);
    },
  },
  {
    name: "writes of 1 MiB and a byte are stored whole",
    async run(world) {
      await createWhole(world.tree, "large", LARGE, MIB + 1);
      await expectStored(world, "large", LARGE);
    },
  },
  {
    name: "writes of 70,000 bytes are stored whole",
    async run(world) {
      await createWhole(world.tree, "large", LARGE.subarray(0, 9 * MIB), 70_000);
      await expectStored(world, "large", LARGE.subarray(0, 9 * MIB));
    },
  },
  {
    name: "files that end at, before and after the end of a part are stored whole",
    flags: { writePartBytes: SMALLEST_PART_BYTES },
    async run(world) {
      for (const parts of [1, 2]) {
        for (const difference of [-1, 0, 1]) {
          const data = LARGE.subarray(0, parts * SMALLEST_PART_BYTES + difference);
          const name = `file-${data.length}`;
          await createWhole(world.tree, name, data);
          await expectStored(world, name, data);
        }
      }
    },
  },
  {
    name: "parts that are not whole pages are stored whole",
    flags: { writePartBytes: SMALLEST_PART_BYTES + 4_321 },
    async run(world) {
      await createWhole(world.tree, "large", LARGE);
      await expectStored(world, "large", LARGE);
    },
  },
  {
    name: "many files written at once are stored whole",
    async run(world) {
      const files = Array.from({ length: 20 }, (_, index) => ({
        name: `file-${index}`,
        data: pattern(200 + index, 100_000 + index),
      }));
      await Promise.all(files.map(({ name, data }) => createWhole(world.tree, name, data)));
      for (const { name, data } of files) await expectStored(world, name, data);
      expect(await namesIn(world.tree)).toHaveLength(files.length);
    },
  },
  {
    name: "fsync stores the file; a later write fails with EBADF and changes nothing",
    async run(world) {
      const data = pattern(103, 50_000);
      const file = await world.tree.open("file", O_NEW);
      await file.write(data, 0);
      await file.sync();
      expect(await world.bucket.sizeOf("file")).toBe(data.length);
      await expectErrno("EBADF", file.write(Buffer.from("more"), data.length));
      await file.close().catch(() => {});
      await expectStored(world, "file", data);
    },
  },
  {
    name: "fsync of a file of several parts stores it",
    async run(world) {
      await withFile(world.tree.open("large", O_NEW), async (file) => {
        await writeOn(file, LARGE);
        await file.sync();
        expect(await world.bucket.sizeOf("large")).toBe(LARGE.length);
      });
      await expectStored(world, "large", LARGE);
    },
  },
  ...[-1, 1].map(
    (difference): Scenario => ({
      name: `a write ${difference < 0 ? "before" : "behind"} the end fails with EINVAL for good, and nothing is stored`,
      async run({ tree, bucket }) {
        const file = await tree.open("file", O_NEW);
        await file.write(Buffer.alloc(100), 0);
        await expectErrno("EINVAL", file.write(Buffer.alloc(10), 100 + difference));
        await expectErrno("EINVAL", file.write(Buffer.alloc(10), 100));
        await expectErrno("EINVAL", file.close());
        await expectErrno("ENOENT", tree.stat("file"));
        expect(await bucket.keys()).toEqual([]);
      },
    }),
  ),
  {
    name: "a descriptor whose writing failed cannot be read: EBADF, or nothing beyond its end",
    async run({ tree }) {
      const file = await tree.open("file", O_RDWR | O_CREAT | O_EXCL);
      await file.write(Buffer.from("5"), 0);
      await expectErrno("EINVAL", file.write(Buffer.from("6"), 0));
      await expectErrno("EBADF", file.read(0, 1));
      // The kernel, which knows the size, may see by itself that there is nothing.
      const beyond = file.read(1, 3);
      if ((await outcomeOf(beyond)) === "success") expect(await beyond).toHaveLength(0);
      else await expectErrno("EBADF", beyond);
      await expectErrno("EINVAL", file.close());
    },
  },
  {
    name: "a write out of order into a file of several parts leaves no upload behind",
    async run({ tree, bucket }) {
      const file = await tree.open("large", O_NEW);
      await writeOn(file, LARGE);
      await expectErrno("EINVAL", file.write(Buffer.alloc(10), 0));
      await expectErrno("EINVAL", file.close());
      await expect.poll(() => bucket.uploads()).toEqual([]);
      expect(await bucket.keys()).toEqual([]);
      expect(await namesIn(tree)).toEqual([]);
    },
  },
  {
    name: "after a failed write the same name can be written anew",
    async run(world) {
      const file = await world.tree.open("file", O_NEW);
      await expectErrno("EINVAL", file.write(Buffer.alloc(10), 5));
      await expectErrno("EINVAL", file.close());
      const data = pattern(104, 1_000);
      await createWhole(world.tree, "file", data);
      await expectStored(world, "file", data);
    },
  },
  {
    name: "a file that is being written can be neither read nor written by another",
    async run({ tree }) {
      await withFile(tree.open("file", O_NEW), async (file) => {
        await expectErrno("EPERM", tree.open("file", O_RDONLY));
        await expectErrno("EPERM", tree.open("file", O_WRONLY));
        await file.write(Buffer.from("content"), 0);
        await expectErrno("EPERM", tree.open("file", O_RDONLY));
        await expectErrno("EPERM", tree.open("file", O_WRONLY));
      });
      expect((await readWhole(tree, "file")).toString()).toBe("content");
    },
  },
  {
    name: "a new file opened for reading and writing is written, and reading it is EBADF",
    async run({ tree, bucket }) {
      await withFile(tree.open("file", O_RDWR | O_CREAT | O_EXCL), async (file) => {
        await file.write(Buffer.from("content"), 0);
        await expectErrno("EBADF", file.read(0, 4));
      });
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "a new file is appended to from its start on",
    async run({ tree, bucket }) {
      const flags = O_WRONLY | O_CREAT | constants.O_APPEND;
      await withFile(tree.open("log", flags), async (file) => {
        await file.write(Buffer.from("one "), 0);
        await file.write(Buffer.from("two"), 4);
      });
      expect((await bucket.get("log"))?.toString()).toBe("one two");
    },
  },
  {
    name: "a child that closes its copy of the descriptor does not end the writing",
    needs: ["caller"],
    async run(world) {
      await withFile(world.tree.open("file", O_NEW), async (file) => {
        await file.write(Buffer.from("before "), 0);
        await file.closeCopyOfChild();
        expect(await world.bucket.keys()).toEqual([]);
        await file.write(Buffer.from("after"), 7);
      });
      await expectStored(world, "file", Buffer.from("before after"));
    },
  },
  {
    name: "a file is created in a directory that was made here, and in one that was there",
    async run(world) {
      await world.bucket.put("there/first", "1");
      await world.tree.mkdir("here");
      await world.tree.mkdir("here/below");
      await createWhole(world.tree, "here/below/file", Buffer.from("new"));
      await createWhole(world.tree, "there/second", Buffer.from("2"));
      await expectStored(world, "here/below/file", Buffer.from("new"));
      expect(await world.bucket.keys()).toEqual(["here/below/file", "there/first", "there/second"]);
    },
  },
  {
    name: "the upload of a large file is under way before the file is closed",
    async run({ tree, bucket }) {
      await withFile(tree.open("large", O_NEW), async (file) => {
        await writeOn(file, LARGE);
        await expect.poll(() => bucket.uploads()).toEqual([`${bucket.prefix}large`]);
      });
      expect(await bucket.uploads()).toEqual([]);
    },
  },
  {
    name: "the size of a file that is being written stays what was written, for as long as it takes",
    async run({ tree }) {
      await withFile(tree.open("file", O_NEW), async (file) => {
        await file.write(Buffer.alloc(5_000), 0);
        // Longer than the kernel believes what it was told of a file.
        await delay(150);
        expect((await file.stat()).sizeBytes).toBe(5_000);
        expect((await tree.stat("file")).sizeBytes).toBe(5_000);
        await delay(150);
        expect((await file.stat()).sizeBytes).toBe(5_000);
      });
    },
  },
  {
    name: "fsync of an empty file stores an empty object",
    async run({ tree, bucket }) {
      await withFile(tree.open("empty", O_NEW), async (file) => {
        await file.sync();
        expect(await bucket.sizeOf("empty")).toBe(0);
      });
      expect(await bucket.keys()).toEqual(["empty"]);
    },
  },
  {
    name: "a second fsync, and the close behind it, change nothing",
    async run({ tree, bucket }) {
      const file = await tree.open("file", O_NEW);
      await file.write(Buffer.from("content"), 0);
      await file.sync();
      await bucket.put("file", "of another client");
      await file.sync();
      await file.close();
      expect((await bucket.get("file"))?.toString()).toBe("of another client");
    },
  },
  {
    name: "a file that was synced is read while its writer is still open",
    async run({ tree }) {
      await withFile(tree.open("file", O_NEW), async (file) => {
        await file.write(Buffer.from("content"), 0);
        await expectErrno("EPERM", tree.open("file", O_RDONLY));
        await file.sync();
        expect((await readWhole(tree, "file")).toString()).toBe("content");
      });
    },
  },
  {
    name: "a failed write behind an fsync leaves the object that the fsync stored",
    async run(world) {
      const file = await world.tree.open("file", O_NEW);
      await file.write(Buffer.from("content"), 0);
      await file.sync();
      await expectErrno("EBADF", file.write(Buffer.from("more"), 7));
      await file.close();
      await expectStored(world, "file", Buffer.from("content"));
    },
  },
  {
    name: "writing the beginning twice is EINVAL",
    async run({ tree, bucket }) {
      const file = await tree.open("file", O_NEW);
      await file.write(Buffer.from("content"), 0);
      await expectErrno("EINVAL", file.write(Buffer.from("content"), 0));
      await expectErrno("EINVAL", file.close());
      expect(await bucket.keys()).toEqual([]);
    },
  },
  {
    name: "beginning behind the beginning is EINVAL: files have no holes",
    async run({ tree, bucket }) {
      const file = await tree.open("file", O_NEW);
      await expectErrno("EINVAL", file.write(Buffer.from("content"), 4096));
      await expectErrno("EINVAL", file.close());
      expect(await bucket.keys()).toEqual([]);
      await expectErrno("ENOENT", tree.stat("file"));
    },
  },
  {
    name: "fsync behind a write out of order fails as the write did",
    async run({ tree }) {
      const file = await tree.open("file", O_NEW);
      await expectErrno("EINVAL", file.write(Buffer.from("content"), 1));
      await expectErrno("EINVAL", file.sync());
      await expectErrno("EINVAL", file.close());
    },
  },
  {
    name: "the descriptor of a write that failed has no file any more: fstat is ENOENT",
    async run({ tree }) {
      const file = await tree.open("file", O_NEW);
      await file.write(Buffer.from("content"), 0);
      await expectErrno("EINVAL", file.write(Buffer.from("content"), 1));
      // The kernel may have to be told first that the name is gone.
      await expect.poll(() => outcomeOf(file.stat())).toBe("ENOENT");
      await expectErrno("EINVAL", file.close());
    },
  },
  {
    name: "the log says of a write out of order where it was expected",
    alone: true,
    async run({ tree, bucket, log }) {
      const file = await tree.open("file", O_NEW);
      await file.write(Buffer.alloc(10), 0);
      await expectErrno("EINVAL", file.write(Buffer.alloc(10), 5));
      await expectErrno("EINVAL", file.close());
      await expect
        .poll(() =>
          log()
            .split("\n")
            .filter((line) => line.includes(`${bucket.prefix}file`)),
        )
        .toContainEqual(expect.stringMatching(/EINVAL.*\b5\b.*\b10\b|EINVAL.*\b10\b.*\b5\b/));
    },
  },
  {
    name: "writing nothing is fine, wherever",
    async run(world) {
      await withFile(world.tree.open("file", O_NEW), async (file) => {
        await file.write(Buffer.alloc(0), 0);
        await file.write(Buffer.from("content"), 0);
        await file.write(Buffer.alloc(0), 7);
      });
      await expectStored(world, "file", Buffer.from("content"));
    },
  },
  {
    name: "a file that is being written is truncated to its own size only",
    // One of the truncations is a program's.
    needs: ["caller"],
    async run(world) {
      await withFile(world.tree.open("file", O_NEW), async (file) => {
        await file.truncate(0);
        await file.write(Buffer.from("content"), 0);
        await file.truncate(7);
        await expectErrno("EPERM", file.truncate(3));
        await expectErrno("EPERM", file.truncate(100));
        await expectErrno("EPERM", world.tree.truncate("file", 0));
        await file.write(Buffer.from(" and more"), 7);
      });
      await expectStored(world, "file", Buffer.from("content and more"));
    },
  },
  {
    name: "two files created at one time under one name are one: the second is EEXIST",
    async run({ tree }) {
      const openings = await Promise.allSettled([
        tree.open("file", O_NEW),
        tree.open("file", O_NEW),
      ]);
      const opened = openings.flatMap((result) =>
        result.status === "fulfilled" ? result.value : [],
      );
      expect(opened).toHaveLength(1);
      for (const file of opened) await file.close();
    },
  },
  {
    name: "a hundred files are written at one time, where mount-s3 stops at 47",
    flags: { memoryTargetMib: 512 },
    async run({ tree, bucket }) {
      const names = Array.from({ length: 100 }, (_, index) => `file-${index}`);
      const files = await Promise.all(names.map((name) => tree.open(name, O_NEW)));
      await Promise.all(files.map((file) => file.write(Buffer.from("content"), 0)));
      await Promise.all(files.map((file) => file.close()));
      expect(await bucket.keys()).toHaveLength(names.length);
    },
  },
  {
    name: "a write that a slow server delays is stored whole",
    flags: { maxAttempts: 2, allowDelete: true, allowOverwrite: true },
    needs: ["faults"],
    async run(world) {
      await world.fail({ kind: "slow", ms: 300, operation: "UploadPart", key: "large", times: 2 });
      await createWhole(world.tree, "large", LARGE);
      await expectStored(world, "large", LARGE);
    },
  },
  {
    name: "the mode that a file is created with is not kept: its mode is the mount's",
    async run({ tree }) {
      const file = await tree.open("file", O_NEW, 0o600);
      expect((await file.stat()).mode).toBe(0o644);
      await file.close();
      expect((await tree.stat("file")).mode).toBe(0o644);
    },
  },
  {
    name: "a file is created below a directory that is not there: ENOENT, and below a file: ENOTDIR",
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await expectErrno("ENOENT", tree.open("missing/file", O_NEW));
      await expectErrno("ENOTDIR", tree.open("file/below", O_NEW));
      expect(await bucket.keys()).toEqual(["file"]);
    },
  },
];
