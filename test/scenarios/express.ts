/**
 * Scenarios of directory buckets (S3 Express One Zone): renaming by RenameObject, and listings that have
 * no order.
 */

import { constants } from "node:fs";
import { expect } from "vitest";
import { sorted } from "../rigs/bytes.ts";
import type { World } from "../rigs/rig.ts";
import { RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT } from "../rigs/system-call.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { createWhole, readWhole } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const OVERWRITING = { allowOverwrite: true } as const;

async function put({ bucket }: World, objects: Readonly<Record<string, string>>): Promise<void> {
  for (const [key, text] of Object.entries(objects)) await bucket.put(key, text);
}

async function expectObjects(
  { bucket }: World,
  objects: Readonly<Record<string, string>>,
): Promise<void> {
  const found: Record<string, string> = {};
  for (const key of await bucket.keys()) found[key] = String(await bucket.get(key));
  expect(found).toEqual(objects);
}

interface Rename {
  readonly what: string;
  readonly from: string;
  readonly to: string;
  readonly flags?: number;
  readonly mount?: Scenario["flags"];
  /** What is there afterwards. */
  readonly left: Readonly<Record<string, string>>;
}

const THERE = { file: "content", other: "other", "there/inner": "inner" };

/** Those that succeed. */
const RENAMES: readonly Rename[] = [
  {
    what: "a file to a new name",
    from: "file",
    to: "renamed",
    left: { renamed: "content", other: "other", "there/inner": "inner" },
  },
  {
    what: "a file to a name of other letters and spaces",
    from: "file",
    to: "ü + %41 'b'",
    left: { "ü + %41 'b'": "content", other: "other", "there/inner": "inner" },
  },
  {
    what: "a file into a directory",
    from: "file",
    to: "there/file",
    left: { "there/file": "content", other: "other", "there/inner": "inner" },
  },
  {
    what: "the last file out of a directory",
    from: "there/inner",
    to: "inner",
    left: { file: "content", other: "other", inner: "inner" },
  },
  {
    what: "a file to a name that exists, where overwriting is allowed,",
    from: "file",
    to: "other",
    mount: OVERWRITING,
    left: { other: "content", "there/inner": "inner" },
  },
  {
    what: "a file, not replacing, to a new name",
    from: "file",
    to: "renamed",
    flags: RENAME_NOREPLACE,
    left: { renamed: "content", other: "other", "there/inner": "inner" },
  },
  { what: "a file to its own name", from: "file", to: "file", left: THERE },
];

const REFUSALS: readonly (Omit<Rename, "left"> & { readonly outcome: `E${string}` })[] = [
  { what: "a file to a name that exists", from: "file", to: "other", outcome: "EEXIST" },
  {
    what: "a file, not replacing, to a name that exists, where overwriting is allowed,",
    from: "file",
    to: "other",
    flags: RENAME_NOREPLACE,
    mount: OVERWRITING,
    outcome: "EEXIST",
  },
  { what: "a directory", from: "there", to: "renamed", outcome: "EPERM" },
  { what: "a file to a directory's name", from: "file", to: "there", outcome: "EISDIR" },
  { what: "what is not there", from: "missing", to: "renamed", outcome: "ENOENT" },
  { what: "a file into what is not there", from: "file", to: "missing/file", outcome: "ENOENT" },
  {
    what: "two files, exchanging them,",
    from: "file",
    to: "other",
    flags: RENAME_EXCHANGE,
    outcome: "EINVAL",
  },
  {
    what: "a file, leaving a whiteout,",
    from: "file",
    to: "renamed",
    flags: RENAME_WHITEOUT,
    outcome: "EINVAL",
  },
];

const renames = RENAMES.map(
  ({ what, from, to, flags = 0, mount = {}, left }): Scenario => ({
    name: `renaming ${what} leaves the bucket as it should be`,
    flags: mount,
    needs: flags === 0 ? [] : ["rename-flags"],
    async run(world) {
      await put(world, THERE);
      await world.tree.rename(from, to, flags);
      await expectObjects(world, left);
      if (from !== to) await expectErrno("ENOENT", world.tree.stat(from));
      expect(String(await readWhole(world.tree, to))).toBe(left[to]);
    },
  }),
);

