/** Scenarios of `--metadata-ttl`: what the mount believes for that long, and what ends it earlier. */

import { constants } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { pattern } from "../rigs/bytes.ts";
import { expectErrno, outcomeOf, type Scenario, withFile } from "./scenario.ts";
import { createWhole, namesIn, readOn, readWhole } from "./whole-file.ts";

const { O_DIRECT, O_RDONLY, O_TRUNC, O_WRONLY } = constants;
const flags = { metadataTtl: 300, allowDelete: true, allowOverwrite: true } as const;
/** Longer than anything is believed without a TTL. */
const EXPIRED_MS = 1200;
/** Longer than what was looked up may serve an open without a TTL. */
const OPENABLE_MS = 120;

export const cachingScenarios: readonly Scenario[] = [
  {
    name: "a name that was missing stays missing for the TTL, though another client stores it",
    flags,
    async run({ tree, bucket }) {
      await expectErrno("ENOENT", tree.stat("file"));
      await bucket.put("file", "content");
      await expectErrno("ENOENT", tree.stat("file"));
      await expectErrno("ENOENT", tree.open("file", O_RDONLY));
    },
  },
  {
    name: "a name that was missing is there as soon as a listing has shown it",
    flags,
    async run({ tree, bucket }) {
      await expectErrno("ENOENT", tree.stat("file"));
      await bucket.put("file", "content");
      expect(await namesIn(tree)).toEqual(["file"]);
      expect((await readWhole(tree, "file")).toString()).toBe("content");
    },
  },
  {
    name: "a name that was missing is there as soon as it was made here",
    flags,
    async run({ tree }) {
      await expectErrno("ENOENT", tree.stat("file"));
      await createWhole(tree, "file", Buffer.from("content"));
      expect((await readWhole(tree, "file")).toString()).toBe("content");
      await expectErrno("ENOENT", tree.stat("directory"));
      await tree.mkdir("directory");
      expect((await tree.stat("directory")).kind).toBe("directory");
    },
  },
  {
    name: "a name that was deleted here is missing at once, and can be made again",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "old");
      expect((await readWhole(tree, "file")).toString()).toBe("old");
      await tree.unlink("file");
      await expectErrno("ENOENT", tree.stat("file"));
      await createWhole(tree, "file", Buffer.from("new"));
      expect((await readWhole(tree, "file")).toString()).toBe("new");
    },
  },
  {
    name: "a size is believed for the TTL, though another client replaces the object",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "short");
      await withFile(tree.open("file", O_RDONLY), async () => {
        expect((await tree.stat("file")).sizeBytes).toBe(5);
        await bucket.put("file", "much longer");
        expect((await tree.stat("file")).sizeBytes).toBe(5);
      });
    },
  },
  {
    name: "a replaced object that is believed to be the old one is ESTALE, never other bytes",
    flags,
    async run({ tree, bucket }) {
      const old = pattern(1201, 32 * MIB);
      await bucket.put("file", old);
      await withFile(tree.open("file", O_RDONLY), async (held) => {
        await held.read(0, 4096);
        await bucket.put("file", pattern(1202, 32 * MIB));
        await withFile(tree.open("file", O_RDONLY), async (file) => {
          await expectErrno("ESTALE", file.read(30 * MIB, 4096));
        });
      });
    },
  },
  {
    name: "O_DIRECT asks S3 whatever is believed, and reads the new bytes",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "short");
      expect((await tree.stat("file")).sizeBytes).toBe(5);
      await bucket.put("file", "much longer");
      await withFile(tree.open("file", O_RDONLY | O_DIRECT), async (file) => {
        expect((await file.read(0, 100)).toString()).toBe("much longer");
      });
    },
  },
  {
    name: "a listing is never served from what is believed",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("one", "");
      expect(await namesIn(tree)).toEqual(["one"]);
      await bucket.put("two", "");
      await bucket.delete("one");
      expect(await namesIn(tree)).toEqual(["two"]);
    },
  },
  {
    name: "without a TTL, what was replaced and removed elsewhere shows in a walk behind an old listing",
    async run({ tree, bucket }) {
      const paths = Array.from({ length: 20 }, (_, i) => `many/f${100 + i}`);
      await Promise.all(paths.map((path) => bucket.put(path, "content")));
      await namesIn(tree, "many");
      const [first = "", second = "", third = ""] = paths;
      await bucket.put(first, "other content");
      await bucket.delete(second);
      await bucket.delete(third);
      await bucket.put(`${third}/inside`, "content");
      await setTimeout(EXPIRED_MS);
      const found: string[] = [];
      for (const path of paths.slice(0, 4)) {
        const status = await tree.stat(path).catch(() => undefined);
        found.push(status === undefined ? "nothing" : `${status.kind} ${status.sizeBytes}`);
      }
      expect(found).toEqual(["file 13", "nothing", "directory 0", "file 7"]);
    },
  },
  {
    name: "without a TTL, a missing name is asked for every time, and is there as soon as somebody makes it",
    async run({ tree, bucket }) {
      for (const name of ["one", "two", "three"]) {
        await expectErrno("ENOENT", tree.stat(name));
        await bucket.put(name, "content");
        expect((await tree.stat(name)).sizeBytes).toBe(7);
      }
    },
  },
  {
    name: "without a TTL, an open behind a close elsewhere reads what was closed, however often",
    needs: ["kernel"],
    async run({ tree, bucket }) {
      for (let version = 0; version < 10; version++) {
        await bucket.put("file", `version ${version}`);
        await setTimeout(OPENABLE_MS);
        expect((await readWhole(tree, "file")).toString()).toBe(`version ${version}`);
      }
    },
  },
  {
    name: "O_DIRECT reads past the pages of the old version, and what is believed follows",
    flags,
    needs: ["kernel", "page-cache"],
    async run({ tree, bucket }) {
      await bucket.put("file", Buffer.alloc(8192, "a"));
      expect((await readWhole(tree, "file")).toString()).toBe("a".repeat(8192));
      await bucket.put("file", Buffer.alloc(8192, "b"));
      // Pages of the version that is believed to be there are in memory.
      expect((await readWhole(tree, "file")).toString()).toBe("a".repeat(8192));
      await withFile(tree.open("file", O_RDONLY | O_DIRECT), async (file) => {
        expect((await readOn(file, 4096)).toString()).toBe("b".repeat(8192));
      });
      expect((await readWhole(tree, "file")).toString()).toBe("b".repeat(8192));
    },
  },
  {
    name: "a file that was replaced elsewhere is ESTALE once, and then the new one",
    flags,
    needs: ["kernel"],
    async run({ tree, bucket }) {
      await bucket.put("file", "old content");
      await tree.stat("file");
      await bucket.put("file", "new");
      await expectErrno("ESTALE", readWhole(tree, "file"));
      await expect.poll(async () => (await readWhole(tree, "file")).toString()).toBe("new");
      await expect.poll(async () => (await tree.stat("file")).sizeBytes).toBe(3);
    },
  },
  {
    name: "a negative TTL of one second ends after one second",
    flags: { metadataTtl: "indefinite", negativeMetadataTtl: 1 },
    async run({ tree, bucket }) {
      await expectErrno("ENOENT", tree.stat("file"));
      await bucket.put("file", "content");
      await expect.poll(() => outcomeOf(tree.stat("file"))).toBe("success");
    },
  },
  {
    name: "with a minimal negative TTL, a file is there as soon as somebody makes it",
    flags: { ...flags, negativeMetadataTtl: "minimal" },
    async run({ tree, bucket }) {
      await expectErrno("ENOENT", tree.stat("file"));
      await bucket.put("file", "content");
      expect((await tree.stat("file")).sizeBytes).toBe(7);
    },
  },
  {
    name: "with an indefinite TTL, what happens in the mount is seen in it at once",
    flags: { metadataTtl: "indefinite", allowDelete: true, allowOverwrite: true },
    async run({ tree, bucket }) {
      await bucket.put("there", "content");
      expect(await namesIn(tree)).toEqual(["there"]);
      await expectErrno("ENOENT", tree.stat("made"));
      await createWhole(tree, "made", Buffer.from("12345"));
      expect((await tree.stat("made")).sizeBytes).toBe(5);
      await withFile(tree.open("there", O_WRONLY | O_TRUNC), (file) =>
        file.write(Buffer.from("123"), 0),
      );
      expect((await tree.stat("there")).sizeBytes).toBe(3);
      expect((await readWhole(tree, "there")).toString()).toBe("123");
      await tree.unlink("made");
      await expectErrno("ENOENT", tree.stat("made"));
      expect(await namesIn(tree)).toEqual(["there"]);
    },
  },
];
