/** Scenarios: renaming is refused before anything is sent, and `mv` copes where deletes are allowed. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { expectBytes, pattern, sorted } from "../rigs/bytes.ts";
import { run, succeed } from "../rigs/child.ts";
import type { Capability, World } from "../rigs/rig.ts";
import { RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT } from "../rigs/system-call.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { createWhole, readWhole } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

/** What a kernel or a shim sends for the names alone. */
const HARMLESS = ["HeadObject", "ListObjectsV2"];

const MOUNTS = [
  { when: "by default", flags: {}, refusal: "ENOSYS" },
  { when: "with --allow-delete", flags: { allowDelete: true }, refusal: "EXDEV" },
  {
    when: "with --allow-delete and --allow-overwrite",
    flags: { allowDelete: true, allowOverwrite: true },
    refusal: "EXDEV",
  },
] as const;

/** What there is to be renamed, and what stays as it was. */
const THERE = {
  file: "content",
  other: "other",
  "there/inner": "inner",
  "full/below": "below",
} as const;

interface Rename {
  readonly what: string;
  readonly from: string;
  readonly to: string;
  readonly flags?: number;
  /** "refused" is the mount's own errno; the kernel makes EINVAL of ENOSYS where there are flags. */
  readonly outcome: "refused" | "refused with flags" | "success" | `E${string}`;
}

