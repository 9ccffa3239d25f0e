/** Scenarios: files are deleted where `--allow-delete` allows it, and nowhere else. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { pattern } from "../rigs/bytes.ts";
import { expectErrno, outcomeOf, type Scenario, withFile } from "./scenario.ts";
import { createWhole, namesIn, readWhole } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const flags = { allowDelete: true };

export const removingScenarios: readonly Scenario[] = [
  {
    name: "without --allow-delete nothing is deleted: EPERM",
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await createWhole(tree, "made", Buffer.from("content"));
      await expectErrno("EPERM", tree.unlink("file"));
      await expectErrno("EPERM", tree.unlink("made"));
      expect(await bucket.keys()).toEqual(["file", "made"]);
      expect(await namesIn(tree)).toEqual(["file", "made"]);
    },
  },
  {
    name: "a deleted file is gone from the bucket and from the directory",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await bucket.put("other", "content");
      await tree.unlink("file");
      expect(await bucket.keys()).toEqual(["other"]);
      expect(await namesIn(tree)).toEqual(["other"]);
      await expectErrno("ENOENT", tree.stat("file"));
      await expectErrno("ENOENT", tree.unlink("file"));
    },
  },
  {
    name: "a file that was made here is deleted, and can be made again",
    flags,
    async run({ tree, bucket }) {
      for (const text of ["first", "second"]) {
        await createWhole(tree, "file", Buffer.from(text));
        expect((await bucket.get("file"))?.toString()).toBe(text);
        await tree.unlink("file");
        expect(await bucket.keys()).toEqual([]);
        expect(await namesIn(tree)).toEqual([]);
      }
    },
  },
  {
    name: "what is not there is ENOENT, and a directory EISDIR",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("there/file", "content");
      await tree.mkdir("made");
      await expectErrno("ENOENT", tree.unlink("missing"));
      await expectErrno("EISDIR", tree.unlink("there"));
      await expectErrno("EISDIR", tree.unlink("made"));
    },
  },
  {
    name: "a file that is being written is not deleted: EPERM, and after the close it is",
    flags,
    async run({ tree, bucket }) {
      await withFile(tree.open("file", O_NEW), async (file) => {
        await expectErrno("EPERM", tree.unlink("file"));
        await file.write(Buffer.from("content"), 0);
        await expectErrno("EPERM", tree.unlink("file"));
      });
      expect(await bucket.keys()).toEqual(["file"]);
      await tree.unlink("file");
      expect(await bucket.keys()).toEqual([]);
    },
  },
  {
    name: "a handle of a deleted file reads EIO where nothing was read ahead",
    flags,
    async run({ tree, bucket }) {
      const data = pattern(401, 64 * MIB);
      await bucket.put("file", data);
      await withFile(tree.open("file", constants.O_RDONLY), async (file) => {
        expect((await file.read(0, 4096)).equals(data.subarray(0, 4096))).toBe(true);
        await tree.unlink("file");
        await expectErrno("EIO", file.read(60 * MIB, 4096));
      });
    },
  },
  {
    name: "an empty file that was closed and not stored yet is deleted, and leaves nothing",
    flags,
    async run({ tree, bucket }) {
      await createWhole(tree, "empty", Buffer.alloc(0));
      await tree.unlink("empty");
      expect(await bucket.keys()).toEqual([]);
      expect(await namesIn(tree)).toEqual([]);
    },
  },
  {
    name: "a file that only mknod made is deleted without anything having been stored",
    flags,
    async run({ tree, bucket }) {
      await tree.mknod("file", constants.S_IFREG);
      await tree.unlink("file");
      expect(await namesIn(tree)).toEqual([]);
      expect(await bucket.keys()).toEqual([]);
    },
  },
  {
    name: "a file that another client deleted already is deleted without complaint, or ENOENT",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await tree.stat("file");
      await bucket.delete("file");
      expect(["success", "ENOENT"]).toContain(await outcomeOf(tree.unlink("file")));
      await expectErrno("ENOENT", tree.stat("file"));
    },
  },
  {
    name: "a handle of a deleted file reads what was read ahead, and tells its size",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await withFile(tree.open("file", constants.O_RDONLY), async (file) => {
        expect((await file.read(0, 7)).toString()).toBe("content");
        await tree.unlink("file");
        expect((await file.stat()).sizeBytes).toBe(7);
        await expectErrno("ENOENT", tree.stat("file"));
      });
    },
  },
  {
    name: "a name whose file was deleted while it was read can be written anew meanwhile",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "old");
      await withFile(tree.open("file", constants.O_RDONLY), async (file) => {
        await file.read(0, 1);
        await tree.unlink("file");
        await createWhole(tree, "file", Buffer.from("new"));
        expect((await bucket.get("file"))?.toString()).toBe("new");
      });
      expect((await readWhole(tree, "file")).toString()).toBe("new");
    },
  },
  {
    name: "a file is deleted by its name, not by what begins like it",
    flags,
    async run({ tree, bucket }) {
      for (const key of ["file", "file.txt", "file-1", "files/one"]) await bucket.put(key, key);
      await tree.unlink("file");
      expect(await bucket.keys()).toEqual(["file-1", "file.txt", "files/one"]);
    },
  },
  {
    name: "deleting below a directory that is not there is ENOENT, and below a file ENOTDIR",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await expectErrno("ENOENT", tree.unlink("missing/file"));
      await expectErrno("ENOTDIR", tree.unlink("file/below"));
    },
  },
  {
    name: "one DELETE deletes a file",
    flags,
    needs: ["request-log"],
    async run({ tree, bucket, requests }) {
      await bucket.put("file", "content");
      await tree.unlink("file");
      const deletes = (await requests()).filter(({ operation }) => operation.startsWith("Delete"));
      expect(deletes.map(({ operation }) => operation)).toEqual(["DeleteObject"]);
    },
  },
  {
    name: "without --allow-delete nothing is sent, and the log names the flag",
    alone: true,
    needs: ["request-log"],
    async run({ tree, bucket, requests, log }) {
      await bucket.put("file", "content");
      await expectErrno("EPERM", tree.unlink("file"));
      const operations = (await requests()).map(({ operation }) => operation);
      expect(operations).not.toContain("DeleteObject");
      await expect
        .poll(() =>
          log()
            .split("\n")
            .filter((line) => line.includes(`${bucket.prefix}file`)),
        )
        .toContainEqual(expect.stringContaining("--allow-delete"));
    },
  },
  {
    name: "deleting from a read-only mount is EROFS",
    flags: { readOnly: true, allowDelete: true, allowOverwrite: true },
    needs: ["kernel"],
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await expectErrno("EROFS", tree.unlink("file"));
      expect(await bucket.keys()).toEqual(["file"]);
    },
  },
];
