/**
 * Scenarios: what a directory shows of keys that share a name or can be none. A directory in S3 comes
 * before what was made here, and that before an object in S3.
 */

import { constants } from "node:fs";
import { expect } from "vitest";
import { sorted } from "../rigs/bytes.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { createWhole, namesIn, readWhole } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

/** Keys of which no path can be made, each beside a good one. */
const IMPOSSIBLE: readonly (readonly [what: string, key: string])[] = [
  ["an empty component", "dir//file"],
  ["an empty component at its end", "dir/sub//"],
  ["a dot for a component", "dir/./file"],
  ["two dots for a component", "dir/../file"],
  ["a dot for its name", "dir/."],
  ["two dots for its name", "dir/.."],
  ["a leading slash", "/file"],
  ["a leading dot component", "./file"],
  ["two leading dots", "../file"],
  ["a NUL character", "dir/nul\u0000file"],
];

export const shadowingScenarios: readonly Scenario[] = [
  ...IMPOSSIBLE.map(
    ([what, key]): Scenario => ({
      name: `a key with ${what} is not shown, and what is beside it is`,
      needs: ["any-key"],
      async run({ tree, bucket }) {
        await bucket.put(key, "impossible");
        await bucket.put("dir/good", "good");
        await bucket.put("good", "good");
        expect(await namesIn(tree)).toEqual(["dir", "good"]);
        const below = (await namesIn(tree, "dir")).filter((name) => name !== "sub");
        expect(below).toEqual(["good"]);
        expect((await readWhole(tree, "dir/good")).toString()).toBe("good");
        expect(await bucket.keys()).toContain(key);
      },
    }),
  ),
  {
    name: "a key that ends in a slash is an empty directory",
    async run({ tree, bucket }) {
      await bucket.put("marker/", "");
      expect((await tree.stat("marker")).kind).toBe("directory");
      expect(await namesIn(tree)).toEqual(["marker"]);
      expect(await namesIn(tree, "marker")).toEqual([]);
    },
  },
  {
    name: "of a key and a directory of the same name the directory is seen",
    needs: ["any-key"],
    async run({ tree, bucket }) {
      await bucket.put("blue", "a file");
      await bucket.put("blue/image.jpg", "an image");
      expect(await tree.readdir("")).toEqual([{ name: "blue", kind: "directory" }]);
      expect((await tree.stat("blue")).kind).toBe("directory");
      expect((await readWhole(tree, "blue/image.jpg")).toString()).toBe("an image");
      await bucket.delete("blue/image.jpg");
      await expect.poll(async () => (await tree.stat("blue")).kind).toBe("file");
      expect((await readWhole(tree, "blue")).toString()).toBe("a file");
    },
  },
  {
    name: "keys with empty, dot and dot-dot components are not listed",
    needs: ["any-key"],
    async run({ tree, bucket }) {
      const ignored = ["dir//empty", "dir/./dot", "dir/../dot-dot", "/leading", "./dot", "../dots"];
      for (const key of [...ignored, "dir/good", "good"]) await bucket.put(key, key);
      expect(sorted(await namesIn(tree))).toEqual(["dir", "good"]);
      expect(await namesIn(tree, "dir")).toEqual(["good"]);
      expect((await readWhole(tree, "dir/good")).toString()).toBe("dir/good");
    },
  },
  {
    name: "a directory and names that begin like it are told apart",
    async run({ tree, bucket }) {
      await bucket.put("dir-1/in-one", "1");
      await bucket.put("dir.txt", "2");
      await bucket.put("dir/in-dir", "3");
      await bucket.put("dir0", "4");
      expect(sorted(await namesIn(tree))).toEqual(["dir", "dir-1", "dir.txt", "dir0"]);
      expect(await namesIn(tree, "dir")).toEqual(["in-dir"]);
      expect(await namesIn(tree, "dir-1")).toEqual(["in-one"]);
      expect((await tree.stat("dir.txt")).kind).toBe("file");
      await expectErrno("ENOENT", tree.stat("di"));
    },
  },
  {
    name: "a directory that holds impossible names alone is there, and empty",
    needs: ["any-key"],
    async run({ tree, bucket }) {
      await bucket.put("dir//file", "impossible");
      expect(await tree.readdir("")).toEqual([{ name: "dir", kind: "directory" }]);
      expect(await namesIn(tree, "dir")).toEqual([]);
      await createWhole(tree, "dir/file", Buffer.from("possible"));
      expect(sorted(await bucket.keys())).toEqual(["dir//file", "dir/file"]);
    },
  },
  {
    name: "the log says once that there are keys which are not shown",
    alone: true,
    needs: ["any-key"],
    async run({ tree, bucket, log }) {
      await bucket.put("dir//file", "impossible");
      await namesIn(tree, "dir");
      await expect.poll(log).toMatch(/is not shown, since it cannot be a path/);
      expect(log().split("is not shown, since it cannot be a path")).toHaveLength(2);
    },
  },
  {
    name: "the content of a key that ends in a slash cannot be read, and does not count",
    needs: ["any-key"],
    async run({ tree, bucket }) {
      await bucket.put("marker/", "hidden content");
      expect(await tree.stat("marker")).toMatchObject({ kind: "directory", sizeBytes: 0 });
      await expectErrno("EISDIR", readWhole(tree, "marker"));
      expect(await namesIn(tree, "marker")).toEqual([]);
    },
  },
  {
    name: "a directory's marker is not listed among its files",
    async run({ tree, bucket }) {
      await bucket.put("dir/", "");
      await bucket.put("dir/file", "content");
      expect(await tree.readdir("dir")).toEqual([{ name: "file", kind: "file" }]);
    },
  },
  {
    name: "of a key and a marker of the same name the directory is seen",
    needs: ["any-key"],
    async run({ tree, bucket }) {
      await bucket.put("both", "a file");
      await bucket.put("both/", "");
      expect(await tree.readdir("")).toEqual([{ name: "both", kind: "directory" }]);
      await expectErrno("EISDIR", tree.open("both", constants.O_WRONLY));
    },
  },
  {
    name: "an object that a directory hides is not deleted by deleting the directory's files",
    flags: { allowDelete: true },
    needs: ["any-key"],
    async run({ tree, bucket }) {
      await bucket.put("blue", "a file");
      await bucket.put("blue/image", "an image");
      await expectErrno("EISDIR", tree.unlink("blue"));
      await tree.unlink("blue/image");
      expect((await bucket.get("blue"))?.toString()).toBe("a file");
    },
  },
  {
    name: "an object that a directory hides cannot be overwritten",
    flags: { allowOverwrite: true },
    needs: ["any-key"],
    async run({ tree, bucket }) {
      await bucket.put("blue", "a file");
      await bucket.put("blue/image", "an image");
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
      await expectErrno("EISDIR", tree.open("blue", flags));
      expect((await bucket.get("blue"))?.toString()).toBe("a file");
    },
  },
  {
    name: "a directory and the object that it hides are one entry, whatever is listed between them",
    needs: ["any-key"],
    async run({ tree, bucket }) {
      for (const key of ["dir", "dir-between", "dir.between", "dir/file", "dir0"]) {
        await bucket.put(key, key);
      }
      const kinds = Object.fromEntries(
        (await tree.readdir("")).map((item) => [item.name, item.kind]),
      );
      expect(kinds).toEqual({
        dir: "directory",
        "dir-between": "file",
        "dir.between": "file",
        dir0: "file",
      });
      expect(await tree.readdir("")).toHaveLength(4);
    },
  },
  {
    name: "a file that is being written hides an object that another client stores meanwhile",
    async run({ tree, bucket }) {
      await withFile(tree.open("file", O_NEW), async (file) => {
        await file.write(Buffer.from("ours"), 0);
        await bucket.put("file", "of another client");
        expect((await tree.stat("file")).sizeBytes).toBe(4);
        expect(await namesIn(tree)).toEqual(["file"]);
      });
      // The last one to store it has it, as with every S3 client.
      expect((await bucket.get("file"))?.toString()).toBe("ours");
    },
  },
  {
    name: "a directory that another client makes meanwhile hides a file that is being written",
    needs: ["any-key", "own-inodes"],
    async run({ tree, bucket }) {
      await withFile(tree.open("name", O_NEW), async (file) => {
        await file.write(Buffer.from("ours"), 0);
        await bucket.put("name/below", "theirs");
        expect(await tree.readdir("")).toEqual([{ name: "name", kind: "directory" }]);
        await expect.poll(async () => (await tree.stat("name")).kind).toBe("directory");
      });
      expect((await readWhole(tree, "name/below")).toString()).toBe("theirs");
      expect((await bucket.get("name"))?.toString()).toBe("ours");
    },
  },
  {
    name: "a directory that was made here hides an object of its name",
    async run({ tree, bucket }) {
      await tree.mkdir("name");
      await bucket.put("name", "an object");
      expect((await tree.stat("name")).kind).toBe("directory");
      expect(await tree.readdir("")).toEqual([{ name: "name", kind: "directory" }]);
      await tree.rmdir("name");
      await expect.poll(async () => (await tree.stat("name")).kind).toBe("file");
      expect((await readWhole(tree, "name")).toString()).toBe("an object");
    },
  },
  {
    name: "a directory that was made here and one that another client fills are one",
    async run({ tree, bucket }) {
      await tree.mkdir("name");
      await bucket.put("name/theirs", "theirs");
      await createWhole(tree, "name/ours", Buffer.from("ours"));
      await expect.poll(() => namesIn(tree, "name")).toEqual(["ours", "theirs"]);
      expect(await namesIn(tree)).toEqual(["name"]);
    },
  },
  {
    name: "a directory is found while the answer to whether an object has its name is still out",
    needs: ["faults"],
    async run({ tree, bucket, fail }) {
      await bucket.put("there/file", "content");
      const armed = await fail({ kind: "slow", ms: 10_000, operation: "HeadObject", key: "there" });
      const startedMs = performance.now();
      expect((await tree.stat("there")).kind).toBe("directory");
      expect(performance.now() - startedMs).toBeLessThan(8_000);
      expect(await armed.metCount()).toBe(1);
    },
  },
];
