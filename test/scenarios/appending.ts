/**
 * Scenarios of --incremental-upload in directory buckets: objects that are appended to, and that grow
 * while they are written.
 */

import { constants } from "node:fs";
import { expect } from "vitest";
import { KIB, MIB } from "../../src/base/sizes.ts";
import { expectBytes, pattern } from "../rigs/bytes.ts";
import type { World } from "../rigs/rig.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { createWhole, readOn, readWhole, writeOn } from "./whole-file.ts";

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;
const INCREMENTAL = { incrementalUpload: true } as const;
const REPLACING = { ...INCREMENTAL, allowOverwrite: true } as const;
const PART_BYTES = 5 * MIB;

/** What an application does that adds to a file: opens it, writes, and closes it. */
async function append({ tree }: World, path: string, ...texts: string[]): Promise<void> {
  await withFile(tree.open(path, O_WRONLY | O_APPEND), async (file) => {
    let { sizeBytes } = await file.stat();
    for (const text of texts) {
      await file.write(Buffer.from(text), sizeBytes);
      sizeBytes += text.length;
    }
  });
}

async function expectObject({ bucket }: World, key: string, content: string): Promise<void> {
  expect(String(await bucket.get(key))).toBe(content);
}

async function putCount({ requests }: World): Promise<number> {
  return (await requests()).filter(({ operation }) => operation === "PutObject").length;
}

interface Append {
  readonly what: string;
  readonly initial?: string;
  readonly writes: readonly string[];
}

const APPENDS: readonly Append[] = [
  { what: "an object", initial: "initial.", writes: ["one."] },
  { what: "an object, twice,", initial: "initial.", writes: ["one.", "two."] },
  { what: "a new file", writes: ["one."] },
  { what: "a new file, twice,", writes: ["one.", "two."] },
  { what: "an empty object", initial: "", writes: ["one."] },
];

const appends = APPENDS.flatMap(({ what, initial, writes }) =>
  [false, true].map(
    (syncs): Scenario => ({
      name: `what is appended to ${what} is behind what was there${syncs ? ", and visible after fsync" : ""}`,
      flags: INCREMENTAL,
      async run(world) {
        const { bucket, tree } = world;
        let expected = initial ?? "";
        if (initial !== undefined) await bucket.put("file", initial);
        await withFile(tree.open("file", O_WRONLY | O_APPEND | O_CREAT), async (file) => {
          expect((await tree.stat("file")).sizeBytes).toBe(expected.length);
          for (const text of writes) {
            await file.write(Buffer.from(text), expected.length);
            expected += text;
            expect((await file.stat()).sizeBytes).toBe(expected.length);
            if (!syncs) continue;
            await file.sync();
            expect((await tree.stat("file")).sizeBytes).toBe(expected.length);
            await expectObject(world, "file", expected);
          }
        });
        await expectObject(world, "file", expected);
        expect(String(await readWhole(tree, "file"))).toBe(expected);
      },
    }),
  ),
);

const checksums = (["CRC64NVME", "CRC32C", "CRC32", "SHA1", "SHA256"] as const).map(
  (checksumAlgorithm): Scenario => ({
    name: `an object with a checksum by ${checksumAlgorithm} keeps it when it is appended to`,
    flags: INCREMENTAL,
    async run(world) {
      const { bucket } = world;
      await bucket.put("file", "initial", { checksumAlgorithm });
      await append(world, "file", " one");
      await append(world, "file", " two");
      await expectObject(world, "file", "initial one two");
      const { [`Checksum${checksumAlgorithm}` as const]: sum } = await bucket.describe("file");
      expect(sum).toBeDefined();
      const whole = "initial one two";
      await bucket.put("whole", whole, { checksumAlgorithm });
      const { [`Checksum${checksumAlgorithm}` as const]: expected } =
        await bucket.describe("whole");
      if (checksumAlgorithm.startsWith("SHA")) expect(sum).toMatch(/-3$/);
      else expect(sum).toBe(expected);
    },
  }),
);

const uploadChecksums = (["crc32c", "crc64nvme", "off"] as const).map(
  (algorithm): Scenario => ({
    name: `with --upload-checksums ${algorithm}, a new file is appended to after fsync`,
    flags: { ...INCREMENTAL, uploadChecksums: algorithm },
    async run(world) {
      const { bucket, tree } = world;
      await withFile(tree.open("file", O_WRONLY | O_CREAT | O_EXCL), async (file) => {
        await file.write(Buffer.from("one "), 0);
        await file.sync();
        await file.write(Buffer.from("two"), 4);
      });
      await expectObject(world, "file", "one two");
      const { ChecksumCRC32C, ChecksumCRC64NVME } = await bucket.describe("file");
      const told = [ChecksumCRC32C, ChecksumCRC64NVME].map((sum) => sum !== undefined);
      expect(told).toEqual([algorithm === "crc32c", algorithm === "crc64nvme"]);
    },
  }),
);

