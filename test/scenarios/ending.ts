/** Scenarios: SIGTERM to a mount that is writing, and umount. What can be stored is, the log says which, in time. */

import { constants } from "node:fs";
import { dirname } from "node:path";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { expectBytes, pattern, sorted } from "../rigs/bytes.ts";
import { run, succeed } from "../rigs/child.ts";
import type { World } from "../rigs/rig.ts";
import { type Scenario, withFile } from "./scenario.ts";
import { createWhole, writeOn } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const LARGE = pattern(1101, 20 * MIB + 5);

export const endingScenarios: readonly Scenario[] = [
  {
    name: "SIGTERM during a write stores what was written, and a warning names the file",
    alone: true,
    needs: ["kernel"],
    async run({ tree, bucket, end, log }) {
      const file = await tree.open("file", O_NEW);
      await file.write(Buffer.from("content"), 0);
      await end();
      await file.close().catch(() => {});
      expect((await bucket.get("file"))?.toString()).toBe("content");
      expect(log()).toContain(`stored "${bucket.prefix}file" before unmounting`);
      expect(log()).toMatch(
        new RegExp(`WARN .*"${bucket.prefix}file" was open for writing when the mount ended`),
      );
    },
  },
  {
    name: "SIGTERM during a large write waits for the whole upload",
    alone: true,
    needs: ["kernel"],
    async run({ tree, bucket, end }) {
      const file = await tree.open("large", O_NEW);
      await writeOn(file, LARGE);
      await end();
      await file.close().catch(() => {});
      expectBytes(await bucket.get("large"), LARGE);
      expect(await bucket.uploads()).toEqual([]);
    },
  },
  {
    name: "SIGTERM waits for several files at one time, and the log names each",
    alone: true,
    needs: ["kernel"],
    async run({ tree, bucket, end, log }) {
      const names = ["one", "two", "three"];
      const files = await Promise.all(names.map((name) => tree.open(name, O_NEW)));
      await Promise.all(files.map((file) => file.write(Buffer.from("content"), 0)));
      await end();
      for (const file of files) await file.close().catch(() => {});
      expect(await bucket.keys()).toEqual(sorted(names));
      for (const name of names) expect(log()).toContain(`stored "${bucket.prefix}${name}"`);
    },
  },
  {
    name: "SIGTERM waits no longer than --upload-timeout, and the log names what is lost",
    alone: true,
    flags: { uploadTimeoutSeconds: 1 },
    needs: ["kernel", "faults"],
    async run({ tree, bucket, end, fail, log }) {
      await fail({ kind: "hang", operation: "PutObject", key: "file" });
      const file = await tree.open("file", O_NEW);
      await file.write(Buffer.from("content"), 0);
      await end(1);
      await file.close().catch(() => {});
      expect(await bucket.keys()).toEqual([]);
      expect(log()).toMatch(/file" was not known to be stored when the mount ended/);
      expect(log()).toContain("--upload-timeout");
    },
  },
  {
    name: "SIGTERM behind a close finds nothing to wait for",
    alone: true,
    needs: ["kernel"],
    async run({ tree, bucket, end, log }) {
      await createWhole(tree, "file", Buffer.from("content"));
      await end();
      expect((await bucket.get("file"))?.toString()).toBe("content");
      expect(log()).not.toContain("before unmounting");
      expect(log()).not.toContain("was open for writing");
    },
  },
  {
    name: "SIGTERM while a file is read ends the mount, and the reader gets an error",
    alone: true,
    needs: ["kernel"],
    async run({ tree, bucket, end }) {
      await bucket.put("large", LARGE);
      const file = await tree.open("large", constants.O_RDONLY);
      await file.read(0, 4096);
      await end();
      await expect(file.read(19 * MIB, 4096)).rejects.toThrow();
      await file.close().catch(() => {});
    },
  },
  {
    name: "umount during a write is refused as busy, and the write goes on",
    alone: true,
    needs: ["kernel", "caller"],
    async run({ tree, bucket, path }) {
      await withFile(tree.open("file", O_NEW), async (file) => {
        await file.write(Buffer.from("one "), 0);
        const { code, stderr } = await run("umount", [mountPointOf(path)]);
        expect(code).not.toBe(0);
        expect(stderr).toContain("busy");
        await file.write(Buffer.from("two"), 4);
      });
      expect((await bucket.get("file"))?.toString()).toBe("one two");
    },
  },
  {
    name: "umount -l during a write lets it go on to its close, and the mount ends behind it",
    alone: true,
    needs: ["kernel", "caller"],
    async run({ tree, bucket, path, ended }) {
      const file = await tree.open("large", O_NEW);
      await file.write(LARGE.subarray(0, MIB), 0);
      await succeed("umount", ["-l", mountPointOf(path)]);
      await writeOn(file, LARGE.subarray(MIB), { offset: MIB });
      await file.close();
      await ended();
      expectBytes(await bucket.get("large"), LARGE);
    },
  },
  {
    name: "umount behind the close of an empty file waits until it is stored, and the log names it",
    alone: true,
    needs: ["kernel", "faults"],
    async run({ tree, bucket, path, fail, ended, log }) {
      await fail({ kind: "slow", ms: 6000, operation: "PutObject", key: "file" });
      await createWhole(tree, "file", Buffer.alloc(0));
      await succeed("umount", [mountPointOf(path)]);
      await ended();
      expect(await bucket.sizeOf("file")).toBe(0);
      expect(log()).toContain(`stored "${bucket.prefix}file" before unmounting`);
      expect(log()).not.toContain("was open for writing");
    },
  },
  {
    name: "umount waits no longer than --upload-timeout, and the log names what is lost",
    alone: true,
    flags: { uploadTimeoutSeconds: 1 },
    needs: ["kernel", "faults"],
    async run({ tree, bucket, path, fail, ended, log }) {
      await fail({ kind: "hang", operation: "PutObject", key: "file" });
      await createWhole(tree, "file", Buffer.alloc(0));
      await succeed("umount", [mountPointOf(path)]);
      await ended(1);
      expect(await bucket.keys()).toEqual([]);
      expect(log()).toMatch(/file" was not known to be stored when the mount ended/);
    },
  },
];

/** A scenario's directory is one of the mount's root. */
function mountPointOf(path: World["path"]): string {
  return dirname(path("."));
}
