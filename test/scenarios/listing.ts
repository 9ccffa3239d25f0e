/** Scenarios: what a directory lists, in which order, and where a reader may continue. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { sorted } from "../rigs/bytes.ts";
import { perl } from "../rigs/system-call.ts";
import { expectErrno, type Scenario } from "./scenario.ts";
import { createWhole, namesAsListed, namesIn } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

/** Reads the directory $ARGV[0] with what libc has for it; `names` are those without the dots. */
const PRELUDE = [
  "opendir($dir, $ARGV[0]) or exit $!;",
  "sub names { grep { !/^\\.\\.?$/ } @_ }",
].join("\n");

export const listingScenarios: readonly Scenario[] = [
  {
    name: "a listing is in the order of UTF-8 bytes, not of UTF-16 units",
    needs: ["key-order"],
    async run({ tree, bucket }) {
      const names = ["｡halfwidth", "🐈cat", "Z", "a", "é", "~"];
      for (const name of names) await bucket.put(name, "");
      expect(await namesAsListed(tree)).toEqual(sorted(names));
    },
  },
  {
    name: "a directory of more than a thousand entries is listed whole, with what is only here",
    needs: ["key-order"],
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
        expect(await namesAsListed(tree)).toEqual(expected);
      } finally {
        for (const file of files) await file.close();
      }
    },
  },
  {
    name: "twenty files are listed in the order of their keys",
    needs: ["key-order"],
    async run({ tree, bucket }) {
      const names = Array.from({ length: 20 }, (_, index) => `file-${index}`);
      for (const name of names.toReversed()) await bucket.put(name, "");
      expect(await namesAsListed(tree)).toEqual(sorted(names));
    },
  },
  {
    name: "files that are being written are listed among the others, in order",
    needs: ["key-order"],
    async run({ tree, bucket }) {
      const stored = Array.from({ length: 20 }, (_, index) => `file-${index}`);
      for (const name of stored) await bucket.put(name, "");
      const written = [1, 5, 9, 13, 17].map((index) => `file-${index}-new`);
      const files = await Promise.all(written.map((name) => tree.open(name, O_NEW)));
      try {
        expect(await namesAsListed(tree)).toEqual(sorted([...stored, ...written]));
      } finally {
        for (const file of files) await file.close();
      }
      expect(await namesAsListed(tree)).toEqual(sorted([...stored, ...written]));
    },
  },
  {
    name: "a listing tells files from directories, stored or not",
    async run({ tree, bucket }) {
      await bucket.put("stored-file", "");
      await bucket.put("stored-directory/file", "");
      await tree.mkdir("made-directory");
      await createWhole(tree, "made-file", Buffer.from("x"));
      const listed = (await tree.readdir("")).map(({ name, kind }) => `${name}: ${kind}`);
      expect(sorted(listed)).toEqual([
        "made-directory: directory",
        "made-file: file",
        "stored-directory: directory",
        "stored-file: file",
      ]);
    },
  },
  {
    name: "a file that is not there any more is not listed, and a new one is, at once",
    async run({ tree, bucket }) {
      await bucket.put("old", "");
      expect(await namesIn(tree)).toEqual(["old"]);
      await bucket.delete("old");
      await bucket.put("new", "");
      expect(await namesIn(tree)).toEqual(["new"]);
    },
  },
  {
    name: "a file is listed from its creation on, under way, closed and stored",
    async run({ tree }) {
      const file = await tree.open("file", O_NEW);
      expect(await namesIn(tree)).toEqual(["file"]);
      await file.write(Buffer.from("content"), 0);
      expect(await namesIn(tree)).toEqual(["file"]);
      await file.close();
      expect(await namesIn(tree)).toEqual(["file"]);
    },
  },
  {
    name: "two readers of one directory at one time each see all of it",
    async run({ tree, bucket }) {
      const names = sorted(Array.from({ length: 150 }, (_, index) => `file-${index}`));
      await Promise.all(names.map((name) => bucket.put(name, "")));
      const [one, other] = await Promise.all([namesIn(tree), namesIn(tree)]);
      expect(one).toEqual(names);
      expect(other).toEqual(names);
    },
  },
  {
    name: "listing a file is ENOTDIR, and what is not there ENOENT",
    async run({ tree, bucket }) {
      await bucket.put("file", "");
      await expectErrno("ENOTDIR", tree.readdir("file"));
      await expectErrno("ENOENT", tree.readdir("missing"));
    },
  },
  {
    name: "what a listing says of a file is what stat says",
    async run({ tree, bucket }) {
      await bucket.put("there/one", "1");
      await bucket.put("there/three", "123");
      expect(await namesIn(tree, "there")).toEqual(["one", "three"]);
      expect((await tree.stat("there/one")).sizeBytes).toBe(1);
      expect((await tree.stat("there/three")).sizeBytes).toBe(3);
    },
  },
  {
    name: "a directory lists itself and its parent first",
    needs: ["kernel"],
    async run({ tree, bucket, path }) {
      await bucket.put("dir/file", "");
      await tree.stat("dir");
      const script = `${PRELUDE} join(" ", (readdir $dir)[0, 1]) eq ". .." or exit 255;`;
      await perl("readdir", script, [path("dir")]);
    },
  },
  {
    name: "a reader that rewinds starts over, and sees what is new",
    needs: ["kernel"],
    async run({ bucket, path }) {
      await bucket.put("dir/one", "");
      const script = [
        PRELUDE,
        'join(" ", names(readdir $dir)) eq "one" or exit 255;',
        'open($new, ">", "$ARGV[0]/two") or exit $!; print $new "2"; close($new) or exit $!;',
        "rewinddir $dir;",
        'join(" ", sort(names(readdir $dir))) eq "one two" or exit 254;',
      ].join("\n");
      await perl("rewinddir", script, [path("dir")]);
    },
  },
  {
    name: "a reader that seeks back to a place that it was just told continues there",
    needs: ["kernel"],
    async run({ bucket, path }) {
      for (const name of ["a", "b", "c", "d"]) await bucket.put(`dir/${name}`, "");
      const script = [
        PRELUDE,
        "readdir $dir for 1..3;",
        "$place = telldir $dir;",
        '$rest = join(" ", readdir $dir);',
        "length $rest == 5 or exit 255;",
        "seekdir $dir, $place;",
        'join(" ", readdir $dir) eq $rest or exit 254;',
      ].join("\n");
      await perl("seekdir", script, [path("dir")]);
    },
  },
  {
    name: "a reader at the end stays at the end",
    needs: ["kernel"],
    async run({ bucket, path }) {
      await bucket.put("dir/file", "");
      const script = [
        PRELUDE,
        "scalar(@all = readdir $dir) == 3 or exit 255;",
        "scalar(@all = readdir $dir) == 0 or exit 254;",
        "seekdir $dir, telldir $dir;",
        "scalar(@all = readdir $dir) == 0 or exit 253;",
      ].join("\n");
      await perl("readdir", script, [path("dir")]);
    },
  },
  {
    name: "a reader that seeks back far beyond what it was told last is EBADF",
    needs: ["kernel", "piecemeal-directories"],
    async run({ bucket, path }) {
      const names = Array.from({ length: 400 }, (_, index) => `${"n".repeat(100)}-${index}`);
      await Promise.all(names.map((name) => bucket.put(`dir/${name}`, "")));
      const script = [
        PRELUDE,
        "readdir $dir for 1..5;",
        "$place = telldir $dir;",
        "scalar(@all = readdir $dir) == 397 or exit 255;",
        "seekdir $dir, $place;",
        "$! = 0; @all = readdir $dir; exit $!;",
      ].join("\n");
      await expectErrno("EBADF", perl("seekdir", script, [path("dir")]));
    },
  },
  {
    name: "files that are deleted while their directory is read are each deleted once",
    flags: { allowDelete: true },
    needs: ["kernel"],
    async run({ tree, bucket, path }) {
      const names = Array.from({ length: 300 }, (_, index) => `file-${index}`);
      await Promise.all(names.map((name) => bucket.put(`dir/${name}`, "")));
      const script = [
        PRELUDE,
        "while (defined($name = readdir $dir)) {",
        '  next if $name eq "." or $name eq "..";',
        '  unlink "$ARGV[0]/$name" or exit $!; $count++;',
        "}",
        "$count == 300 or exit 255;",
      ].join("\n");
      await perl("unlink", script, [path("dir")]);
      expect(await bucket.keys()).toEqual([]);
      expect(await namesIn(tree, "dir")).toEqual([]);
    },
  },
];