const RENAMES: readonly Rename[] = [
  { what: "a file to a new name", from: "file", to: "renamed", outcome: "refused" },
  { what: "a file to a name that exists", from: "file", to: "other", outcome: "refused" },
  { what: "a file into a directory", from: "file", to: "there/file", outcome: "refused" },
  { what: "a file out of a directory", from: "there/inner", to: "inner", outcome: "refused" },
  { what: "a directory to a new name", from: "there", to: "renamed", outcome: "refused" },
  { what: "a directory into another", from: "there", to: "full/there", outcome: "refused" },
  { what: "a file to its own name", from: "file", to: "file", outcome: "success" },
  { what: "a directory to its own name", from: "there", to: "there", outcome: "success" },
  { what: "what is not there", from: "missing", to: "renamed", outcome: "ENOENT" },
  { what: "a file into what is not there", from: "file", to: "missing/file", outcome: "ENOENT" },
  { what: "a file below a file", from: "file", to: "other/file", outcome: "ENOTDIR" },
  { what: "a file to a directory's name", from: "file", to: "there", outcome: "EISDIR" },
  { what: "a directory to a file's name", from: "there", to: "file", outcome: "ENOTDIR" },
  { what: "a directory below itself", from: "there", to: "there/below", outcome: "EINVAL" },
  {
    what: "a file to the directory that it is in",
    from: "there/inner",
    to: "there",
    outcome: "ENOTEMPTY",
  },
  {
    what: "a file to a name that is too long",
    from: "file",
    to: "n".repeat(256),
    outcome: "ENAMETOOLONG",
  },
  {
    what: "a file, not replacing, to a new name",
    from: "file",
    to: "renamed",
    flags: RENAME_NOREPLACE,
    outcome: "refused with flags",
  },
  {
    what: "a file, not replacing, to a name that exists",
    from: "file",
    to: "other",
    flags: RENAME_NOREPLACE,
    outcome: "EEXIST",
  },
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

async function expectUnchanged({ bucket }: World): Promise<void> {
  expect(sorted(await bucket.keys())).toEqual(sorted(Object.keys(THERE)));
  for (const [key, text] of Object.entries(THERE)) {
    expect((await bucket.get(key))?.toString()).toBe(text);
  }
}

function outcomeWhere({ outcome }: Rename, refusal: "ENOSYS" | "EXDEV"): string {
  if (outcome === "refused") return refusal;
  if (outcome !== "refused with flags") return outcome;
  return refusal === "ENOSYS" ? "EINVAL" : refusal;
}

function needsOf({ flags, outcome }: Rename, errno: string): readonly Capability[] {
  return [
    ...(outcome.startsWith("refused") ? (["refused-renames"] as const) : []),
    ...(flags !== undefined && errno === "EXDEV" ? (["rename-flags"] as const) : []),
  ];
}

const renames = MOUNTS.flatMap(({ when, flags, refusal }) =>
  RENAMES.map((rename): Scenario => {
    const outcome = outcomeWhere(rename, refusal);
    const said = outcome === "success" ? "does nothing" : `is ${outcome}`;
    return {
      name: `renaming ${rename.what} ${said} ${when}`,
      flags,
      needs: needsOf(rename, outcome),
      async run(world) {
        for (const [key, text] of Object.entries(THERE)) await world.bucket.put(key, text);
        const renaming = world.tree.rename(rename.from, rename.to, rename.flags);
        if (outcome === "success") await renaming;
        else await expectErrno(outcome, renaming);
        await expectUnchanged(world);
      },
    };
  }),
);

const costs = MOUNTS.map(
  ({ when, flags, refusal }): Scenario => ({
    name: `${when}, a refused rename sends nothing but the search for the names`,
    flags,
    needs: ["request-log", "refused-renames"],
    async run({ tree, bucket, requests }) {
      await bucket.put("file", "content");
      await tree.stat("file");
      const before = (await requests()).length;
      await expectErrno(refusal, tree.rename("file", "renamed"));
      const sent = (await requests()).slice(before).map(({ operation }) => operation);
      expect(sent.filter((operation) => !HARMLESS.includes(operation))).toEqual([]);
    },
  }),
);

export const renamingScenarios: readonly Scenario[] = [
  ...renames,
  ...costs,
  {
    name: "a file that is being written is not renamed, and is stored under its name",
    needs: ["refused-renames"],
    async run({ tree, bucket }) {
      await withFile(tree.open("file", O_NEW), async (file) => {
        await file.write(Buffer.from("content"), 0);
        await expectErrno("ENOSYS", tree.rename("file", "renamed"));
      });
      expect(await bucket.keys()).toEqual(["file"]);
    },
  },
  {
    name: "a file that is being read is not renamed, and is read on",
    needs: ["refused-renames"],
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await withFile(tree.open("file", constants.O_RDONLY), async (file) => {
        await expectErrno("ENOSYS", tree.rename("file", "renamed"));
        expect((await file.read(0, 7)).toString()).toBe("content");
      });
    },
  },
  {
    name: "a directory that was made here is not renamed",
    needs: ["refused-renames"],
    async run({ tree }) {
      await tree.mkdir("made");
      await expectErrno("ENOSYS", tree.rename("made", "renamed"));
      expect((await tree.stat("made")).kind).toBe("directory");
    },
  },
  {
    name: "renaming on a read-only mount is EROFS",
    flags: { readOnly: true, allowDelete: true, allowOverwrite: true },
    needs: ["kernel"],
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await expectErrno("EROFS", tree.rename("file", "renamed"));
      expect(await bucket.keys()).toEqual(["file"]);
    },
  },
  {
    name: "the log says how to rename: with --allow-delete, by mv",
    needs: ["refused-renames"],
    alone: true,
    async run({ tree, bucket, log }) {
      await bucket.put("file", "content");
      await expectErrno("ENOSYS", tree.rename("file", "renamed"));
      await expect
        .poll(() =>
          log()
            .split("\n")
            .filter((line) => line.includes(`${bucket.prefix}file`)),
        )
        .toContainEqual(expect.stringMatching(/ENOSYS.*--allow-delete.*mv/));
    },
  },
  {
    name: "with --allow-delete, mv copies and deletes",
    flags: { allowDelete: true },
    needs: ["kernel", "refused-renames"],
    async run({ bucket, path }) {
      await bucket.put("file", "content");
      await bucket.put("from/a/deep", "deep");
      await bucket.put("from/flat", "flat");
      await succeed("mv", [path("file"), path("renamed")]);
      await succeed("mv", [path("from"), path("to")]);
      expect(sorted(await bucket.keys())).toEqual(["renamed", "to/a/deep", "to/flat"]);
      expect((await bucket.get("renamed"))?.toString()).toBe("content");
      expect((await bucket.get("to/a/deep"))?.toString()).toBe("deep");
    },
  },
  {
    name: "with --allow-delete, mv replaces a file where overwriting is allowed",
    flags: { allowDelete: true, allowOverwrite: true },
    needs: ["kernel"],
    async run({ tree, bucket, path }) {
      await bucket.put("from", "new");
      await bucket.put("to", "old");
      await succeed("mv", [path("from"), path("to")]);
      expect(await bucket.keys()).toEqual(["to"]);
      expect((await readWhole(tree, "to")).toString()).toBe("new");
    },
  },
  {
    name: "with --allow-delete, mv of a large file keeps every byte",
    flags: { allowDelete: true },
    needs: ["kernel"],
    async run({ tree, bucket, path }) {
      const data = pattern(501, 20 * MIB + 3);
      await createWhole(tree, "from", data);
      await succeed("mv", [path("from"), path("to")]);
      expect(await bucket.keys()).toEqual(["to"]);
      expectBytes(await bucket.get("to"), data);
    },
  },
  {
    name: "by default, mv fails and leaves both names as they were",
    needs: ["kernel", "refused-renames"],
    async run({ bucket, path }) {
      await bucket.put("from", "content");
      const { code } = await run("mv", [path("from"), path("to")]);
      expect(code).not.toBe(0);
      expect(await bucket.keys()).toEqual(["from"]);
      expect((await bucket.get("from"))?.toString()).toBe("content");
    },
  },
];
