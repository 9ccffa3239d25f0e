/** Scenarios: what everyday programs do to a mount works, or fails and harms nothing. */

import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { readFile, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { pattern, sha256, sorted } from "../rigs/bytes.ts";
import { run, succeed } from "../rigs/child.ts";
import type { World } from "../rigs/rig.ts";
import type { Scenario } from "./scenario.ts";
import { namesIn } from "./whole-file.ts";

const needs = ["kernel"] as const;
const EVERYTHING = { allowDelete: true, allowOverwrite: true } as const;

/** A small tree on the local disk, with modes and times of its own. */
const TREE: Readonly<Record<string, Buffer>> = {
  "empty.txt": Buffer.alloc(0),
  "with space.bin": pattern(1001, 70_000),
  "a/one.bin": pattern(1002, 12_345),
  "a/b/two.bin": pattern(1003, 1_100_000),
  "a/b/script.sh": Buffer.from("#!/bin/sh\n"),
};

async function withTree(use: (directory: string) => Promise<void>): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "mount-s3-ts-tree-"));
  const directory = join(scratch, "tree");
  try {
    mkdirSync(join(directory, "a/b"), { recursive: true });
    for (const [path, data] of Object.entries(TREE)) {
      await writeFile(join(directory, path), data);
      await utimes(join(directory, path), 1_000_000_000, 1_000_000_000);
    }
    chmodSync(join(directory, "a/b/script.sh"), 0o700);
    chmodSync(join(directory, "a"), 0o700);
    await use(directory);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** Fails unless the bucket holds the tree below `prefix`, byte for byte, and nothing else there. */
async function expectTree({ bucket }: World, prefix: string): Promise<void> {
  const wanted = Object.entries(TREE).map(([path, data]) => [`${prefix}${path}`, sha256(data)]);
  const found = async (): Promise<Record<string, string>> => {
    const keys = (await bucket.keys()).filter((key) => key.startsWith(prefix));
    const sums = keys.map(async (key) => [
      key,
      sha256((await bucket.get(key)) ?? Buffer.from("?")),
    ]);
    return Object.fromEntries(await Promise.all(sums)) as Record<string, string>;
  };
  // An empty file is stored when its last descriptor is gone, which nobody waits for.
  await expect.poll(found).toEqual(Object.fromEntries(wanted));
}

interface Copy {
  readonly what: string;
  copy(source: string, target: string): Promise<unknown>;
}

/** Each brings the tree to the new directory `target`. */
const COPIES: readonly Copy[] = [
  { what: "cp -r", copy: (source, target) => succeed("cp", ["-r", source, target]) },
  { what: "cp -a", copy: (source, target) => succeed("cp", ["-a", source, target]) },
  {
    what: "rsync -a --inplace --whole-file",
    copy: (source, target) =>
      succeed("rsync", ["-a", "--inplace", "--whole-file", `${source}/`, `${target}/`]),
  },
  {
    what: "tar x",
    copy: (source, target) =>
      succeed("sh", ["-c", 'mkdir "$2" && tar cC "$1" . | tar xC "$2"', "sh", source, target]),
  },
  {
    what: "tar x as root with its owners and modes",
    copy: (source, target) =>
      succeed("sh", [
        "-c",
        'mkdir "$2" && tar cC "$1" . | tar xpC "$2" --same-owner',
        "sh",
        source,
        target,
      ]),
  },
  {
    what: "install -D",
    async copy(source, target) {
      for (const path of Object.keys(TREE)) {
        await succeed("install", ["-D", "-m", "0600", join(source, path), join(target, path)]);
      }
    },
  },
];

const copies = COPIES.map(
  ({ what, copy }): Scenario => ({
    name: `${what} brings a tree to the bucket without a complaint`,
    flags: EVERYTHING,
    needs,
    async run(world) {
      await withTree((source) => copy(source, world.path("target")).then(() => {}));
      await expectTree(world, "target/");
    },
  }),
);

/** Programs that change what is there in a way that S3 cannot, and what is left. */
const FAILING: readonly (readonly [what: string, script: string])[] = [
  ["appending to an object with >>", 'echo more >> "$1/file"'],
  ["editing an object in place with sed -i", 'sed -i s/content/other/ "$1/file"'],
  ["shortening an object with truncate", 'truncate -s 3 "$1/file"'],
  [
    "overwriting a part of an object with dd",
    'printf x | dd of="$1/file" conv=notrunc status=none',
  ],
  ["touching an object", 'touch "$1/file"'],
  ["linking to an object", 'ln -s file "$1/link"'],
  [
    "copying over an object",
    'echo other > /tmp/x.$$; cp /tmp/x.$$ "$1/file"; code=$?; rm /tmp/x.$$; exit $code',
  ],
  ["writing over an object with >", 'echo other > "$1/file"'],
];

const failing = FAILING.map(
  ([what, script]): Scenario => ({
    name: `${what} fails by default, and the object stays as it was`,
    needs,
    async run({ tree, bucket, path }) {
      await bucket.put("file", "content");
      const { code } = await run("sh", ["-c", script, "sh", path("")]);
      expect(code).not.toBe(0);
      expect((await bucket.get("file"))?.toString()).toBe("content");
      expect((await namesIn(tree)).filter((name) => !name.startsWith("sed"))).toEqual(["file"]);
    },
  }),
);

/** Programs that make one file of another, and the content that it has to have. */
const MAKING: readonly (readonly [what: string, script: string, content: string])[] = [
  ["cat with >", 'cat "$1/file" "$1/file" > "$1/new"', "contentcontent"],
  ["tee", 'cat "$1/file" | tee "$1/new" > /dev/null', "content"],
  ["dd with small blocks", 'dd if="$1/file" of="$1/new" bs=3 status=none', "content"],
  ["dd with conv=fsync", 'dd if="$1/file" of="$1/new" bs=1M conv=fsync status=none', "content"],
  ["dd with oflag=direct", 'dd if="$1/file" of="$1/new" bs=1M oflag=direct status=none', "content"],
  ["dd with oflag=append", 'dd if="$1/file" of="$1/new" bs=2 oflag=append status=none', "content"],
  ["cp", 'cp "$1/file" "$1/new"', "content"],
  ["cp -p", 'cp -p "$1/file" "$1/new"', "content"],
  ["head -c", 'head -c 4 "$1/file" > "$1/new"', "cont"],
  ["tail -c", 'tail -c 4 "$1/file" > "$1/new"', "tent"],
  ["sort -o", 'sort -o "$1/new" "$1/file"', "content\n"],
  ["a shell that appends to what it makes", '{ echo one; echo two; } >> "$1/new"', "one\ntwo\n"],
  ["gzip and back", 'gzip -c "$1/file" > "$1/z"; gzip -dc "$1/z" > "$1/new"', "content"],
];

const making = MAKING.map(
  ([what, script, content]): Scenario => ({
    name: `${what} makes the file that it should`,
    needs,
    async run({ bucket, path }) {
      await bucket.put("file", "content");
      await succeed("sh", ["-c", script, "sh", path("")]);
      await expect.poll(async () => (await bucket.get("new"))?.toString()).toBe(content);
    },
  }),
);

export const programsScenarios: readonly Scenario[] = [
  ...copies,
  ...failing,
  ...making,
  {
    name: "rm -r deletes a tree that lives by its keys alone, to the last directory",
    flags: EVERYTHING,
    needs,
    async run({ tree, bucket, path }) {
      for (const key of ["top/one", "top/a/two", "top/a/b/c/three", "top/d/four", "kept"]) {
        await bucket.put(key, key);
      }
      await succeed("rm", ["-r", path("top")]);
      expect(await bucket.keys()).toEqual(["kept"]);
      expect(await namesIn(tree)).toEqual(["kept"]);
    },
  },
  {
    name: "rm -r deletes a tree with markers and empty directories that were made here",
    flags: EVERYTHING,
    needs,
    async run({ tree, bucket, path }) {
      await bucket.put("top/", "");
      await bucket.put("top/marked/", "");
      await bucket.put("top/marked/file", "");
      await tree.mkdir("top/made");
      await succeed("rm", ["-r", path("top")]);
      expect(await bucket.keys()).toEqual([]);
    },
  },
  {
    name: "rm -r deletes a tree of markers alone, as the console makes folders",
    flags: EVERYTHING,
    needs,
    async run({ tree, bucket, path }) {
      for (const key of ["top/", "top/empty/", "top/a/", "top/a/b/"]) await bucket.put(key, "");
      await succeed("rm", ["-r", path("top")]);
      expect(await bucket.keys()).toEqual([]);
      expect(await namesIn(tree)).toEqual([]);
    },
  },
  {
    name: "mv brings a tree in from another file system, and out again",
    flags: EVERYTHING,
    needs,
    async run(world) {
      await withTree(async (source) => {
        await succeed("mv", [source, world.path("tree")]);
        await expectTree(world, "tree/");
        await succeed("mv", [world.path("tree"), source]);
        for (const [path, data] of Object.entries(TREE)) {
          expect((await readFile(join(source, path))).equals(data)).toBe(true);
        }
      });
      expect(await world.bucket.keys()).toEqual([]);
    },
  },
  {
    name: "rsync brings a tree from the bucket, and a second time finds nothing to do",
    flags: EVERYTHING,
    needs,
    async run({ bucket, path }) {
      for (const [key, data] of Object.entries(TREE)) await bucket.put(`tree/${key}`, data);
      await withTree(async (scratch) => {
        const target = join(scratch, "back");
        await succeed("rsync", ["-a", path("tree/"), target]);
        const files = readdirSync(target, { recursive: true, withFileTypes: true });
        expect(files.filter((file) => file.isFile())).toHaveLength(Object.keys(TREE).length);
        for (const [key, data] of Object.entries(TREE)) {
          expect(readFileSync(join(target, key)).equals(data)).toBe(true);
        }
        const again = await succeed("rsync", ["-a", "--itemize-changes", path("tree/"), target]);
        expect(again.split("\n").filter((line) => line.startsWith(">f"))).toEqual([]);
      });
    },
  },
  {
    name: "a second rsync --inplace --size-only of the same tree writes nothing",
    flags: EVERYTHING,
    needs,
    async run(world) {
      await withTree(async (source) => {
        const options = ["-r", "--inplace", "--whole-file", "--size-only", "--itemize-changes"];
        const args = [...options, `${source}/`, `${world.path("target")}/`];
        await succeed("rsync", args);
        await expectTree(world, "target/");
        const again = await succeed("rsync", args);
        expect(again.split("\n").filter((line) => line.includes("f+"))).toEqual([]);
      });
    },
  },
  {
    name: "touch makes an empty object, and again on what was made here is no error",
    needs,
    async run({ bucket, path }) {
      await succeed("touch", [path("made")]);
      await expect.poll(() => bucket.sizeOf("made")).toBe(0);
      await succeed("touch", [path("made")]);
      await succeed("touch", ["-d", "2001-09-09", path("made")]);
    },
  },
  {
    name: "du and df tell what is there and that there is room",
    needs,
    async run({ bucket, path }) {
      await bucket.put("dir/file", Buffer.alloc(4096));
      expect(await succeed("du", ["-sb", "--apparent-size", path("dir")])).toMatch(/^4096\t/);
      const [, line = ""] = (await succeed("df", ["-P", path("dir")])).split("\n");
      expect(line).toMatch(/^mount-s3-ts /);
      expect(line).toMatch(/ 0% /);
    },
  },
  {
    name: "find and ls -lR walk a tree as it is",
    needs,
    async run({ bucket, path }) {
      for (const key of ["dir/one", "dir/sub/two", "dir/sub/deep/three"])
        await bucket.put(key, key);
      const found = await succeed("find", [path("dir"), "-type", "f", "-printf", "%P %s\n"]);
      expect(sorted(found.trim().split("\n"))).toEqual([
        "one 7",
        "sub/deep/three 18",
        "sub/two 11",
      ]);
      expect(await succeed("ls", ["-lR", path("dir")])).toContain("three");
    },
  },
  {
    name: "sha256sum of an object is the checksum of what was stored",
    needs,
    async run({ bucket, path }) {
      const data = pattern(1010, 9_000_000);
      await bucket.put("file", data);
      const expected = createHash("sha256").update(data).digest("hex");
      expect(await succeed("sha256sum", [path("file")])).toMatch(new RegExp(`^${expected} `));
    },
  },
];
