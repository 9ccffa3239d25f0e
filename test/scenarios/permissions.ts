/**
 * Scenarios: the kernel lets in whom the mount's owner and modes let in. The other user is "nobody",
 * as whom a program is run; the mount allows other users.
 */

import { readFile } from "node:fs/promises";
import { expect } from "vitest";
import { run, succeed } from "../rigs/child.ts";
import type { MountFlags } from "../rigs/rig.ts";
import type { Scenario } from "./scenario.ts";

const NOBODY = { uid: 65_534, gid: 65_534, cwd: "/" };
const needs = ["kernel", "root"] as const;

const PRIVATE: MountFlags = { uid: 1234, gid: 2345, dirMode: 0o700, fileMode: 0o600 };
const THEIRS: MountFlags = { uid: NOBODY.uid, gid: NOBODY.gid, dirMode: 0o700, fileMode: 0o400 };
const PROGRAMS: MountFlags = { fileMode: 0o755, dirMode: 0o777 };

/** Runs a program as nobody, and fails unless the kernel refuses it. */
async function expectDenied(program: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(program, args, NOBODY);
  expect(stderr).toContain("Permission denied");
  expect(code).not.toBe(0);
}

export const permissionsScenarios: readonly Scenario[] = [
  {
    name: "a directory whose mode is its owner's is not listed by others",
    flags: PRIVATE,
    needs,
    async run({ bucket, path }) {
      await bucket.put("there/file", "secret");
      await expectDenied("ls", [path("there")]);
    },
  },
  {
    name: "a file in a directory that is its owner's is not found by others",
    flags: PRIVATE,
    needs,
    async run({ bucket, path }) {
      await bucket.put("there/file", "secret");
      await expectDenied("stat", [path("there/file")]);
    },
  },
  {
    name: "a file in a directory that is its owner's is not read by others",
    flags: PRIVATE,
    needs,
    async run({ bucket, path }) {
      await bucket.put("file", "secret");
      await expectDenied("cat", [path("file")]);
    },
  },
  {
    name: "nothing is made by others in a directory that is its owner's",
    flags: PRIVATE,
    needs,
    async run({ bucket, path }) {
      await expectDenied("touch", [path("new")]);
      await expectDenied("mkdir", [path("new")]);
      expect(await bucket.keys()).toEqual([]);
    },
  },
  {
    name: "the user that the mount names as owner lists, reads and makes files",
    flags: THEIRS,
    needs,
    async run({ bucket, path }) {
      await bucket.put("there/file", "content");
      expect(await succeed("ls", [path("there")], NOBODY)).toBe("file\n");
      expect(await succeed("cat", [path("there/file")], NOBODY)).toBe("content");
      await succeed("cp", [path("there/file"), path("there/copy")], NOBODY);
      expect((await bucket.get("there/copy"))?.toString()).toBe("content");
    },
  },
  {
    name: "with the default modes others read, and only the owner writes",
    needs,
    async run({ bucket, path }) {
      await bucket.put("file", "content");
      expect(await succeed("cat", [path("file")], NOBODY)).toBe("content");
      await expectDenied("touch", [path("new")]);
      await expectDenied("sh", ["-c", 'echo x > "$1"', "sh", path("file")]);
      expect(await bucket.keys()).toEqual(["file"]);
    },
  },
  {
    name: "others can neither delete nor rename in a directory that they cannot write",
    flags: { allowDelete: true },
    needs,
    async run({ bucket, path }) {
      await bucket.put("file", "content");
      await expectDenied("rm", ["-f", path("file")]);
      await expectDenied("mv", [path("file"), path("renamed")]);
      expect(await bucket.keys()).toEqual(["file"]);
    },
  },
  {
    name: "a script in the bucket is run where --file-mode lets it be",
    flags: PROGRAMS,
    needs: ["kernel"],
    async run({ bucket, path }) {
      await bucket.put("script", "#!/bin/sh\necho it runs: $1\n");
      expect(await succeed(path("script"), ["indeed"])).toBe("it runs: indeed\n");
    },
  },
  {
    name: "a program in the bucket is run, and when it was replaced the new one",
    flags: PROGRAMS,
    needs,
    async run({ bucket, path }) {
      await bucket.put("program", await readFile("/bin/echo"));
      expect(await succeed(path("program"), ["it", "runs"])).toBe("it runs\n");
      await bucket.put("program", await readFile("/bin/false"));
      await expect.poll(async () => (await run(path("program"), [])).code).toBe(1);
    },
  },
  {
    name: "a script in the bucket is not run with the default modes",
    needs,
    async run({ bucket, path }) {
      await bucket.put("script", "#!/bin/sh\necho it runs\n");
      await expectDenied("sh", ["-c", '"$1"', "sh", path("script")]);
    },
  },
  {
    name: "others make files where --dir-mode lets them, and the files are the mount's owner's",
    flags: PROGRAMS,
    needs,
    async run({ tree, bucket, path }) {
      await succeed("sh", ["-c", 'echo x > "$1"', "sh", path("new")], NOBODY);
      expect((await bucket.get("new"))?.toString()).toBe("x\n");
      expect((await tree.stat("new")).uid).toBe(process.getuid?.());
    },
  },
];
