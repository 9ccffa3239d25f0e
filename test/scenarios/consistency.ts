/** Scenarios: what is seen of a change that another client makes, and when. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { pattern } from "../rigs/bytes.ts";
import type { OpenFile, Tree } from "../rigs/rig.ts";
import { expectErrno, outcomeOf, type Scenario, withFile } from "./scenario.ts";
import { createWhole, namesIn, readWhole } from "./whole-file.ts";

const { O_DIRECT, O_RDONLY } = constants;
const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

const OLD = pattern(801, 24 * MIB);
/** Long enough to be read far behind its beginning. */
const NEW = pattern(802, 6 * MIB);

/** How a file is read on while its object is replaced. */
const READS: readonly (readonly [what: string, stepBytes: number, flags: number])[] = [
  ["by 4 KiB", 4096, O_RDONLY],
  ["by 128 KiB", 128 * 1024, O_RDONLY],
  ["by 1 MiB", MIB, O_RDONLY],
  ["by 5 MiB", 5 * MIB, O_RDONLY],
  ["by 4 KiB past the page cache", 4096, O_RDONLY | O_DIRECT],
  ["by 1 MiB past the page cache", MIB, O_RDONLY | O_DIRECT],
  ["by 5 MiB past the page cache", 5 * MIB, O_RDONLY | O_DIRECT],
];

/**
 * Reads to the end or to the first failure, which is returned; every byte must be an old one. Where the
 * kernel asks for what is read in two pieces and the second one fails, it gives the first.
 */
async function readOldOn(file: OpenFile, from: number, stepBytes: number): Promise<string> {
  for (let offset = from; offset < OLD.length; ) {
    let bytes: Buffer = Buffer.alloc(0);
    const reading = file.read(offset, stepBytes).then((read) => {
      bytes = read;
    });
    const outcome = await outcomeOf(reading);
    if (outcome !== "success") return outcome;
    expect(bytes.length, `at ${offset}`).toBeGreaterThan(0);
    const end = offset + bytes.length;
    expect(bytes.equals(OLD.subarray(offset, end)), `at ${offset}`).toBe(true);
    offset = end;
  }
  return "success";
}

async function textOf(tree: Tree, path = "file"): Promise<string> {
  return (await readWhole(tree, path)).toString();
}

/** The kind of what is there, or the errno. */
async function kindOf(tree: Tree, path = "name"): Promise<string> {
  let kind = "";
  const outcome = await outcomeOf(
    tree.stat(path).then((status) => {
      kind = status.kind;
    }),
  );
  return outcome === "success" ? kind : outcome;
}

const replaced = READS.map(
  ([what, stepBytes, flags]): Scenario => ({
    name: `a file that is read on ${what} while it is replaced gives old bytes or ESTALE`,
    async run({ tree, bucket }) {
      await bucket.put("file", OLD);
      await withFile(tree.open("file", flags), async (file) => {
        expect((await file.read(0, 4096)).equals(OLD.subarray(0, 4096))).toBe(true);
        await bucket.put("file", NEW);
        const start = Math.min(stepBytes, MIB);
        expect(["success", "ESTALE"]).toContain(await readOldOn(file, start, stepBytes));
      });
      await withFile(tree.open("file", flags), async (file) => {
        expect((await file.read(0, 4096)).equals(NEW.subarray(0, 4096))).toBe(true);
        expect((await file.read(5 * MIB, 4096)).equals(NEW.subarray(5 * MIB, 5 * MIB + 4096))).toBe(
          true,
        );
      });
    },
  }),
);

