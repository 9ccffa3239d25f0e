/** Scenarios: objects that are there are files, and their bytes come back as they are. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { expectBytes, pattern } from "../rigs/bytes.ts";
import type { OpenFile } from "../rigs/rig.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { readOn, readWhole } from "./whole-file.ts";

const { O_RDONLY, O_RDWR } = constants;

/** Three parts of 8 MiB, the last one odd. */
const LARGE = pattern(1, 20 * MIB + 7);

/** Numbers from 0 to `limit`, the same in every run. */
function* numbersBelow(limit: number, seed: number): Generator<number> {
  const stream = pattern(seed, 4 * 4096);
  for (let at = 0; at < stream.length; at += 4) yield stream.readUInt32LE(at) % limit;
}

export const readingScenarios: readonly Scenario[] = [
  {
    name: "an empty object is an empty file",
    async run({ tree, bucket }) {
      await bucket.put("empty", "");
      expect((await tree.stat("empty")).sizeBytes).toBe(0);
      expect(await readWhole(tree, "empty")).toHaveLength(0);
    },
  },
  {
    name: "a small file reads whole",
    async run({ tree, bucket }) {
      const data = pattern(2, 12_345);
      await bucket.put("small", data);
      expect((await tree.stat("small")).sizeBytes).toBe(data.length);
      expect((await readWhole(tree, "small")).equals(data)).toBe(true);
    },
  },
  {
    name: "a file of several parts reads whole",
    async run({ tree, bucket }) {
      await bucket.put("large", LARGE);
      expectBytes(await readWhole(tree, "large"), LARGE);
    },
  },
  {
    name: "a file of several parts reads whole when parts are not whole pages",
    flags: { readPartBytes: 5 * MIB + 1 },
    async run({ tree, bucket }) {
      await bucket.put("large", LARGE);
      expectBytes(await readWhole(tree, "large"), LARGE);
    },
  },
  {
    name: "a buffer of 70,000 bytes reads 2 MiB and 20 MiB",
    async run({ tree, bucket }) {
      const short = LARGE.subarray(0, 2 * MIB + 1);
      await bucket.put("2-mib", short);
      await bucket.put("20-mib", LARGE);
      expectBytes(await readWhole(tree, "2-mib", 70_000), short);
      expectBytes(await readWhole(tree, "20-mib", 70_000), LARGE);
    },
  },
  {
    name: "a read across the end gives what there is, and one past it nothing",
    async run({ tree, bucket }) {
      const data = pattern(3, 10_000);
      await bucket.put("file", data);
      await withFile(tree.open("file", O_RDONLY), async (file) => {
        expect((await file.read(9_990, 100)).equals(data.subarray(9_990))).toBe(true);
        expect(await file.read(10_000, 100)).toHaveLength(0);
        expect(await file.read(5 * MIB, 100)).toHaveLength(0);
        expect((await file.read(0, 10)).equals(data.subarray(0, 10))).toBe(true);
      });
    },
  },
  {
    name: "two handles of one file read at their own places",
    async run({ tree, bucket }) {
      await bucket.put("large", LARGE);
      await withFile(tree.open("large", O_RDONLY), (one) =>
        withFile(tree.open("large", O_RDONLY), async (other) => {
          const half = 10 * MIB;
          for (let offset = 0; offset < half; offset += MIB) {
            const first = await one.read(offset, MIB);
            const second = await other.read(half + offset, MIB);
            expect(first.equals(LARGE.subarray(offset, offset + MIB))).toBe(true);
            expect(second.equals(LARGE.subarray(half + offset, half + offset + MIB))).toBe(true);
          }
        }),
      );
    },
  },
  {
    name: "seeking back and forth reads the right bytes",
    async run({ tree, bucket }) {
      await bucket.put("large", LARGE);
      const offsets = [0, 512 * 1024, 256 * 1024, 3 * MIB, 2 * MIB, 19 * MIB, MIB, 20 * MIB, 0];
      await withFile(tree.open("large", O_RDONLY), async (file) => {
        for (const offset of offsets) {
          const expected = LARGE.subarray(offset, offset + 300_000);
          expect((await file.read(offset, 300_000)).equals(expected), `at ${offset}`).toBe(true);
        }
      });
    },
  },
  {
    name: "random reads of random sizes read the right bytes",
    async run({ tree, bucket }) {
      await bucket.put("large", LARGE);
      const offsets = numbersBelow(LARGE.length, 4);
      const sizes = numbersBelow(300_000, 5);
      await withFile(tree.open("large", O_RDONLY), async (file) => {
        for (let round = 0; round < 60; round += 1) {
          await expectRange(file, offsets.next().value ?? 0, sizes.next().value ?? 0);
        }
      });
    },
  },
  {
    name: "several reads at once on one handle read the right bytes",
    async run({ tree, bucket }) {
      await bucket.put("large", LARGE);
      const offsets = [...numbersBelow(LARGE.length, 6)].slice(0, 40);
      await withFile(tree.open("large", O_RDONLY), async (file) => {
        await Promise.all(offsets.map((offset) => expectRange(file, offset, 50_000)));
      });
    },
  },
  {
    name: "several files read at once read whole",
    async run({ tree, bucket }) {
      const files = [7, 8, 9, 10].map((seed) => ({
        name: `file-${seed}`,
        data: pattern(seed, 9e6),
      }));
      await Promise.all(files.map(({ name, data }) => bucket.put(name, data)));
      await Promise.all(
        files.map(async ({ name, data }) => {
          expectBytes(await readWhole(tree, name), data);
        }),
      );
    },
  },
  {
    name: "a file opened for reading and writing reads, and a write to it fails with EBADF",
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await withFile(tree.open("file", O_RDWR), async (file) => {
        expect((await readOn(file)).toString()).toBe("content");
        await expectErrno("EBADF", file.write(Buffer.from("x"), 0));
      });
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "a file that is not there is ENOENT, and so is one below it",
    async run({ tree }) {
      await expectErrno("ENOENT", tree.stat("missing"));
      await expectErrno("ENOENT", tree.open("missing", O_RDONLY));
      await expectErrno("ENOENT", tree.open("missing/deeper", O_RDONLY));
    },
  },
  {
    name: "a path through a file is ENOTDIR, and reading a directory is EISDIR",
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await bucket.put("directory/file", "content");
      await expectErrno("ENOTDIR", tree.stat("file/below"));
      await expectErrno("ENOTDIR", tree.readdir("file"));
      await expectErrno("EISDIR", readWhole(tree, "directory"));
    },
  },
  {
    name: "a handle survives the replacement of its object with old bytes or ESTALE, never a mix",
    async run({ tree, bucket }) {
      const before = pattern(11, 64 * MIB);
      const after = pattern(12, 64 * MIB);
      await bucket.put("file", before);
      await withFile(tree.open("file", O_RDONLY), async (old) => {
        expect((await old.read(0, 4096)).equals(before.subarray(0, 4096))).toBe(true);
        await bucket.put("file", after);
        // Far beyond anything that can have been read ahead for one page.
        await expectErrno("ESTALE", old.read(60 * MIB, 4096));
        await withFile(tree.open("file", O_RDONLY), async (fresh) => {
          for (const offset of [0, MIB, 60 * MIB]) {
            const expected = after.subarray(offset, offset + 4096);
            expect((await fresh.read(offset, 4096)).equals(expected)).toBe(true);
          }
        });
      });
    },
  },
  {
    name: "a handle whose object was deleted elsewhere reads EIO where nothing was read ahead",
    async run({ tree, bucket }) {
      const data = pattern(13, 64 * MIB);
      await bucket.put("file", data);
      await withFile(tree.open("file", O_RDONLY), async (file) => {
        expect((await file.read(0, 4096)).equals(data.subarray(0, 4096))).toBe(true);
        await bucket.delete("file");
        await expectErrno("EIO", file.read(60 * MIB, 4096));
      });
      await expect.poll(() => tree.stat("file").catch(() => "gone")).toBe("gone");
    },
  },
  {
    name: "a replaced object shows its new size and content",
    async run({ tree, bucket }) {
      await bucket.put("file", "short");
      expect((await readWhole(tree, "file")).toString()).toBe("short");
      await bucket.put("file", "much longer than before");
      // Open asks anew whatever was believed before.
      expect((await readWhole(tree, "file")).toString()).toBe("much longer than before");
      expect((await tree.stat("file")).sizeBytes).toBe(23);
    },
  },
];

async function expectRange(file: OpenFile, offset: number, byteCount: number): Promise<void> {
  const expected = LARGE.subarray(offset, offset + byteCount);
  const actual = await file.read(offset, byteCount);
  expect(actual.equals(expected), `${byteCount} bytes at ${offset}`).toBe(true);
}
