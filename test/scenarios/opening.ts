/**
 * Scenarios: which files can be opened how. One table: what the file is, the flags of open(2), and
 * what comes of it by default, with `--allow-overwrite` and with `--read-only`.
 */

import { constants } from "node:fs";
import { expect } from "vitest";
import type { MountFlags, OpenFile, World } from "../rigs/rig.ts";
import { expectErrno, outcomeOf, type Scenario, withFile } from "./scenario.ts";
import { createWhole, readOn } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

const FLAGS = {
  O_RDONLY: constants.O_RDONLY,
  O_WRONLY: constants.O_WRONLY,
  O_RDWR: constants.O_RDWR,
  O_CREAT: constants.O_CREAT,
  O_EXCL: constants.O_EXCL,
  O_TRUNC: constants.O_TRUNC,
  O_APPEND: constants.O_APPEND,
  O_DIRECT: constants.O_DIRECT,
  O_SYNC: constants.O_SYNC,
  O_DSYNC: constants.O_DSYNC,
  O_NOATIME: constants.O_NOATIME,
  O_NOCTTY: constants.O_NOCTTY,
  O_NOFOLLOW: constants.O_NOFOLLOW,
  O_NONBLOCK: constants.O_NONBLOCK,
} as const;

type Flag = keyof typeof FLAGS;

/** "reads" what was there, "writes" a new object, or an errno. */
type Outcome = "reads" | "writes" | `E${string}`;

interface Subject {
  readonly what: string;
  /** What is there to read; undefined where nothing is. */
  readonly content: string | undefined;
  /** Makes `file` what it is; what it opened is closed after the attempt. */
  prepare(world: World): Promise<OpenFile | undefined>;
}

const SUBJECTS = {
  object: {
    what: "an object",
    content: "content",
    async prepare({ bucket }) {
      await bucket.put("file", "content");
      return undefined;
    },
  },
  nothing: {
    what: "a name that does not exist",
    content: undefined,
    prepare: async () => undefined,
  },
  made: {
    what: "a file that mknod made",
    content: "",
    async prepare({ tree }) {
      await tree.mknod("file", constants.S_IFREG);
      return undefined;
    },
  },
  closedEmpty: {
    what: "a file that was just created and closed empty",
    content: "",
    async prepare({ tree }) {
      await createWhole(tree, "file", Buffer.alloc(0));
      return undefined;
    },
  },
  written: {
    what: "a file that is being written",
    content: undefined,
    async prepare({ tree }) {
      const file = await tree.open("file", O_NEW);
      await file.write(Buffer.from("partial"), 0);
      return file;
    },
  },
  untouched: {
    what: "a file that is open for writing and still empty",
    content: undefined,
    prepare: ({ tree }) => tree.open("file", O_NEW),
  },
  synced: {
    what: "a file that was synced and is still open",
    content: "synced",
    async prepare({ tree }) {
      const file = await tree.open("file", O_NEW);
      await file.write(Buffer.from("synced"), 0);
      await file.sync();
      return file;
    },
  },
  failed: {
    what: "a name whose writing has failed",
    content: undefined,
    async prepare({ tree }) {
      const file = await tree.open("file", O_NEW);
      await expectErrno("EINVAL", file.write(Buffer.from("partial"), 100));
      await expectErrno("EINVAL", file.close());
      return undefined;
    },
  },
  read: {
    what: "an object that is being read",
    content: "content",
    async prepare({ bucket, tree }) {
      await bucket.put("file", "content");
      const file = await tree.open("file", constants.O_RDONLY);
      await file.read(0, 1);
      return file;
    },
  },
  directory: {
    what: "a directory",
    content: undefined,
    async prepare({ bucket }) {
      await bucket.put("file/below", "");
      return undefined;
    },
  },
} as const satisfies Record<string, Subject>;

const BY_DEFAULT: MountFlags = {};
const OVERWRITING: MountFlags = { allowOverwrite: true };
const READ_ONLY: MountFlags = { readOnly: true, allowOverwrite: true };

type Row = readonly [flags: readonly Flag[], outcome: Outcome];

interface Table {
  readonly subject: keyof typeof SUBJECTS;
  readonly mount: MountFlags;
  readonly when: string;
  readonly rows: readonly Row[];
  readonly needs?: Scenario["needs"];
}

const NEVER_WHILE_WRITTEN: readonly Row[] = [
  [["O_RDONLY"], "EPERM"],
  [["O_WRONLY"], "EPERM"],
  [["O_RDWR"], "EPERM"],
  [["O_WRONLY", "O_CREAT"], "EPERM"],
  [["O_WRONLY", "O_APPEND"], "EPERM"],
  [["O_WRONLY", "O_TRUNC"], "EPERM"],
  [["O_WRONLY", "O_CREAT", "O_EXCL"], "EEXIST"],
];