const OPENS = [
  { how: "O_WRONLY", flags: O_WRONLY },
  { how: "O_WRONLY and O_APPEND", flags: O_WRONLY | O_APPEND },
  { how: "O_RDWR", flags: O_RDWR },
  { how: "O_RDWR and O_APPEND", flags: O_RDWR | O_APPEND },
] as const;

const newFiles = OPENS.map(
  ({ how, flags }): Scenario => ({
    name: `a new file that is opened with ${how} is written in order, and cannot be read meanwhile`,
    flags: INCREMENTAL,
    async run({ bucket, tree }) {
      const data = pattern(11, 50 * KIB);
      await bucket.put("beside", "");
      await withFile(tree.open("new", flags | O_CREAT), async (file) => {
        expect((await tree.stat("new")).sizeBytes).toBe(0);
        for (let at = 0; at < data.length; at += KIB) {
          await file.write(data.subarray(at, at + KIB), at);
          expect((await file.stat()).sizeBytes).toBe(at + KIB);
        }
        await expectErrno("EBADF", file.read(0, 1));
        await file.sync();
        await expectErrno("EBADF", file.read(0, 1));
      });
      expect((await bucket.get("new"))?.equals(data)).toBe(true);
      expect((await readWhole(tree, "new")).equals(data)).toBe(true);
    },
  }),
);

const existing = OPENS.filter(({ how }) => how !== "O_RDWR").map(
  ({ how, flags }): Scenario => ({
    name: `an object that is opened with ${how} is written on at its end`,
    flags: INCREMENTAL,
    async run(world) {
      await world.bucket.put("file", "initial");
      await withFile(world.tree.open("file", flags), (file) => file.write(Buffer.from("."), 7));
      await expectObject(world, "file", "initial.");
    },
  }),
);

const outOfOrder = [-1, 1].map(
  (step): Scenario => ({
    name: `a write ${step < 0 ? "before" : "behind"} the end is EINVAL for good, and what was synced stays`,
    flags: INCREMENTAL,
    async run(world) {
      const { bucket, tree } = world;
      await bucket.put("file", "initial");
      const file = await tree.open("file", O_WRONLY);
      await file.write(Buffer.from(" one"), 7);
      await file.sync();
      await expectErrno("EINVAL", file.write(Buffer.from("x"), 11 + step));
      await expectErrno("EINVAL", file.write(Buffer.from("x"), 11));
      await expectErrno("EINVAL", file.close());
      await expectObject(world, "file", "initial one");
      await append(world, "file", " two");
      await expectObject(world, "file", "initial one two");
    },
  }),
);

