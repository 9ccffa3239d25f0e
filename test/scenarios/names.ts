/** Scenarios: which keys are names in a directory, and which names become keys. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { sorted } from "../rigs/bytes.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { createWhole, namesIn, readWhole } from "./whole-file.ts";

/** Characters that some layer (URL, XML, signature, shell, sorting) could take for its own. */
const NAMES = [
  "a b",
  " leading and trailing ",
  "plus+plus",
  "dollar$",
  "~tilde",
  "colon:",
  "percent%41",
  "hash#question?",
  "amp&lt;=",
  "quotes'\"",
  "back\\slash",
  "(parens)!*",
  "[brackets]{braces}",
  "at@comma,semi;",
  "ünïcödé",
  "u\u0308 decomposed",
  "日本語",
  "🐈 emoji",
  "...",
  ".hidden",
];

export const namesScenarios: readonly Scenario[] = [
  {
    name: "names of all kinds are listed, found and read",
    async run({ tree, bucket }) {
      await Promise.all(NAMES.map((name) => bucket.put(name, `content of ${name}`)));
      expect(sorted(await namesIn(tree))).toEqual(sorted(NAMES));
      for (const name of NAMES) {
        expect((await readWhole(tree, name)).toString()).toBe(`content of ${name}`);
      }
    },
  },
  {
    name: "names of all kinds are created as the keys that they are",
    async run({ tree, bucket }) {
      for (const name of NAMES) await createWhole(tree, name, Buffer.from(`content of ${name}`));
      expect(sorted(await bucket.keys())).toEqual(sorted(NAMES));
      for (const name of NAMES) {
        expect((await bucket.get(name))?.toString()).toBe(`content of ${name}`);
      }
    },
  },
  {
    name: "names of all kinds are directories",
    async run({ tree, bucket }) {
      await Promise.all(NAMES.map((name) => bucket.put(`${name}/file`, name)));
      expect(sorted(await namesIn(tree))).toEqual(sorted(NAMES));
      for (const name of NAMES) expect(await namesIn(tree, name)).toEqual(["file"]);
    },
  },
  {
    name: "control characters in a key survive the listing",
    needs: ["any-key"],
    async run({ tree, bucket }) {
      const names = ["line\nfeed", "tab\tstop", "carriage\rreturn"];
      for (const name of names) await bucket.put(name, name);
      expect(sorted(await namesIn(tree))).toEqual(sorted(names));
      for (const name of names) expect((await readWhole(tree, name)).toString()).toBe(name);
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
    name: "a listing is in the order of UTF-8 bytes, not of UTF-16 units",
    async run({ tree, bucket }) {
      const names = ["｡halfwidth", "🐈cat", "Z", "a", "é", "~"];
      for (const name of names) await bucket.put(name, "");
      expect(await namesIn(tree)).toEqual(sorted(names));
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
      await expect
        .poll(async () => (await tree.stat("blue")).kind, { timeout: 5_000 })
        .toBe("file");
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
    name: "a directory of more than a thousand entries is listed whole, with what is only here",
    async run({ tree, bucket }) {
      const remote = Array.from(
        { length: 1_205 },
        (_, index) => `n-${String(index).padStart(5, "0")}`,
      );
      for (let at = 0; at < remote.length; at += 50) {
        await Promise.all(remote.slice(at, at + 50).map((name) => bucket.put(name, name)));
      }
      const local = ["a-first", "n-00500-between", "z-last"];
      await tree.mkdir("n-01000-directory");
      const flags = constants.O_WRONLY | constants.O_CREAT;
      const files = await Promise.all(local.map((name) => tree.open(name, flags)));
      try {
        const expected = sorted([...remote, ...local, "n-01000-directory"]);
        expect(await namesIn(tree)).toEqual(expected);
      } finally {
        for (const file of files) await file.close();
      }
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
];
