/** Scenarios of directory buckets in which several renames follow one another, or happen at once. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { pattern, sorted } from "../rigs/bytes.ts";
import { run, succeed } from "../rigs/child.ts";
import type { Tree, World } from "../rigs/rig.ts";
import { expectErrno, outcomeOf, type Scenario, withFile } from "./scenario.ts";
import { createWhole, namesIn, readWhole } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const CHANGING = { allowOverwrite: true, allowDelete: true } as const;
/** A directory that this mount emptied stays for a second. */

async function put({ bucket }: World, objects: Readonly<Record<string, string>>): Promise<void> {
  await Promise.all(Object.entries(objects).map(([key, text]) => bucket.put(key, text)));
}

async function expectObjects({ bucket }: World, objects: Map<string, string>): Promise<void> {
  const found = new Map<string, string>();
  for (const key of await bucket.keys()) found.set(key, String(await bucket.get(key)));
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(objects));
}

/** Every file below `directory`, with its content. */
async function filesIn(tree: Tree, directory = ""): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const { name, kind } of await tree.readdir(directory)) {
    const path = directory === "" ? name : `${directory}/${name}`;
    if (kind === "file") files.set(path, String(await readWhole(tree, path)));
    else for (const [below, text] of await filesIn(tree, path)) files.set(below, text);
  }
  return files;
}

/** Renames in the bucket, and in what is expected of it. */
async function renameAll(
  { tree }: World,
  files: Map<string, string>,
  renames: Iterable<readonly [from: string, to: string]>,
): Promise<void> {
  for (const [from, to] of renames) {
    await tree.rename(from, to);
    files.set(to, files.get(from) ?? "");
    files.delete(from);
  }
}

/** Numbers that look random and are the same in every run. */
function* numbers(): Generator<number, never> {
  for (let seed = 0; ; seed++) yield* pattern(seed, 1024);
}

/** Of `names`, those that there are, with what they hold. */
async function left({ bucket }: World, names: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of names) {
    const content = await bucket.get(name);
    if (content !== undefined) found.push(`${name}: ${content}`);
  }
  return found;
}

/** What a rename of a to b and the deletion of each may come to, one after the other in some order. */
const ORDERS = [
  ["rename", "delete a", "delete b"],
  ["rename", "delete b", "delete a"],
  ["delete a", "rename", "delete b"],
  ["delete a", "delete b", "rename"],
  ["delete b", "rename", "delete a"],
  ["delete b", "delete a", "rename"],
].map((order) => {
  const there = new Set(["a"]);
  const done = order.filter((operation) => {
    const name = operation.slice(-1) === "b" ? "b" : "a";
    if (!there.delete(name)) return false;
    if (operation === "rename") there.add("b");
    return true;
  });
  return { done: sorted(done), left: [...there].map((name) => `${name}: content`) };
});