const refusals = REFUSALS.map(
  ({ what, from, to, flags = 0, mount = {}, outcome }): Scenario => ({
    name: `renaming ${what} is ${outcome}`,
    flags: mount,
    needs: flags === 0 ? [] : ["rename-flags"],
    async run(world) {
      await put(world, THERE);
      await expectErrno(outcome, world.tree.rename(from, to, flags));
      await expectObjects(world, THERE);
    },
  }),
);

export const expressBucketScenarios: readonly Scenario[] = [
  ...renames,
  ...refusals,
  {
    name: "renaming a file to a key that is too long is ENAMETOOLONG",
    async run(world) {
      await put(world, { file: "content" });
      const deep = Array.from({ length: 4 }, () => "d".repeat(240)).join("/");
      await world.bucket.put(`${deep}/there`, "");
      await expectErrno("ENAMETOOLONG", world.tree.rename("file", `${deep}/${"n".repeat(240)}`));
      expect(String(await world.bucket.get("file"))).toBe("content");
    },
  },
  {
    name: "a rename is one request, and none to change anything else",
    needs: ["request-log"],
    async run(world) {
      await put(world, { file: "content" });
      const before = (await world.requests()).length;
      await world.tree.rename("file", "renamed");
      const sent = (await world.requests()).slice(before).map(({ operation }) => operation);
      const changing = sent.filter((name) => name !== "HeadObject" && name !== "ListObjectsV2");
      expect(changing).toEqual(["RenameObject"]);
    },
  },
  {
    name: "a rename whose reply is lost has happened once",
    needs: ["faults"],
    async run(world) {
      await put(world, { file: "content" });
      await world.tree.stat("file");
      await world.fail({ kind: "lost-reply", operation: "RenameObject", key: "renamed" });
      await world.tree.rename("file", "renamed");
      await expectObjects(world, { renamed: "content" });
    },
  },
  {
    name: "a rename that the server fails leaves both names as they were",
    flags: { maxAttempts: 1 },
    needs: ["faults"],
    async run(world) {
      await put(world, { file: "content" });
      const fault = { kind: "status", status: 500, operation: "RenameObject" } as const;
      await world.fail({ ...fault, key: "renamed" });
      await expectErrno("EIO", world.tree.rename("file", "renamed"));
      await expectErrno("ENOENT", world.tree.stat("renamed"));
      expect(String(await readWhole(world.tree, "file"))).toBe("content");
    },
  },
  {
    name: "renaming what another client has deleted, and this mount remembers, is ENOENT",
    flags: { metadataTtl: 60 },
    async run(world) {
      await put(world, { file: "content" });
      await world.tree.stat("file");
      await world.bucket.delete("file");
      await expectErrno("ENOENT", world.tree.rename("file", "renamed"));
    },
  },
  {
    name: "renaming to what another client has made, and this mount does not know, is EEXIST",
    flags: { negativeMetadataTtl: 60 },
    async run(world) {
      await put(world, { file: "content" });
      await expectErrno("ENOENT", world.tree.stat("new"));
      await world.bucket.put("new", "another's");
      await expectErrno("EEXIST", world.tree.rename("file", "new"));
      await expectObjects(world, { file: "content", new: "another's" });
    },
  },
  {
    name: "with a cache of metadata, a renamed file has its new name at once",
    flags: { metadataTtl: 60 },
    async run(world) {
      await put(world, { file: "content" });
      await expectErrno("ENOENT", world.tree.stat("renamed"));
      await world.tree.rename("file", "renamed");
      await expectErrno("ENOENT", world.tree.stat("file"));
      expect(String(await readWhole(world.tree, "renamed"))).toBe("content");
      expect(await world.tree.readdir("")).toEqual([{ name: "renamed", kind: "file" }]);
    },
  },
  {
    name: "a file that is being written is renamed only when it is closed",
    async run(world) {
      await withFile(world.tree.open("file", O_NEW), async (file) => {
        await file.write(Buffer.from("content"), 0);
        await expectErrno("EPERM", world.tree.rename("file", "renamed"));
      });
      await world.tree.rename("file", "renamed");
      await expectObjects(world, { renamed: "content" });
    },
  },
  {
    name: "a file that is being written is not replaced by a rename",
    flags: OVERWRITING,
    async run(world) {
      await put(world, { file: "content" });
      await withFile(world.tree.open("other", O_NEW), async (other) => {
        await other.write(Buffer.from("written"), 0);
        await expectErrno("EPERM", world.tree.rename("file", "other"));
      });
      await expectObjects(world, { file: "content", other: "written" });
    },
  },
  {
    name: "a file that is renamed while it is read keeps its number, and can be read anew",
    async run(world) {
      await put(world, { file: "content" });
      await withFile(world.tree.open("file", constants.O_RDONLY), async (file) => {
        const { ino } = await file.stat();
        await world.tree.rename("file", "renamed");
        expect((await world.tree.stat("renamed")).ino).toBe(ino);
        expect(String(await readWhole(world.tree, "renamed"))).toBe("content");
      });
    },
  },
  {
    name: "what a rename replaces while it is read is stale",
    flags: OVERWRITING,
    needs: ["own-inodes"],
    async run(world) {
      await put(world, { file: "content", other: "others" });
      await withFile(world.tree.open("other", constants.O_RDONLY), async (other) => {
        await world.tree.rename("file", "other");
        await expectErrno("ESTALE", other.read(0, 6));
      });
    },
  },
  {
    name: "a renamed file can be written anew and deleted",
    flags: { allowOverwrite: true, allowDelete: true },
    async run(world) {
      await put(world, { file: "content" });
      await world.tree.rename("file", "renamed");
      const flags = constants.O_WRONLY | constants.O_TRUNC;
      await withFile(world.tree.open("renamed", flags), (file) => file.write(Buffer.from("x"), 0));
      await expectObjects(world, { renamed: "x" });
      await world.tree.unlink("renamed");
      await expectObjects(world, {});
    },
  },
  {
    name: "a file goes to another name and back, again and again",
    async run(world) {
      await put(world, { a: "content" });
      for (let turn = 0; turn < 50; turn++) {
        await world.tree.rename("a", "b");
        await world.tree.rename("b", "a");
      }
      await expectObjects(world, { a: "content" });
    },
  },
  {
    name: "many files are renamed at once",
    async run(world) {
      const names = Array.from({ length: 20 }, (_, index) => `file-${index}`);
      await put(world, Object.fromEntries(names.map((name) => [name, name])));
      await Promise.all(names.map((name) => world.tree.rename(name, `new-${name}`)));
      await expectObjects(world, Object.fromEntries(names.map((name) => [`new-${name}`, name])));
    },
  },
  {
    name: "a directory is listed whole, each name once",
    async run(world) {
      const names = Array.from({ length: 150 }, (_, index) => `file-${index}`);
      await Promise.all(names.map((name) => world.bucket.put(name, "")));
      await world.bucket.put("directory/inner", "");
      await withFile(world.tree.open("local", O_NEW), async () => {
        const items = await world.tree.readdir("");
        const expected = [...names, "directory", "local"];
        expect(sorted(items.map(({ name }) => name))).toEqual(sorted(expected));
      });
    },
  },
  {
    name: "a large file is stored in parts",
    flags: { writePartBytes: 5 * 1024 * 1024 },
    async run(world) {
      const data = Buffer.alloc(12 * 1024 * 1024, "express");
      await createWhole(world.tree, "large", data);
      expect((await world.bucket.get("large"))?.equals(data)).toBe(true);
    },
  },
];