export const appendingToObjectsScenarios: readonly Scenario[] = [
  ...appends,
  ...checksums,
  ...uploadChecksums,
  ...newFiles,
  ...existing,
  ...outOfOrder,
  {
    name: "O_RDWR without O_APPEND reads an object, and does not write it",
    flags: INCREMENTAL,
    async run({ bucket, tree }) {
      await bucket.put("file", "initial");
      await withFile(tree.open("file", O_RDWR), async (file) => {
        expect(String(await file.read(0, 7))).toBe("initial");
        await expectErrno("EBADF", file.write(Buffer.from("."), 7));
      });
    },
  },
  {
    name: "without --incremental-upload, appending in a directory bucket is EPERM, and the log names the flag",
    alone: true,
    async run(world) {
      await world.bucket.put("file", "initial");
      await expectErrno("EPERM", world.tree.open("file", O_WRONLY | O_APPEND));
      await expect.poll(() => world.log()).toMatch(/EPERM.*--incremental-upload/);
      await expectObject(world, "file", "initial");
    },
  },
  {
    name: "appending does not let objects be truncated",
    flags: INCREMENTAL,
    async run(world) {
      await world.bucket.put("file", "initial");
      await expectErrno("EPERM", world.tree.open("file", O_WRONLY | O_TRUNC));
      await expectObject(world, "file", "initial");
    },
  },
  {
    name: "an object that is overwritten grows from nothing",
    flags: REPLACING,
    async run(world) {
      await world.bucket.put("file", "initial");
      await withFile(world.tree.open("file", O_WRONLY | O_TRUNC), async (file) => {
        await file.write(Buffer.from("new"), 0);
        await file.sync();
        await expectObject(world, "file", "new");
        await file.write(Buffer.from("er"), 3);
      });
      await expectObject(world, "file", "newer");
    },
  },
  {
    name: "opening an object to append and closing it changes nothing and sends nothing",
    flags: INCREMENTAL,
    needs: ["request-log"],
    async run(world) {
      const { bucket, tree } = world;
      await bucket.put("file", "initial");
      const before = await bucket.describe("file");
      await withFile(tree.open("file", O_WRONLY | O_APPEND), (file) => file.sync());
      expect(await putCount(world)).toBe(0);
      expect((await bucket.describe("file")).ETag).toBe(before.ETag);
      expect(String(await readWhole(tree, "file"))).toBe("initial");
    },
  },
  {
    name: "an append is one PUT, whether it ends with fsync or with close",
    flags: INCREMENTAL,
    needs: ["request-log"],
    async run(world) {
      await world.bucket.put("file", "initial");
      await withFile(world.tree.open("file", O_WRONLY | O_APPEND), async (file) => {
        await file.write(Buffer.from(" one"), 7);
        await file.write(Buffer.from(" two"), 11);
        await file.sync();
        await file.sync();
        expect(await putCount(world)).toBe(1);
        await file.write(Buffer.from(" three"), 15);
      });
      expect(await putCount(world)).toBe(2);
      await expectObject(world, "file", "initial one two three");
    },
  },
  {
    name: "fsync makes an empty new file an object",
    flags: INCREMENTAL,
    async run(world) {
      await withFile(world.tree.open("file", O_WRONLY | O_CREAT | O_EXCL), async (file) => {
        await file.sync();
        await expectObject(world, "file", "");
        await file.write(Buffer.from("content"), 0);
      });
      await expectObject(world, "file", "content");
    },
  },
  {
    name: "a large file grows in parts, and is whole at last",
    flags: { ...INCREMENTAL, writePartBytes: PART_BYTES },
    async run({ bucket, tree }) {
      const data = pattern(12, 33 * MIB + 5);
      await bucket.put("file", data.subarray(0, 7));
      await withFile(tree.open("file", O_WRONLY | O_APPEND), async (file) => {
        await writeOn(file, data.subarray(7, 12 * MIB), { offset: 7 });
        await expect.poll(() => bucket.sizeOf("file")).toBeGreaterThanOrEqual(PART_BYTES);
        await writeOn(file, data.subarray(12 * MIB), { offset: 12 * MIB });
      });
      expectBytes(await bucket.get("file"), data);
      expectBytes(await readWhole(tree, "file"), data);
    },
  },
  {
    name: "an object that was stored in parts is appended to",
    flags: { ...INCREMENTAL, writePartBytes: PART_BYTES },
    async run(world) {
      const data = pattern(13, 12 * MIB);
      await createWhole(world.tree, "file", data);
      await append(world, "file", "end");
      const stored = (await world.bucket.get("file")) ?? Buffer.alloc(0);
      expectBytes(stored, Buffer.concat([data, Buffer.from("end")]));
    },
  },
  {
    name: "what was read before is read whole again behind an append",
    flags: INCREMENTAL,
    async run(world) {
      const { bucket, tree } = world;
      let data = pattern(14, 4090);
      await bucket.put("file", data);
      for (const byteCount of [3, 3, 5000, 1, 4096]) {
        expect((await readWhole(tree, "file")).equals(data)).toBe(true);
        const more = pattern(byteCount, byteCount);
        await withFile(tree.open("file", O_WRONLY | O_APPEND), (file) =>
          file.write(more, data.length),
        );
        data = Buffer.concat([data, more]);
      }
      expect((await readWhole(tree, "file")).equals(data)).toBe(true);
      expect((await bucket.get("file"))?.equals(data)).toBe(true);
    },
  },
  {
    name: "a file has one who appends, or readers",
    flags: INCREMENTAL,
    async run({ bucket, tree }) {
      await bucket.put("file", "initial");
      await withFile(tree.open("file", O_RDONLY), async (reader) => {
        await expectErrno("EPERM", tree.open("file", O_WRONLY | O_APPEND));
        expect(String(await readOn(reader))).toBe("initial");
      });
      await withFile(tree.open("file", O_WRONLY | O_APPEND), async (file) => {
        await file.write(Buffer.from("."), 7);
        await file.sync();
        await expectErrno("EPERM", tree.open("file", O_WRONLY | O_APPEND));
        await expectErrno("EPERM", tree.open("file", O_RDONLY));
      });
      expect(String(await readWhole(tree, "file"))).toBe("initial.");
    },
  },
  {
    name: "a file is appended to, renamed, and appended to again",
    flags: INCREMENTAL,
    async run(world) {
      await world.tree.mkdir("directory");
      await createWhole(world.tree, "file", Buffer.from("Some data!"));
      await append(world, "file", "one");
      await world.tree.rename("file", "directory/renamed");
      await append(world, "directory/renamed", "two");
      await expectObject(world, "directory/renamed", "Some data!onetwo");
      await expectErrno("ENOENT", world.tree.stat("file"));
    },
  },
  {
    name: "many files are appended to at once",
    flags: INCREMENTAL,
    async run(world) {
      const names = Array.from({ length: 60 }, (_, index) => `file-${index}`);
      await Promise.all(names.map((name) => world.bucket.put(name, name)));
      await Promise.all(names.map((name) => append(world, name, " one", " two", " three")));
      for (const name of names) await expectObject(world, name, `${name} one two three`);
    },
  },
];
