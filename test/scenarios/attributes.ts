/** Scenarios: what stat and statfs say, and which attributes can be set. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { createWhole } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const CLOCK_TOLERANCE_MS = 5_000;

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
      expect(Math.abs(mtimeMs - before)).toBeLessThan(CLOCK_TOLERANCE_MS);
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
    needs: ["kernel"],
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
    async run({ tree }) {
      await withFile(tree.open("file", O_NEW), async () => {
        await tree.chmod("file", 0o600);
        await tree.chown("file", 12, 34);
        expect((await tree.stat("file")).mode).toBe(0o644);
      });
    },
  },
  {
    name: "nothing is set on an object: EPERM",
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await expectErrno("EPERM", tree.chmod("file", 0o600));
      await expectErrno("EPERM", tree.chown("file", 12, 34));
      await expectErrno("EPERM", tree.utimes("file", 0, 0));
      await expectErrno("EPERM", tree.truncate("file", 0));
      await expectErrno("EPERM", tree.truncate("file", 3));
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "mode, owner and times of a directory that was made here are accepted, without effect",
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
];