export const expressRenamingScenarios: readonly Scenario[] = [
  {
    name: "a file goes from directory to directory, some made here, and has its last name",
    async run(world) {
      const { tree } = world;
      await put(world, { "a/file": "content" });
      for (const made of ["a/b", "a/b/c", "a/d", "a/d/e"]) await tree.mkdir(made);
      await tree.rename("a/file", "a/b/c/file");
      await tree.rename("a/b/c/file", "a/d/e/renamed");
      await expectErrno("ENOENT", tree.rename("a/b/c/file", "a/file"));
      await expectObjects(world, new Map([["a/d/e/renamed", "content"]]));
      expect(await filesIn(tree)).toEqual(new Map([["a/d/e/renamed", "content"]]));
    },
  },
  {
    name: "a directory has to be there for a file to be renamed into it, and is S3's from then on",
    async run(world) {
      const { bucket, tree } = world;
      await put(world, { "a/file": "content" });
      await expectErrno("ENOENT", tree.rename("a/file", "b/file"));
      await tree.mkdir("b");
      await tree.rename("a/file", "b/file");
      await expectObjects(world, new Map([["b/file", "content"]]));
      await bucket.delete("b/file");
      await expect.poll(() => namesIn(tree)).toEqual([]);
    },
  },
  {
    name: "the directories that a rename empties go, where nothing else is in them",
    async run(world) {
      const { tree } = world;
      await put(world, { "a/b/file": "content", "c/file": "", "c/other": "" });
      await tree.rename("a/b/file", "renamed");
      await tree.rename("c/file", "c-file");
      await expect.poll(() => namesIn(tree)).toEqual(["c", "c-file", "renamed"]);
      await expectErrno("ENOENT", tree.stat("a/b"));
      expect(await namesIn(tree, "c")).toEqual(["other"]);
    },
  },
  {
    name: "a file replaces one of its name in the directory above",
    flags: { allowOverwrite: true },
    async run(world) {
      await put(world, { "a/b/file": "below", "a/file": "above" });
      await world.tree.rename("a/b/file", "a/file");
      await expectObjects(world, new Map([["a/file", "below"]]));
      expect(String(await readWhole(world.tree, "a/file"))).toBe("below");
    },
  },
  {
    name: "a file is renamed from the longest key to another",
    async run(world) {
      const { bucket, tree } = world;
      const levels = (letter: string): string => `${letter.repeat(200)}/`.repeat(4);
      const name = "n".repeat(1024 - Buffer.byteLength(bucket.prefix) - levels("a").length);
      await put(world, { [levels("a") + name]: "content", [`${levels("b")}there`]: "" });
      await tree.rename(levels("a") + name, levels("b") + name);
      expect(String(await bucket.get(levels("b") + name))).toBe("content");
      await expectErrno("ENAMETOOLONG", tree.rename(levels("b") + name, `${levels("b")}${name}n`));
    },
  },
  {
    name: "a directory is not renamed, whoever made it, and what is in it is",
    async run(world) {
      const { tree } = world;
      await put(world, { "stored/file": "content", "marker/": "" });
      await tree.mkdir("made");
      for (const directory of ["stored", "marker", "made"]) {
        await expectErrno("EPERM", tree.rename(directory, "renamed"));
      }
      await tree.rename("stored/file", "stored/renamed");
      expect(await namesIn(tree)).toEqual(["made", "marker", "stored"]);
      expect(await namesIn(tree, "stored")).toEqual(["renamed"]);
    },
  },
  {
    name: "what was not read ahead of a file that is renamed is EIO",
    async run(world) {
      const data = pattern(601, 64 * MIB);
      await world.bucket.put("file", data);
      await withFile(world.tree.open("file", constants.O_RDONLY), async (file) => {
        expect((await file.read(0, 4096)).equals(data.subarray(0, 4096))).toBe(true);
        await world.tree.rename("file", "renamed");
        await expectErrno("EIO", file.read(60 * MIB, 4096));
      });
    },
  },
  {
    name: "a file is not renamed from its opening to its close, nor replaced, synced or not",
    flags: CHANGING,
    async run(world) {
      const { tree } = world;
      await put(world, { other: "other" });
      await withFile(tree.open("file", O_NEW), async (file) => {
        await expectErrno("EPERM", tree.rename("file", "renamed"));
        await expectErrno("EPERM", tree.rename("other", "file"));
        await file.write(Buffer.from("content"), 0);
        await expectErrno("EPERM", tree.rename("file", "renamed"));
        await expectErrno("EPERM", tree.rename("other", "file"));
        await file.sync();
      });
      await tree.rename("file", "renamed");
      await expectObjects(world, new Map(Object.entries({ other: "other", renamed: "content" })));
    },
  },
  {
    name: "the old name of a renamed file is free, for a file and for a directory",
    async run(world) {
      const { tree } = world;
      await put(world, { one: "1", two: "2" });
      await tree.rename("one", "first");
      await createWhole(tree, "one", Buffer.from("new"));
      await tree.rename("two", "second");
      await tree.mkdir("two");
      await tree.rename("first", "two/first");
      const expected = { one: "new", "two/first": "1", second: "2" };
      await expectObjects(world, new Map(Object.entries(expected)));
      expect(await filesIn(tree)).toEqual(new Map(Object.entries(expected)));
    },
  },
  {
    name: "mv renames a file in one request, however large, and refuses a directory",
    needs: ["kernel", "request-log"],
    async run(world) {
      const { path, requests } = world;
      await put(world, { "from/file": "content", "to/there": "" });
      await succeed("mv", [path("from/file"), path("to/renamed")]);
      const sent = (await requests()).map(({ operation }) => operation);
      expect(sent.filter((operation) => operation === "RenameObject")).toHaveLength(1);
      expect(sent).not.toContain("GetObject");
      expect((await run("mv", [path("to"), path("elsewhere")])).stderr).toContain(
        "Operation not permitted",
      );
      expect(await world.bucket.keys()).toEqual(["to/renamed", "to/there"]);
    },
  },
  {
    name: "sed -i, which saves by renaming, changes a file where overwriting is allowed",
    flags: { allowOverwrite: true },
    needs: ["kernel"],
    async run(world) {
      await put(world, { file: "old words" });
      await succeed("sed", ["-i", "s/old/new/", world.path("file")]);
      await expectObjects(world, new Map([["file", "new words"]]));
    },
  },
  {
    name: "with a cache of metadata, renames among directories show what they leave",
    flags: { allowOverwrite: true, metadataTtl: 60 },
    async run(world) {
      const objects = {
        "a/b/c/d": "d",
        "a/b/c/e": "e",
        "a/b/f": "f",
        "a/b/g": "g",
        "h/i": "i",
      };
      await put(world, objects);
      const files = new Map(Object.entries(objects));
      const renames = [
        ["a/b/f", "a/b/c/d"],
        ["a/b/c/e", "a/b/g"],
        ["a/b/c/d", "a/d"],
        ["a/b/g", "h/i"],
      ] as const;
      for (const rename of renames) {
        await renameAll(world, files, [rename]);
        expect(await filesIn(world.tree)).toEqual(files);
      }
      await expectObjects(world, files);
    },
  },
  {
    name: "with a cache of metadata, two hundred random renames show what they leave",
    flags: { allowOverwrite: true, metadataTtl: 60 },
    async run(world) {
      const random = numbers();
      const pick = <T>(from: readonly [T, ...T[]]): T =>
        from[random.next().value % from.length] ?? from[0];
      const directory = (): string => pick(["", "a/", "b/", "a/c/", "b/c/", "b/c/d/"]);
      const files = new Map<string, string>();
      for (let index = 0; index < 60; index++) files.set(`${directory()}file-${index}`, `${index}`);
      for (const kept of ["a/c/kept", "b/c/d/kept"]) files.set(kept, "");
      await put(world, Object.fromEntries(files));
      for (let count = 1; count <= 200; count++) {
        const names = [...files.keys()].filter((name) => !name.endsWith("/kept"));
        const from = pick(names as [string, ...string[]]);
        const to = `${directory()}file-${random.next().value % 80}`;
        if (from !== to) await renameAll(world, files, [[from, to]]);
        if (count % 40 === 0) expect(await filesIn(world.tree)).toEqual(files);
      }
      await expectObjects(world, files);
    },
  },
  {
    name: "of two names that are renamed to one another at once, one is left",
    flags: CHANGING,
    async run(world) {
      const { tree } = world;
      for (let turn = 0; turn < 20; turn++) {
        await put(world, { a: "a", b: "b" });
        const outcomes = await Promise.all([
          outcomeOf(tree.rename("a", "b")),
          outcomeOf(tree.rename("b", "a")),
        ]);
        expect(outcomes).toContain("success");
        const names = await left(world, ["a", "b"]);
        expect(["a: a", "a: b", "b: a", "b: b"]).toEqual(expect.arrayContaining([...names]));
        expect(names).toHaveLength(1);
        await tree.unlink((names[0] ?? "").slice(0, 1));
      }
    },
  },
  {
    name: "of two names that are renamed to one another twenty times at once, one is left",
    flags: CHANGING,
    async run(world) {
      await put(world, { a: "a", b: "b" });
      const renames = Array.from({ length: 20 }, (_, index) =>
        outcomeOf(index % 3 === 0 ? world.tree.rename("a", "b") : world.tree.rename("b", "a")),
      );
      expect(await Promise.all(renames)).toContain("success");
      expect(await left(world, ["a", "b"])).toHaveLength(1);
      expect(await namesIn(world.tree)).toHaveLength(1);
    },
  },
  {
    name: "a rename and the deletion of both names at once happen one after the other",
    flags: CHANGING,
    async run(world) {
      const { bucket, tree } = world;
      for (let turn = 0; turn < 30; turn++) {
        await put(world, { a: "content" });
        const outcomes = await Promise.all([
          outcomeOf(tree.rename("a", "b")),
          outcomeOf(tree.unlink("a")),
          outcomeOf(tree.unlink("b")),
        ]);
        const operations = ["rename", "delete a", "delete b"];
        const done = sorted(operations.filter((_, index) => outcomes[index] === "success"));
        expect(ORDERS).toContainEqual({ done, left: await left(world, ["a", "b"]) });
        for (const name of await bucket.keys()) await tree.unlink(name);
      }
    },
  },
];