const TABLES: readonly Table[] = [
  {
    subject: "object",
    mount: BY_DEFAULT,
    when: "by default",
    rows: [
      [["O_RDONLY"], "reads"],
      [["O_RDONLY", "O_CREAT"], "reads"],
      [["O_RDONLY", "O_DIRECT"], "reads"],
      [["O_RDONLY", "O_NOATIME", "O_NOFOLLOW"], "reads"],
      [["O_RDONLY", "O_NONBLOCK", "O_NOCTTY"], "reads"],
      [["O_RDONLY", "O_TRUNC"], "EPERM"],
      [["O_RDONLY", "O_SYNC"], "EINVAL"],
      [["O_RDONLY", "O_DSYNC"], "EINVAL"],
      [["O_RDWR"], "reads"],
      [["O_RDWR", "O_CREAT"], "reads"],
      [["O_RDWR", "O_APPEND"], "reads"],
      [["O_RDWR", "O_TRUNC"], "EPERM"],
      [["O_RDWR", "O_SYNC"], "EINVAL"],
      [["O_WRONLY"], "EPERM"],
      [["O_WRONLY", "O_CREAT"], "EPERM"],
      [["O_WRONLY", "O_APPEND"], "EPERM"],
      [["O_WRONLY", "O_TRUNC"], "EPERM"],
      [["O_WRONLY", "O_CREAT", "O_TRUNC"], "EPERM"],
      [["O_WRONLY", "O_CREAT", "O_EXCL"], "EEXIST"],
    ],
  },
  {
    subject: "object",
    mount: OVERWRITING,
    when: "with --allow-overwrite",
    rows: [
      [["O_RDONLY"], "reads"],
      [["O_RDONLY", "O_TRUNC"], "EINVAL"],
      [["O_RDWR"], "reads"],
      [["O_RDWR", "O_APPEND"], "reads"],
      [["O_RDWR", "O_TRUNC"], "writes"],
      [["O_RDWR", "O_CREAT", "O_TRUNC"], "writes"],
      [["O_WRONLY"], "EPERM"],
      [["O_WRONLY", "O_CREAT"], "EPERM"],
      [["O_WRONLY", "O_APPEND"], "EPERM"],
      [["O_WRONLY", "O_TRUNC"], "writes"],
      [["O_WRONLY", "O_TRUNC", "O_APPEND"], "writes"],
      [["O_WRONLY", "O_TRUNC", "O_DIRECT"], "writes"],
      [["O_WRONLY", "O_CREAT", "O_TRUNC"], "writes"],
      [["O_WRONLY", "O_TRUNC", "O_SYNC"], "EINVAL"],
      [["O_WRONLY", "O_CREAT", "O_EXCL"], "EEXIST"],
    ],
  },
  {
    subject: "object",
    mount: READ_ONLY,
    when: "with --read-only",
    // The kernel refuses most of it before it asks.
    needs: ["kernel"],
    rows: [
      [["O_RDONLY"], "reads"],
      [["O_RDWR"], "EROFS"],
      [["O_WRONLY"], "EROFS"],
      [["O_WRONLY", "O_TRUNC"], "EROFS"],
      [["O_WRONLY", "O_CREAT", "O_EXCL"], "EEXIST"],
    ],
  },
  {
    subject: "nothing",
    mount: BY_DEFAULT,
    when: "by default",
    rows: [
      [["O_RDONLY"], "ENOENT"],
      [["O_WRONLY"], "ENOENT"],
      [["O_RDWR"], "ENOENT"],
      [["O_WRONLY", "O_TRUNC"], "ENOENT"],
      [["O_WRONLY", "O_CREAT"], "writes"],
      [["O_WRONLY", "O_CREAT", "O_EXCL"], "writes"],
      [["O_WRONLY", "O_CREAT", "O_TRUNC"], "writes"],
      [["O_WRONLY", "O_CREAT", "O_APPEND"], "writes"],
      [["O_WRONLY", "O_CREAT", "O_DIRECT"], "writes"],
      [["O_WRONLY", "O_CREAT", "O_NONBLOCK", "O_NOCTTY"], "writes"],
      [["O_RDWR", "O_CREAT"], "writes"],
      [["O_RDWR", "O_CREAT", "O_TRUNC"], "writes"],
      [["O_WRONLY", "O_CREAT", "O_SYNC"], "EINVAL"],
      [["O_WRONLY", "O_CREAT", "O_DSYNC"], "EINVAL"],
    ],
  },
  {
    subject: "nothing",
    mount: READ_ONLY,
    when: "with --read-only",
    needs: ["kernel"],
    rows: [
      [["O_RDONLY"], "ENOENT"],
      [["O_WRONLY", "O_CREAT"], "EROFS"],
    ],
  },
  {
    subject: "made",
    mount: BY_DEFAULT,
    when: "by default",
    rows: [
      [["O_RDONLY"], "reads"],
      [["O_WRONLY"], "writes"],
      [["O_RDWR"], "writes"],
      [["O_WRONLY", "O_TRUNC"], "writes"],
      [["O_WRONLY", "O_APPEND"], "writes"],
    ],
  },
  {
    subject: "closedEmpty",
    mount: BY_DEFAULT,
    when: "by default",
    rows: [
      [["O_RDONLY"], "reads"],
      [["O_RDWR"], "reads"],
      [["O_WRONLY", "O_CREAT", "O_EXCL"], "EEXIST"],
      [["O_WRONLY"], "EPERM"],
      [["O_WRONLY", "O_TRUNC"], "EPERM"],
    ],
  },
  {
    subject: "closedEmpty",
    mount: OVERWRITING,
    when: "with --allow-overwrite",
    rows: [
      [["O_WRONLY"], "EPERM"],
      [["O_WRONLY", "O_TRUNC"], "writes"],
    ],
  },
  { subject: "written", mount: BY_DEFAULT, when: "by default", rows: NEVER_WHILE_WRITTEN },
  {
    subject: "written",
    mount: OVERWRITING,
    when: "with --allow-overwrite",
    rows: NEVER_WHILE_WRITTEN,
  },
  {
    subject: "untouched",
    mount: BY_DEFAULT,
    when: "by default",
    rows: [
      [["O_RDONLY"], "EPERM"],
      [["O_WRONLY"], "EPERM"],
    ],
  },
  {
    subject: "synced",
    mount: BY_DEFAULT,
    when: "by default",
    rows: [
      [["O_RDONLY"], "reads"],
      [["O_RDWR"], "reads"],
      [["O_WRONLY"], "EPERM"],
    ],
  },
  {
    subject: "synced",
    mount: OVERWRITING,
    when: "with --allow-overwrite",
    rows: [[["O_WRONLY", "O_TRUNC"], "writes"]],
  },
  {
    subject: "failed",
    mount: BY_DEFAULT,
    when: "by default",
    rows: [
      [["O_RDONLY"], "ENOENT"],
      [["O_WRONLY", "O_CREAT"], "writes"],
      [["O_WRONLY", "O_CREAT", "O_EXCL"], "writes"],
    ],
  },
  {
    subject: "read",
    mount: BY_DEFAULT,
    when: "by default",
    rows: [
      [["O_RDONLY"], "reads"],
      [["O_RDWR"], "reads"],
      [["O_WRONLY"], "EPERM"],
      [["O_WRONLY", "O_TRUNC"], "EPERM"],
    ],
  },
  {
    subject: "read",
    mount: OVERWRITING,
    when: "with --allow-overwrite",
    rows: [
      [["O_RDONLY"], "reads"],
      [["O_WRONLY", "O_TRUNC"], "EPERM"],
      [["O_RDWR", "O_TRUNC"], "EPERM"],
    ],
  },
  {
    subject: "directory",
    mount: BY_DEFAULT,
    when: "by default",
    rows: [
      [["O_WRONLY"], "EISDIR"],
      [["O_RDWR"], "EISDIR"],
      [["O_WRONLY", "O_CREAT"], "EISDIR"],
      [["O_RDONLY", "O_CREAT"], "EISDIR"],
      [["O_WRONLY", "O_CREAT", "O_EXCL"], "EEXIST"],
    ],
  },
  {
    subject: "directory",
    mount: OVERWRITING,
    when: "with --allow-overwrite",
    rows: [[["O_WRONLY", "O_TRUNC"], "EISDIR"]],
  },
];

