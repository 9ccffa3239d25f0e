/** Scenarios: what stat and statfs say, and which attributes can be set. */

import { constants } from "node:fs";
import { chmod, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { succeed } from "../rigs/child.ts";
import type { Tree } from "../rigs/rig.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { createWhole, readWhole } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
/** S3 counts time in seconds, and so does the kernel. */
const CLOCK_TOLERANCE_MS = 2_000;

/** Whether something was made between `beforeMs` and now. */
function isSince(beforeMs: number, madeMs: number): boolean {
  return madeMs >= beforeMs - CLOCK_TOLERANCE_MS && madeMs <= Date.now() + CLOCK_TOLERANCE_MS;
}

/** What S3 has no place for. */
const REFUSED: readonly (readonly [what: string, set: (tree: Tree) => Promise<void>])[] = [
  ["setting the mode of", (tree) => tree.chmod("name", 0o600)],
  ["setting the owner of", (tree) => tree.chown("name", 12, 34)],
  ["setting the times of", (tree) => tree.utimes("name", 0, 0)],
  ["emptying", (tree) => tree.truncate("name", 0)],
  ["shortening", (tree) => tree.truncate("name", 3)],
  ["lengthening", (tree) => tree.truncate("name", 100)],
];

/** Sizes and the 512-byte blocks that stat(2) counts for them. */
const BLOCKS: readonly (readonly [bytes: number, blocks: number])[] = [
  [0, 0],
  [1, 1],
  [512, 1],
  [513, 2],
  [1_000_000, 1_954],
];

export const attributesScenarios: readonly Scenario[] = [
  {
    name: "files and directories have the default owner and modes",
    async run({ tree, bucket }) {
      await bucket.put("there/file", "content");
      await tree.mkdir("made");
      await createWhole(tree, "made/file", Buffer.from("content"));
      const owner = { uid: process.getuid?.(), gid: process.getgid?.() };
      for (const directory of ["there", "made"]) {
        expect(await tree.stat(directory)).toMatchObject({
          kind: "directory",
          mode: 0o755,
          nlink: 2,
          ...owner,
        });
        expect(await tree.stat(`${directory}/file`)).toMatchObject({
          kind: "file",
          mode: 0o644,
          nlink: 1,
          sizeBytes: 7,
          ...owner,
        });
      }
    },
  },
  {
    name: "owner and modes are what the flags say",
    flags: { uid: 1234, gid: 2345, dirMode: 0o750, fileMode: 0o640 },
    needs: ["root"],
    async run({ tree, bucket }) {
      await bucket.put("there/file", "content");
      await tree.mkdir("made", 0o700);
      await createWhole(tree, "made/file", Buffer.from("content"));
      for (const directory of ["", "there", "made"]) {
        expect(await tree.stat(directory)).toMatchObject({ mode: 0o750, uid: 1234, gid: 2345 });
      }
      for (const file of ["there/file", "made/file"]) {
        expect(await tree.stat(file)).toMatchObject({ mode: 0o640, uid: 1234, gid: 2345 });
      }
    },
  },
  {
    name: "a file is as old as its object",
    async run({ tree, bucket }) {
      const before = Date.now();
      await bucket.put("file", "content");
      const { mtimeMs } = await tree.stat("file");
      expect(isSince(before, mtimeMs)).toBe(true);
    },
  },
  {
    name: "files have inode numbers of their own, which stay",
    async run({ tree, bucket }) {
      await bucket.put("one", "1");
      await bucket.put("two", "2");
      await withFile(tree.open("one", constants.O_RDONLY), async (file) => {
        const { ino } = await tree.stat("one");
        expect((await file.stat()).ino).toBe(ino);
        expect((await tree.stat("two")).ino).not.toBe(ino);
        expect((await tree.stat("one")).ino).toBe(ino);
      });
    },
  },
  {
    name: "times are set on a file that is being written",
    needs: ["two-times"],
    async run({ tree }) {
      await withFile(tree.open("file", O_NEW), async (file) => {
        await file.write(Buffer.from("content"), 0);
        await file.utimes(1_000_000_000_000, 1_100_000_000_000);
        expect(await file.stat()).toMatchObject({
          atimeMs: 1_000_000_000_000,
          mtimeMs: 1_100_000_000_000,
        });
      });
    },
  },
  {
    name: "times, mode and owner of a file just made are accepted, as tar and cp set them after the close",
    needs: ["kernel", "root"],
    async run({ tree }) {
      await withFile(tree.open("file", O_NEW), async (file) => {
        await file.write(Buffer.from("content"), 0);
      });
      await tree.utimes("file", 0, 0);
      await tree.chmod("file", 0o600);
      await tree.chown("file", 12, 34);
      expect(await tree.stat("file")).toMatchObject({ mode: 0o644, sizeBytes: 7 });
    },
  },
  {
    name: "mode and owner of a file that is being written are accepted and have no effect",
    needs: ["root"],
    async run({ tree }) {
      await withFile(tree.open("file", O_NEW), async () => {
        await tree.chmod("file", 0o600);
        await tree.chown("file", 12, 34);
        expect((await tree.stat("file")).mode).toBe(0o644);
      });
    },
  },
  ...REFUSED.map(
    ([what, set]): Scenario => ({
      name: `${what} an object is EPERM, and changes nothing`,
      async run({ tree, bucket }) {
        await bucket.put("name", "content");
        const before = await tree.stat("name");
        await expectErrno("EPERM", set(tree));
        expect(await tree.stat("name")).toMatchObject({ mode: 0o644, mtimeMs: before.mtimeMs });
        expect((await bucket.get("name"))?.toString()).toBe("content");
      },
    }),
  ),
  ...REFUSED.slice(0, 3).map(
    ([what, set]): Scenario => ({
      name: `${what} a directory that lives by its keys is EPERM`,
      async run({ tree, bucket }) {
        await bucket.put("name/file", "content");
        await expectErrno("EPERM", set(tree));
        expect((await tree.stat("name")).mode).toBe(0o755);
      },
    }),
  ),
  {
    name: "mode, owner and times of a directory that was made here are accepted, without effect",
    needs: ["root"],
    async run({ tree }) {
      await tree.mkdir("made");
      await tree.chmod("made", 0o700);
      await tree.chown("made", 12, 34);
      await tree.utimes("made", 0, 0);
      expect((await tree.stat("made")).mode).toBe(0o755);
    },
  },
  {
    name: "the file system has room without end",
    async run({ tree }) {
      const { blockBytes, blocks, blocksAvailable, files, filesFree } = await tree.statfs();
      expect(blockBytes).toBeGreaterThanOrEqual(512);
      expect(blocks * blockBytes).toBeGreaterThan(2 ** 50);
      expect(blocksAvailable).toBeGreaterThan(0);
      expect(blocksAvailable).toBeLessThanOrEqual(blocks);
      expect(filesFree).toBeGreaterThan(0);
      expect(filesFree).toBeLessThanOrEqual(files);
    },
  },
  ...BLOCKS.map(
    ([bytes, blocks]): Scenario => ({
      name: `a file of ${bytes} bytes has ${blocks} blocks, and blocks of 4096 bytes to read by`,
      needs: ["kernel"],
      async run({ bucket, path }) {
        await bucket.put("file", Buffer.alloc(bytes));
        expect(await stat(path("file"))).toMatchObject({ size: bytes, blocks, blksize: 4096 });
      },
    }),
  ),
  {
    name: "all times of a file are its object's",
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      const { atimeMs, mtimeMs, ctimeMs } = await tree.stat("file");
      expect([atimeMs, ctimeMs]).toEqual([mtimeMs, mtimeMs]);
      expect(mtimeMs % 1000).toBe(0);
    },
  },
  {
    name: "reading a file does not change its times",
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      const before = await tree.stat("file");
      await readWhole(tree, "file");
      expect((await tree.stat("file")).atimeMs).toBe(before.atimeMs);
    },
  },
  {
    name: "a replaced object has its new time",
    async run({ tree, bucket }) {
      await bucket.put("file", "old");
      const before = await tree.stat("file");
      // S3 counts time in seconds.
      await delay(1_100);
      await bucket.put("file", "new");
      await expect
        .poll(async () => (await tree.stat("file")).mtimeMs)
        .toBeGreaterThan(before.mtimeMs);
    },
  },
  {
    name: "every directory is as old as the mount, whatever happens in it",
    async run({ tree, bucket }) {
      await bucket.put("there/file", "content");
      await tree.mkdir("made");
      const root = await tree.stat("");
      expect((await tree.stat("there")).mtimeMs).toBe(root.mtimeMs);
      expect((await tree.stat("made")).mtimeMs).toBe(root.mtimeMs);
      await createWhole(tree, "there/new", Buffer.from("content"));
      expect((await tree.stat("there")).mtimeMs).toBe(root.mtimeMs);
    },
  },
  {
    name: "a directory has no size and two links, whatever is in it",
    async run({ tree, bucket }) {
      await bucket.put("there/below/file", "content");
      await bucket.put("there/file", "content");
      expect(await tree.stat("there")).toMatchObject({ sizeBytes: 0, nlink: 2 });
    },
  },
  {
    name: "a file that is being written is as old as its making",
    async run({ tree }) {
      const before = Date.now();
      await withFile(tree.open("file", O_NEW), async (file) => {
        const { mtimeMs } = await file.stat();
        expect(isSince(before, mtimeMs)).toBe(true);
      });
    },
  },
  {
    name: "times that were set while a file was written are the object's once it is stored",
    async run({ tree }) {
      const before = Date.now();
      await withFile(tree.open("file", O_NEW), async (file) => {
        await file.write(Buffer.from("content"), 0);
        await file.utimes(0, 0);
        expect((await tree.stat("file")).mtimeMs).toBe(0);
      });
      await expect.poll(async () => isSince(before, (await tree.stat("file")).mtimeMs)).toBe(true);
    },
  },
  {
    name: "times before 2038 and after 2106 are shown as they were set",
    async run({ tree }) {
      await withFile(tree.open("file", O_NEW), async (file) => {
        for (const timeMs of [0, 5_000_000_000_000]) {
          await file.utimes(timeMs, timeMs);
          expect(await file.stat()).toMatchObject({ atimeMs: timeMs, mtimeMs: timeMs });
        }
      });
    },
  },
  {
    name: "a size that a stored file has already can be set, and no other",
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await tree.truncate("file", 7);
      await expectErrno("EPERM", tree.truncate("file", 6));
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "truncating a directory is EISDIR",
    async run({ tree, bucket }) {
      await bucket.put("there/file", "content");
      await expectErrno("EISDIR", tree.truncate("there", 0));
    },
  },
  {
    name: "the mode of the mount's root is fixed: EPERM",
    needs: ["kernel"],
    async run({ path }) {
      await expectErrno("EPERM", chmod(join(path(""), ".."), 0o700));
    },
  },
  {
    name: "of a file that is being written, one time is set and the other stays",
    needs: ["kernel", "two-times"],
    async run({ tree, path }) {
      await withFile(tree.open("file", O_NEW), async (file) => {
        await file.utimes(1_000_000, 2_000_000);
        await succeed("touch", ["--no-create", "-m", "--date=@3000", path("file")]);
        expect(await file.stat()).toMatchObject({ atimeMs: 1_000_000, mtimeMs: 3_000_000 });
        await succeed("touch", ["--no-create", "-a", "--date=@4000", path("file")]);
        expect(await file.stat()).toMatchObject({ atimeMs: 4_000_000, mtimeMs: 3_000_000 });
      });
    },
  },
  {
    name: "the root of the mount is inode 1, and no setuid program or device works in it",
    needs: ["kernel"],
    async run({ path }) {
      const root = dirname(path("."));
      expect((await stat(root)).ino).toBe(1);
      const mounts = await readFile("/proc/self/mountinfo", "utf8");
      const line = mounts.split("\n").find((text) => text.split(" ")[4] === root);
      const options = line?.split(" ")[5]?.split(",");
      expect(options).toEqual(expect.arrayContaining(["rw", "nosuid", "nodev", "noatime"]));
    },
  },
  {
    name: "statfs tells a program block size, longest name and room as mount-s3 does",
    needs: ["kernel", "wide-statistics"],
    async run({ path }) {
      const script = [
        "status = os.statvfs(sys.argv[1])",
        "print(status.f_bsize, status.f_frsize, status.f_namemax)",
        "counts = {status.f_blocks, status.f_bfree, status.f_bavail, status.f_files, status.f_ffree}",
        "print(counts == {(2**64 - 1) // 1024})",
      ].join("\n");
      const output = await succeed("python3", ["-c", `import os, sys\n${script}`, path("")]);
      expect(output).toBe("512 512 255\nTrue\n");
    },
  },
  {
    name: "statfs says the same of a file, a directory and the root",
    needs: ["kernel"],
    async run({ bucket, path }) {
      await bucket.put("there/file", "content");
      const script = "print(*[os.statvfs(path).f_blocks for path in sys.argv[1:]])";
      const paths = [path(""), path("there"), path("there/file")];
      const output = await succeed("python3", ["-c", `import os, sys\n${script}`, ...paths]);
      expect(new Set(output.trim().split(" ")).size).toBe(1);
    },
  },
];
