/** Scenarios: directories are made here, live by their keys, and go with them. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { sorted } from "../rigs/bytes.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { createWhole, namesIn } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

export const directoriesScenarios: readonly Scenario[] = [
  {
    name: "a directory that is made here is seen here, and puts nothing into the bucket",
    async run({ tree, bucket }) {
      await tree.mkdir("made");
      expect((await tree.stat("made")).kind).toBe("directory");
      expect(await tree.readdir("")).toEqual([{ name: "made", kind: "directory" }]);
      expect(await namesIn(tree, "made")).toEqual([]);
      expect(await bucket.keys()).toEqual([]);
    },
  },
  {
    name: "a directory goes when its last key is deleted elsewhere",
    async run({ tree, bucket }) {
      await tree.mkdir("made");
      await createWhole(tree, "made/file", Buffer.from("content"));
      expect(await namesIn(tree)).toEqual(["made"]);
      await bucket.delete("made/file");
      await expect.poll(() => namesIn(tree), { timeout: 10_000 }).toEqual([]);
      await expect
        .poll(() => tree.stat("made").catch((error: NodeJS.ErrnoException) => error.code), {
          timeout: 10_000,
        })
        .toBe("ENOENT");
    },
  },
  {
    name: "making a directory fails where there is something, or no directory, or nothing",
    async run({ tree, bucket }) {
      await bucket.put("file", "");
      await bucket.put("there/file", "");
      await tree.mkdir("made");
      await expectErrno("EEXIST", tree.mkdir("made"));
      await expectErrno("EEXIST", tree.mkdir("there"));
      await expectErrno("EEXIST", tree.mkdir("file"));
      await expectErrno("ENOTDIR", tree.mkdir("file/below"));
      await expectErrno("ENOENT", tree.mkdir("missing/below"));
    },
  },
  {
    name: "an empty directory that was made here is removed, and can be made again",
    async run({ tree }) {
      await tree.mkdir("made");
      await tree.rmdir("made");
      await expectErrno("ENOENT", tree.stat("made"));
      await expectErrno("ENOENT", tree.rmdir("made"));
      await expectErrno("ENOENT", tree.mkdir("made/below"));
      await expectErrno("ENOENT", tree.open("made/file", O_NEW));
      expect(await namesIn(tree)).toEqual([]);
      await tree.mkdir("made");
      await tree.mkdir("made/below");
      expect(await namesIn(tree, "made")).toEqual(["below"]);
    },
  },
  {
    name: "a directory that holds something made here is ENOTEMPTY",
    async run({ tree }) {
      await tree.mkdir("outer");
      await tree.mkdir("outer/inner");
      await expectErrno("ENOTEMPTY", tree.rmdir("outer"));
      await tree.rmdir("outer/inner");
      await withFile(tree.open("outer/file", O_NEW), async (file) => {
        await expectErrno("ENOTEMPTY", tree.rmdir("outer"));
        await file.write(Buffer.from("content"), 0);
        await expectErrno("ENOTEMPTY", tree.rmdir("outer"));
      });
      // From now on it lives by its key.
      await expectErrno("EPERM", tree.rmdir("outer"));
    },
  },
  {
    name: "a directory that lives by its keys, or by a marker, is not removed: EPERM",
    async run({ tree, bucket }) {
      await bucket.put("there/file", "content");
      await bucket.put("marker/", "");
      await expectErrno("EPERM", tree.rmdir("there"));
      await expectErrno("EPERM", tree.rmdir("marker"));
      expect(sorted(await bucket.keys())).toEqual(["marker/", "there/file"]);
    },
  },
  {
    name: "removing a file as a directory is ENOTDIR, and what is not there ENOENT",
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await expectErrno("ENOTDIR", tree.rmdir("file"));
      await expectErrno("ENOENT", tree.rmdir("missing"));
    },
  },
  {
    name: "a directory that this mount emptied is removed",
    flags: { allowDelete: true },
    async run({ tree, bucket }) {
      await bucket.put("there/below/one", "1");
      await bucket.put("there/below/two", "2");
      await tree.unlink("there/below/one");
      await tree.unlink("there/below/two");
      await tree.rmdir("there/below");
      await tree.rmdir("there");
      expect(await namesIn(tree)).toEqual([]);
      expect(await bucket.keys()).toEqual([]);
    },
  },
];
