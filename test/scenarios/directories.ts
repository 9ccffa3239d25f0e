/** Scenarios: directories are made here, live by their keys, and go with them. */

import { constants } from "node:fs";
import { rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { sorted } from "../rigs/bytes.ts";
import { succeed } from "../rigs/child.ts";
import { python } from "../rigs/system-call.ts";
import { expectErrno, outcomeOf, type Scenario, withFile } from "./scenario.ts";
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
      await expect.poll(() => namesIn(tree)).toEqual([]);
      await expect
        .poll(() => tree.stat("made").catch((error: NodeJS.ErrnoException) => error.code))
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
  {
    name: "a directory is made inside one that lives by its keys, and one inside that",
    async run({ tree, bucket }) {
      await bucket.put("there/file", "");
      await tree.mkdir("there/made");
      await tree.mkdir("there/made/deeper");
      expect(await namesIn(tree, "there")).toEqual(["file", "made"]);
      expect(await namesIn(tree, "there/made")).toEqual(["deeper"]);
      expect(await bucket.keys()).toEqual(["there/file"]);
    },
  },
  {
    name: "directories ten levels deep all live by the one file at their end",
    async run({ tree, bucket }) {
      const levels = Array.from({ length: 10 }, (_, index) => `level-${index}`);
      for (let depth = 1; depth <= levels.length; depth += 1) {
        await tree.mkdir(levels.slice(0, depth).join("/"));
      }
      const path = `${levels.join("/")}/file`;
      await createWhole(tree, path, Buffer.from("deep"));
      expect(await bucket.keys()).toEqual([path]);
      for (let depth = 1; depth <= levels.length; depth += 1) {
        await expectErrno("EPERM", tree.rmdir(levels.slice(0, depth).join("/")));
      }
    },
  },
  {
    name: "a directory that was made here stays though S3 does not know of it",
    async run({ tree }) {
      await tree.mkdir("made");
      // Longer than the kernel believes anything about a directory.
      await delay(1_200);
      expect((await tree.stat("made")).kind).toBe("directory");
      expect(await namesIn(tree)).toEqual(["made"]);
    },
  },
  {
    name: "making a directory where a file is being written is EEXIST",
    async run({ tree }) {
      await withFile(tree.open("name", O_NEW), async () => {
        await expectErrno("EEXIST", tree.mkdir("name"));
      });
    },
  },
  {
    name: "making a directory below a file that is being written is ENOTDIR",
    async run({ tree }) {
      await withFile(tree.open("name", O_NEW), async () => {
        await expectErrno("ENOTDIR", tree.mkdir("name/below"));
        await expectErrno("ENOTDIR", tree.open("name/below", O_NEW));
      });
    },
  },
  {
    name: "the mode of a new directory is the mount's, whatever is asked for",
    async run({ tree }) {
      await tree.mkdir("made", 0o700);
      expect((await tree.stat("made")).mode).toBe(0o755);
    },
  },
  {
    name: "a removed directory can be a file, and a removed file a directory",
    flags: { allowDelete: true },
    async run({ tree, bucket }) {
      await tree.mkdir("name");
      await tree.rmdir("name");
      await createWhole(tree, "name", Buffer.from("a file"));
      await tree.unlink("name");
      await tree.mkdir("name");
      await createWhole(tree, "name/file", Buffer.from("below"));
      expect(await bucket.keys()).toEqual(["name/file"]);
    },
  },
  {
    name: "removing a directory that another client filled meanwhile loses nothing",
    async run({ tree, bucket }) {
      await tree.mkdir("name");
      await bucket.put("name/theirs", "theirs");
      await tree.rmdir("name").catch(() => {});
      expect((await bucket.get("name/theirs"))?.toString()).toBe("theirs");
      await expect.poll(() => namesIn(tree, "name").catch(() => [])).toEqual(["theirs"]);
    },
  },
  {
    name: "a directory whose only file was stored and deleted here is removed",
    flags: { allowDelete: true },
    async run({ tree, bucket }) {
      await tree.mkdir("made");
      await createWhole(tree, "made/file", Buffer.from("content"));
      await expectErrno("EPERM", tree.rmdir("made"));
      await tree.unlink("made/file");
      await tree.rmdir("made");
      expect(await bucket.keys()).toEqual([]);
      expect(await namesIn(tree)).toEqual([]);
    },
  },
  {
    name: "a directory whose last file was deleted here is there for its rmdir, and then goes by itself",
    flags: { allowDelete: true },
    async run({ tree, bucket }) {
      await bucket.put("there/file", "");
      await tree.unlink("there/file");
      expect((await tree.stat("there")).kind).toBe("directory");
      expect(await namesIn(tree, "there")).toEqual([]);
      await expect.poll(() => namesIn(tree)).toEqual([]);
    },
  },
  {
    name: "a directory with a marker that this mount emptied is removed, and its marker with it",
    flags: { allowDelete: true },
    async run({ tree, bucket }) {
      await bucket.put("there/", "");
      await bucket.put("there/file", "");
      await tree.unlink("there/file");
      await tree.rmdir("there");
      expect(await bucket.keys()).toEqual([]);
    },
  },
  {
    name: "a directory that another client fills again is not removed, though this mount emptied it",
    flags: { allowDelete: true },
    async run({ tree, bucket }) {
      await bucket.put("there/file", "");
      await tree.unlink("there/file");
      await bucket.put("there/theirs", "theirs");
      await expectErrno("ENOTEMPTY", tree.rmdir("there"));
      expect(await bucket.keys()).toEqual(["there/theirs"]);
    },
  },
  {
    name: "nothing is made in a directory that was removed while a program stood in it: ENOENT",
    needs: ["kernel"],
    async run({ tree, path }) {
      await tree.mkdir("made");
      const script = [
        "os.chdir(sys.argv[1])",
        "os.rmdir(sys.argv[1])",
        'os.open("file", os.O_WRONLY | os.O_CREAT)',
      ].join("\n");
      await expectErrno("ENOENT", python("open", script, [path("made")]));
      expect(await namesIn(tree)).toEqual([]);
    },
  },
  {
    name: "the root of the mount cannot be removed",
    flags: { allowDelete: true },
    needs: ["kernel"],
    async run({ path }) {
      await expectErrno("EBUSY", rmdir(join(path(""), "..")));
    },
  },
  {
    name: "mkdir -p makes every level, and again without complaint",
    needs: ["kernel"],
    async run({ tree, path }) {
      await succeed("mkdir", ["-p", path("a/b/c")]);
      await succeed("mkdir", ["-p", path("a/b/c")]);
      expect(await namesIn(tree, "a/b")).toEqual(["c"]);
    },
  },
  {
    name: "two directories of one name, made at one time, are one",
    async run({ tree }) {
      const outcomes = await Promise.all([
        outcomeOf(tree.mkdir("made")),
        outcomeOf(tree.mkdir("made")),
      ]);
      expect(outcomes.toSorted()).toEqual(["EEXIST", "success"]);
      expect(await namesIn(tree)).toEqual(["made"]);
    },
  },
  {
    name: "with --allow-delete a directory that only a marker makes is removed, marker and all",
    flags: { allowDelete: true },
    async run({ tree, bucket }) {
      await bucket.put("marker/", "");
      await bucket.put("kept/file", "");
      await tree.rmdir("marker");
      await expectErrno("ENOENT", tree.stat("marker"));
      await expectErrno("EPERM", tree.rmdir("kept"));
      expect(await bucket.keys()).toEqual(["kept/file"]);
    },
  },
  {
    name: "a marker with content, which nobody can see, is not deleted by removing its directory",
    flags: { allowDelete: true },
    needs: ["any-key"],
    async run({ tree, bucket }) {
      await bucket.put("marker/", "hidden content");
      await expectErrno("EPERM", tree.rmdir("marker"));
      expect((await bucket.get("marker/"))?.toString()).toBe("hidden content");
    },
  },
];