async function attempt(world: World, table: Table, [flags, outcome]: Row): Promise<void> {
  const subject: Subject = SUBJECTS[table.subject];
  const value = flags.reduce((bits, flag) => bits | FLAGS[flag], 0);
  const before = await world.bucket.get("file");
  const opening = world.tree.open("file", value);
  if (outcome === "reads") {
    const content = await withFile(opening, (file) => readOn(file));
    expect(content.toString()).toBe(subject.content);
  } else if (outcome === "writes") {
    await withFile(opening, (file) => file.write(Buffer.from("new"), 0));
    expect((await world.bucket.get("file"))?.toString()).toBe("new");
  } else {
    expect(await outcomeOf(opening)).toBe(outcome);
    const stored = async () => (await world.bucket.get("file"))?.toString();
    // An empty file is stored behind its close.
    if (table.subject === "closedEmpty") await expect.poll(stored).toBe("");
    else expect(await stored()).toBe(before?.toString());
  }
}

function sentenceOf({ subject, when }: Table, [flags, outcome]: Row): string {
  const said = outcome.startsWith("E") ? `is ${outcome}` : outcome;
  return `opening ${SUBJECTS[subject].what} with ${flags.join("|")} ${said} ${when}`;
}

export const openingScenarios: readonly Scenario[] = TABLES.flatMap((table) =>
  table.rows.map(
    (row): Scenario => ({
      name: sentenceOf(table, row),
      flags: table.mount,
      ...(table.needs === undefined ? {} : { needs: table.needs }),
      async run(world) {
        const held = await SUBJECTS[table.subject].prepare(world);
        try {
          await attempt(world, table, row);
        } finally {
          await held?.close();
        }
      },
    }),
  ),
);
