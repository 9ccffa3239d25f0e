/** Scenarios: which keys are names in a directory, and which names become keys. */

import { constants } from "node:fs";
import { mkdir, open, stat, unlink } from "node:fs/promises";
import { expect } from "vitest";
import { sorted } from "../rigs/bytes.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { createWhole, namesIn, readWhole } from "./whole-file.ts";

/** Names that some layer (URL, XML, signature, shell, sorting) could take for something else. */
const NAMES: readonly (readonly [what: string, name: string])[] = [
  ["a space", "a b"],
  ["spaces at both ends", " leading and trailing "],
  ["nothing but spaces", "   "],
  ["a plus", "plus+plus"],
  ["a dollar", "dollar$"],
  ["a tilde", "~tilde"],
  ["a colon", "colon:"],
  ["a percent escape", "percent%41"],
  ["an escaped slash", "slash%2Fslash"],
  ["a hash and a question mark", "hash#question?"],
  ["what XML escapes", "amp&lt;=<>"],
  ["quotes", "quotes'\""],
  ["a backslash", "back\\slash"],
  ["parentheses, an exclamation mark and a star", "(parens)!*"],
  ["brackets and braces", "[brackets]{braces}"],
  ["an at sign, a comma and a semicolon", "at@comma,semi;"],
  ["a caret, a pipe and a backtick", "caret^pipe|tick`"],
  ["a leading hyphen", "-rf"],
  ["precomposed letters", "ünïcödé"],
  ["decomposed letters", "u\u0308 decomposed"],
  ["Japanese", "日本語"],
  ["Arabic, which is written from the right", "مرحبا"],
  ["an emoji", "🐈 emoji"],
  ["an emoji of several characters", "👩‍👩‍👧‍👦"],
  ["three dots", "..."],
  ["a leading dot", ".hidden"],
  ["two leading dots", "..hidden"],
];

const CONTROL: readonly (readonly [what: string, name: string])[] = [
  ["a line feed", "line\nfeed"],
  ["a tab", "tab\tstop"],
  ["a carriage return", "carriage\rreturn"],
  ["the first control character", "start\u0001"],
  ["the delete character", "delete\u007f"],
];

/** Names that are not the same, however much they look it. */
const ALIKE: readonly (readonly [what: string, one: string, other: string])[] = [
  ["that differ in case", "Name", "name"],
  ["that differ in composition", "\u00fc", "u\u0308"],
  ["of which one is the other escaped", "a b", "a%20b"],
  ["of which one has a plus for the space", "a b", "a+b"],
  ["that differ in a trailing space", "name", "name "],
  ["of which one begins like the other", "name", "name.txt"],
];

function nameScenario(what: string, name: string, needs: Scenario["needs"] = []): Scenario {
  return {
    name: `a name with ${what} is a file, a new key and a directory`,
    needs,
    async run({ tree, bucket }) {
      await bucket.put(`there/${name}`, "there");
      expect(await namesIn(tree, "there")).toEqual([name]);
      expect((await readWhole(tree, `there/${name}`)).toString()).toBe("there");
      await createWhole(tree, name, Buffer.from("new"));
      expect((await bucket.get(name))?.toString()).toBe("new");
      await bucket.put(`in/${name}/file`, "deep");
      expect(await tree.readdir("in")).toEqual([{ name, kind: "directory" }]);
      expect(await namesIn(tree, `in/${name}`)).toEqual(["file"]);
      expect((await readWhole(tree, `in/${name}/file`)).toString()).toBe("deep");
    },
  };
}

