/** Scenarios: renaming is refused before anything is sent, and `mv` copes where deletes are allowed. */

import { expect } from "vitest";
import { sorted } from "../rigs/bytes.ts";
import { succeed } from "../rigs/child.ts";
import {
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RENAME_WHITEOUT,
  renameat2,
} from "../rigs/system-call.ts";
import { expectErrno, type Scenario } from "./scenario.ts";

/** What a kernel or a shim sends for the names alone. */
const HARMLESS = ["HeadObject", "ListObjectsV2"];

function refusal(label: string, code: string, flags: Scenario["flags"]): readonly Scenario[] {
  const common = flags === undefined ? {} : { flags };
  return [
    {
      ...common,
      name: `${label}, a file is not renamed: ${code}`,
      async run({ tree, bucket }) {
        await bucket.put("file", "content");
        await bucket.put("there/other", "other");
        await expectErrno(code, tree.rename("file", "renamed"));
        await expectErrno(code, tree.rename("file", "there/renamed"));
        await expectErrno(code, tree.rename("file", "there/other"));
        expect(sorted(await bucket.keys())).toEqual(["file", "there/other"]);
        expect((await bucket.get("file"))?.toString()).toBe("content");
        expect((await bucket.get("there/other"))?.toString()).toBe("other");
      },
    },
    {
      ...common,
      name: `${label}, a directory is not renamed: ${code}`,
      async run({ tree, bucket }) {
        await bucket.put("there/file", "content");
        await expectErrno(code, tree.rename("there", "renamed"));
        expect(await bucket.keys()).toEqual(["there/file"]);
      },
    },
    {
      ...common,
      name: `${label}, a refused rename sends nothing but the search for the names`,
      needs: ["request-log"],
      async run({ tree, bucket, requests }) {
        await bucket.put("file", "content");
        await tree.stat("file");
        const before = (await requests()).length;
        await expectErrno(code, tree.rename("file", "renamed"));
        const sent = (await requests()).slice(before).map(({ operation }) => operation);
        expect(sent.filter((operation) => !HARMLESS.includes(operation))).toEqual([]);
      },
    },
  ];
}

export const renamingScenarios: readonly Scenario[] = [
  ...refusal("by default", "ENOSYS", undefined),
  ...refusal("with --allow-delete", "EXDEV", { allowDelete: true }),
  {
    name: "exchanging names and whiteouts are EINVAL",
    needs: ["kernel"],
    async run({ bucket, path }) {
      await bucket.put("one", "1");
      await bucket.put("two", "2");
      await expectErrno("EINVAL", renameat2(path("one"), path("two"), RENAME_EXCHANGE));
      await expectErrno("EINVAL", renameat2(path("one"), path("new"), RENAME_WHITEOUT));
      expect((await bucket.get("one"))?.toString()).toBe("1");
    },
  },
  {
    name: "with --allow-delete, renaming without replacing is refused as renaming is",
    flags: { allowDelete: true },
    needs: ["kernel"],
    async run({ bucket, path }) {
      await bucket.put("one", "1");
      await expectErrno("EXDEV", renameat2(path("one"), path("new"), RENAME_NOREPLACE));
      expect(await bucket.keys()).toEqual(["one"]);
    },
  },
  {
    name: "with --allow-delete, mv copies and deletes",
    flags: { allowDelete: true },
    needs: ["kernel"],
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
];