export const consistencyScenarios: readonly Scenario[] = [
  ...replaced,
  {
    name: "an open behind a replacement sees the new bytes, also of the same size",
    async run({ tree, bucket }) {
      for (const text of ["first", "other", "third"]) {
        await bucket.put("file", text);
        expect(await textOf(tree)).toBe(text);
      }
    },
  },
  {
    name: "an old and a new handle of a replaced file each see one version",
    async run({ tree, bucket }) {
      await bucket.put("file", "old text");
      await withFile(tree.open("file", O_RDONLY | O_DIRECT), async (old) => {
        expect((await old.read(0, 3)).toString()).toBe("old");
        await bucket.put("file", "new text");
        await withFile(tree.open("file", O_RDONLY | O_DIRECT), async (fresh) => {
          expect((await fresh.read(0, 8)).toString()).toBe("new text");
          let text = "old text";
          const outcome = await outcomeOf(
            old.read(0, 8).then((bytes) => {
              text = bytes.toString();
            }),
          );
          expect(["success", "ESTALE"]).toContain(outcome);
          expect(text).toBe("old text");
        });
      });
    },
  },
  {
    name: "an object that is stored again with the same content goes on being read",
    async run({ tree, bucket }) {
      await bucket.put("file", OLD);
      await withFile(tree.open("file", O_RDONLY), async (file) => {
        await file.read(0, 4096);
        await bucket.put("file", OLD);
        expect(
          (await file.read(20 * MIB, 4096)).equals(OLD.subarray(20 * MIB, 20 * MIB + 4096)),
        ).toBe(true);
      });
    },
  },
  {
    name: "an open handle keeps telling the size of the version that was opened",
    async run({ tree, bucket }) {
      await bucket.put("file", "short");
      await withFile(tree.open("file", O_RDONLY), async (file) => {
        await bucket.put("file", "much longer than before");
        expect((await file.stat()).sizeBytes).toBe(5);
      });
    },
  },
  {
    name: "a replaced object shows its new size before anybody opens it",
    async run({ tree, bucket }) {
      await bucket.put("file", "short");
      expect((await tree.stat("file")).sizeBytes).toBe(5);
      await bucket.put("file", "longer by far");
      await expect.poll(async () => (await tree.stat("file")).sizeBytes).toBe(13);
    },
  },
  {
    name: "a replaced object is another inode, and the same object is the same",
    async run({ tree, bucket }) {
      await bucket.put("file", "one");
      await bucket.put("steady", "one");
      const before = await tree.stat("file");
      await withFile(tree.open("steady", O_RDONLY), async (file) => {
        const steady = await file.stat();
        await bucket.put("file", "two");
        await expect.poll(async () => (await tree.stat("file")).ino).not.toBe(before.ino);
        expect((await tree.stat("steady")).ino).toBe(steady.ino);
      });
    },
  },
  {
    name: "a file that was made here keeps its inode when it is stored",
    async run({ tree }) {
      const file = await tree.open("file", O_NEW);
      const { ino } = await file.stat();
      await file.write(Buffer.from("content"), 0);
      expect((await tree.stat("file")).ino).toBe(ino);
      await file.sync();
      expect((await tree.stat("file")).ino).toBe(ino);
      await file.close();
    },
  },
  {
    name: "a file that becomes a directory is another inode, of the other kind",
    async run({ tree, bucket }) {
      await bucket.put("name", "a file");
      const before = await tree.stat("name");
      expect(before.kind).toBe("file");
      await bucket.delete("name");
      await bucket.put("name/below", "");
      await expect.poll(() => kindOf(tree)).toBe("directory");
      expect((await tree.stat("name")).ino).not.toBe(before.ino);
      expect(await namesIn(tree, "name")).toEqual(["below"]);
    },
  },
  {
    name: "a directory that becomes a file is another inode, of the other kind",
    async run({ tree, bucket }) {
      await bucket.put("name/below", "");
      const before = await tree.stat("name");
      await bucket.delete("name/below");
      await bucket.put("name", "a file");
      await expect.poll(() => kindOf(tree)).toBe("file");
      expect((await tree.stat("name")).ino).not.toBe(before.ino);
      expect(await textOf(tree, "name")).toBe("a file");
    },
  },
  {
    name: "a file that was not there is found as soon as another client has stored it",
    async run({ tree, bucket }) {
      await expectErrno("ENOENT", tree.stat("file"));
      await bucket.put("file", "content");
      expect(await textOf(tree)).toBe("content");
    },
  },
  {
    name: "a file in a new directory is found as soon as another client has stored it",
    async run({ tree, bucket }) {
      await expectErrno("ENOENT", tree.stat("dir/file"));
      await bucket.put("dir/file", "content");
      expect(await textOf(tree, "dir/file")).toBe("content");
    },
  },
  {
    name: "a file that another client deletes is gone",
    async run({ tree, bucket }) {
      await bucket.put("name", "content");
      expect(await kindOf(tree)).toBe("file");
      await bucket.delete("name");
      await expect.poll(() => kindOf(tree)).toBe("ENOENT");
      await expectErrno("ENOENT", tree.open("name", O_RDONLY));
    },
  },
  {
    name: "a file that another client deletes and makes anew is read as the new one",
    async run({ tree, bucket }) {
      await bucket.put("file", "old");
      expect(await textOf(tree)).toBe("old");
      await bucket.delete("file");
      await bucket.put("file", "new and longer");
      expect(await textOf(tree)).toBe("new and longer");
    },
  },
  {
    name: "a file that was stored here and deleted elsewhere can be made again",
    async run({ tree, bucket }) {
      await createWhole(tree, "name", Buffer.from("first"));
      await bucket.delete("name");
      await expect.poll(() => kindOf(tree)).toBe("ENOENT");
      await createWhole(tree, "name", Buffer.from("second"));
      expect((await bucket.get("name"))?.toString()).toBe("second");
    },
  },
  {
    name: "a file that another client replaces behind our close is read as theirs",
    async run({ tree, bucket }) {
      await createWhole(tree, "file", Buffer.from("ours"));
      expect(await textOf(tree)).toBe("ours");
      await bucket.put("file", "theirs");
      await expect.poll(() => textOf(tree)).toBe("theirs");
    },
  },
  {
    name: "what was closed here is what an open here reads, time and again",
    flags: { allowOverwrite: true },
    async run({ tree }) {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
      for (let round = 0; round < 10; round += 1) {
        await withFile(tree.open("file", flags), (file) =>
          file.write(Buffer.from(`round ${round}`), 0),
        );
        expect(await textOf(tree)).toBe(`round ${round}`);
      }
    },
  },
  {
    name: "reading past the page cache asks S3 each time it opens",
    needs: ["request-log"],
    async run({ tree, bucket, requests }) {
      await bucket.put("file", "content");
      const open = async (): Promise<void> =>
        withFile(tree.open("file", O_RDONLY | O_DIRECT), async () => {});
      await open();
      const heads = async (): Promise<number> =>
        (await requests()).filter(({ operation }) => operation === "HeadObject").length;
      const before = await heads();
      await open();
      expect(await heads()).toBeGreaterThan(before);
    },
  },
  {
    name: "a removed directory that another client fills again is there again",
    flags: { allowDelete: true },
    async run({ tree, bucket }) {
      await bucket.put("name/file", "");
      await tree.unlink("name/file");
      await tree.rmdir("name");
      await expectErrno("ENOENT", tree.stat("name"));
      await bucket.put("name/again", "");
      await expect.poll(() => kindOf(tree)).toBe("directory");
      expect(await namesIn(tree, "name")).toEqual(["again"]);
    },
  },
];
