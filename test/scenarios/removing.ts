/** Scenarios: files are deleted where `--allow-delete` allows it, and nowhere else. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { pattern } from "../rigs/bytes.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { createWhole, namesIn } from "./whole-file.ts";

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
];