export const namesScenarios: readonly Scenario[] = [
  ...NAMES.map(([what, name]) => nameScenario(what, name)),
  ...CONTROL.map(([what, name]) => nameScenario(what, name, ["any-key"])),
  ...ALIKE.map(
    ([what, one, other]): Scenario => ({
      name: `two names ${what} are two files`,
      async run({ tree, bucket }) {
        await bucket.put(one, "one");
        await createWhole(tree, other, Buffer.from("other"));
        expect(sorted(await namesIn(tree))).toEqual(sorted([one, other]));
        expect((await readWhole(tree, one)).toString()).toBe("one");
        expect((await readWhole(tree, other)).toString()).toBe("other");
        expect((await bucket.get(one))?.toString()).toBe("one");
      },
    }),
  ),
  {
    name: "a name that is not UTF-8 is never there, and cannot be made: EINVAL",
    needs: ["kernel"],
    async run({ path }) {
      const broken = Buffer.concat([
        Buffer.from(path("")),
        Buffer.from("/broken \xff\xfe", "latin1"),
      ]);
      await expectErrno("ENOENT", stat(broken));
      await expectErrno("EINVAL", mkdir(broken));
      await expectErrno("EINVAL", open(broken, "w"));
      await expectErrno("ENOENT", unlink(broken));
    },
  },
  {
    name: "an emoji file in an emoji directory is created",
    async run({ tree, bucket }) {
      await tree.mkdir("🐈");
      await createWhole(tree, "🐈/👻", Buffer.from("boo"));
      expect((await bucket.get("🐈/👻"))?.toString()).toBe("boo");
      expect(await namesIn(tree, "🐈")).toEqual(["👻"]);
    },
  },
  {
    name: "directories that exist through their keys alone are walked level by level",
    async run({ tree, bucket }) {
      await bucket.put("a/b/c/d.txt", "deep");
      expect(await tree.readdir("")).toEqual([{ name: "a", kind: "directory" }]);
      expect(await tree.readdir("a/b")).toEqual([{ name: "c", kind: "directory" }]);
      expect(await tree.readdir("a/b/c")).toEqual([{ name: "d.txt", kind: "file" }]);
      expect((await readWhole(tree, "a/b/c/d.txt")).toString()).toBe("deep");
    },
  },
  {
    name: "a name of 255 bytes works",
    async run({ tree, bucket }) {
      const name = "n".repeat(255);
      await createWhole(tree, name, Buffer.from("long"));
      expect((await bucket.get(name))?.toString()).toBe("long");
      expect(await namesIn(tree)).toEqual([name]);
    },
  },
  {
    name: "a name of 256 bytes is ENAMETOOLONG",
    async run({ tree }) {
      const name = "n".repeat(256);
      await expectErrno("ENAMETOOLONG", tree.stat(name));
      await expectErrno("ENAMETOOLONG", tree.mkdir(name));
      const flags = constants.O_WRONLY | constants.O_CREAT;
      await expectErrno("ENAMETOOLONG", tree.open(name, flags));
    },
  },
  {
    name: "a name that is too long costs no request",
    needs: ["request-log"],
    async run({ tree, requests }) {
      await tree.stat("");
      const before = (await requests()).length;
      await expectErrno("ENAMETOOLONG", tree.stat("é".repeat(128)));
      expect((await requests()).slice(before)).toEqual([]);
    },
  },
  {
    name: "a path whose key would exceed 1024 bytes is ENAMETOOLONG",
    async run({ tree }) {
      const levels = ["a", "b", "c", "d"].map((letter) => letter.repeat(240));
      for (let depth = 1; depth <= levels.length; depth += 1) {
        await tree.mkdir(levels.slice(0, depth).join("/"));
      }
      const path = `${levels.join("/")}/${"e".repeat(100)}`;
      const opening = tree.open(path, constants.O_WRONLY | constants.O_CREAT);
      await expectErrno(
        "ENAMETOOLONG",
        withFile(opening, async () => {}),
      );
    },
  },
  {
    name: "a key of exactly 1024 bytes is a file, and one byte more is ENAMETOOLONG",
    // MinIO allows no more than its own file system does.
    needs: ["any-key"],
    async run({ tree, bucket }) {
      const used = Buffer.byteLength(bucket.prefix);
      const levels = ["a", "b", "c", "d"].map((letter) => letter.repeat(200)).join("/");
      const name = "n".repeat(1024 - used - levels.length - 1);
      await bucket.put(`${levels}/${name}`, "longest");
      expect((await readWhole(tree, `${levels}/${name}`)).toString()).toBe("longest");
      expect(await namesIn(tree, levels)).toEqual([name]);
      await expectErrno("ENAMETOOLONG", tree.stat(`${levels}/${name}n`));
      await expectErrno("ENAMETOOLONG", tree.mkdir(`${levels}/${name}n`));
    },
  },
  {
    name: "a key that is too long costs no request",
    needs: ["request-log"],
    async run({ tree, bucket, requests }) {
      const levels = ["a", "b", "c", "d"].map((letter) => letter.repeat(240)).join("/");
      await bucket.put(`${levels}/x`, "");
      await tree.stat(levels);
      const before = (await requests()).filter(({ key }) => key.includes("eeee")).length;
      await expectErrno("ENAMETOOLONG", tree.stat(`${levels}/${"e".repeat(200)}`));
      const after = (await requests()).filter(({ key }) => key.includes("eeee")).length;
      expect(after - before).toBe(0);
    },
  },
  {
    name: "bytes count, not characters: 127 letters of two bytes and one more are a name, 128 not",
    async run({ tree, bucket }) {
      const name = `${"é".repeat(127)}n`;
      await createWhole(tree, name, Buffer.from("long"));
      expect(await bucket.keys()).toEqual([name]);
      await expectErrno("ENAMETOOLONG", tree.stat("é".repeat(128)));
    },
  },
  {
    name: "a name of more than 255 bytes that another client stored is not listed",
    needs: ["any-key"],
    async run({ tree, bucket }) {
      await bucket.put("n".repeat(256), "");
      await bucket.put(`${"d".repeat(256)}/below`, "");
      await bucket.put("good", "");
      expect(await namesIn(tree)).toEqual(["good"]);
    },
  },
];
