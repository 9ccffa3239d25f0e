/** Scenarios of `--metadata-ttl`: what the mount believes for that long, and what ends it earlier. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { pattern } from "../rigs/bytes.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { createWhole, namesIn, readWhole } from "./whole-file.ts";

const { O_DIRECT, O_RDONLY } = constants;
const flags = { metadataTtl: 300, allowDelete: true, allowOverwrite: true } as const;

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
];
