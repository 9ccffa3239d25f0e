/**
 * Common operations, as a person types them: one row of docs/REQUESTS.md each. A command runs in a
 * directory of its own, which holds `objects`, with a shell that stands in it already.
 */

import { MIB } from "../../src/base/sizes.ts";

export interface Operation {
  /** As in the table. */
  readonly name: string;
  /** For `sh`. */
  readonly command: string;
  /** Size in bytes by path, below the directory. */
  readonly objects?: Readonly<Record<string, number>>;
  /** Whether the command is to fail. */
  readonly fails?: true;
}

const SMALL = { file: 1000 };
const LARGE = { file: 32 * MIB };
const TREE = files(3, (directory) => files(5, (name) => ({ [`d${directory}/f${name}`]: 1000 })));

function files(count: number, entry: (index: number) => Record<string, number>) {
  return Object.assign({}, ...Array.from({ length: count }, (_, index) => entry(index)));
}

function many(count: number): Record<string, number> {
  return files(count, (index) => ({ [`many/f${String(index).padStart(5, "0")}`]: 10 }));
}

/** Reads all names, waits, and then asks for the attributes of each. */
const SLOW_LIST = `node -e '
  const { readdirSync, statSync } = require("node:fs");
  const names = readdirSync("many");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1200);
  for (const name of names) statSync("many/" + name);
'`;

export const OPERATIONS: readonly Operation[] = [
  { name: "`stat file`", command: "stat file", objects: SMALL },
  { name: "`stat file` twice, a moment apart", command: "stat file; stat file", objects: SMALL },
  {
    name: "`stat file` twice, 1.5 s apart",
    command: "stat file; sleep 1.5; stat file",
    objects: SMALL,
  },
  { name: "`stat missing`", command: "stat missing", fails: true },
  {
    name: "`stat missing` three times",
    command: "stat missing; stat missing; stat missing",
    fails: true,
  },
  { name: "`stat directory`", command: "stat d0", objects: TREE },
  { name: "`df .`", command: "df ." },
  { name: "`cat file` (1 kB)", command: "cat file", objects: SMALL },
  { name: "`cat file` twice, a moment apart", command: "cat file; cat file", objects: SMALL },
  {
    name: "`cat file` twice, 1.5 s apart",
    command: "cat file; sleep 1.5; cat file",
    objects: SMALL,
  },
  { name: "`cat file` (32 MiB)", command: "cat file > /dev/null", objects: LARGE },
  { name: "`head -c 1 file` (32 MiB)", command: "head -c 1 file", objects: LARGE },
  {
    name: "4 KiB from the middle of 32 MiB, O_DIRECT",
    command: "dd if=file of=/dev/null bs=4k skip=4000 count=1 iflag=direct",
    objects: LARGE,
  },
  {
    name: "`cat file` with O_DIRECT, right behind `cat file`",
    command: "cat file; dd if=file of=/dev/null bs=4k iflag=direct",
    objects: SMALL,
  },
  { name: "`ls -R`, 3 directories of 5", command: "ls -R", objects: TREE },
  { name: "`ls` of 20 files", command: "ls many", objects: many(20) },
  { name: "`ls -l` of 20 files", command: "ls -l many", objects: many(20) },
  { name: "`ls -l` of 2,000 files", command: "ls -l many", objects: many(2000) },
  {
    name: "2,000 names, and their attributes 1.2 s later",
    command: SLOW_LIST,
    objects: many(2000),
  },
  { name: "`find -type f`, 3 directories of 5", command: "find . -type f", objects: TREE },
  { name: "`du -s`, 3 directories of 5", command: "du -s .", objects: TREE },
  {
    name: "`grep -r`, 3 directories of 5",
    command: "grep -r nothing .",
    objects: TREE,
    fails: true,
  },
  { name: "`cat` of 12 files in order", command: "cat many/* > /dev/null", objects: many(12) },
  { name: "create a file of 1 byte", command: "printf x > new" },
  { name: "create an empty file (`touch`)", command: "touch new" },
  { name: "create a file of 20 MiB", command: "head -c 20971520 /dev/zero > new" },
  { name: "create a file and read it back", command: "printf x > new; cat new" },
  { name: "`mkdir new`", command: "mkdir new" },
  { name: "`mkdir new`, and a file in it", command: "mkdir new; printf x > new/file" },
  { name: "`mkdir new; rmdir new`", command: "mkdir new; rmdir new" },
  { name: "`cp -r` of 6 files in 3 directories", command: "cp -r $SOURCE new" },
  { name: "`cp file copy`", command: "cp file copy", objects: SMALL },
  { name: "`mv file new`", command: "mv file new", objects: SMALL },
  { name: "overwrite a file", command: "printf x > file", objects: SMALL },
  { name: "append to a file (refused)", command: "printf x >> file", objects: SMALL, fails: true },
  {
    name: "`touch` of an existing file (refused)",
    command: "touch file",
    objects: SMALL,
    fails: true,
  },
  { name: "`rm file`", command: "rm file", objects: SMALL },
  { name: "`rm file; stat file`", command: "rm file; stat file", objects: SMALL, fails: true },
  { name: "`rm -r` of 3 directories of 5", command: "rm -r d0 d1 d2", objects: TREE },
];
