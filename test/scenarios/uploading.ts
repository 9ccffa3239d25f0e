/** Scenarios: what flags say of new objects is what the store has of them. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { expectBytes, pattern } from "../rigs/bytes.ts";
import type { MountFlags, World } from "../rigs/rig.ts";
import { expectErrno, type Scenario } from "./scenario.ts";
import { createWhole, namesIn, readWhole, writeOn } from "./whole-file.ts";

const SMALL = pattern(301, 70_000);
const LARGE = pattern(302, 17 * MIB + 5);
const SIZES = [
  ["small", SMALL],
  ["large", LARGE],
] as const;
const KEY = "arn:aws:kms:us-east-1:123456789012:key/scenarios";

/** One scenario for a file of one PUT and one for a file of several parts. */
function forBothSizes(
  name: string,
  flags: MountFlags,
  check: (world: World, path: string) => Promise<void>,
): readonly Scenario[] {
  return SIZES.map(([path, data]) => ({
    name: `${name}, of a ${path} file`,
    flags,
    async run(world) {
      await createWhole(world.tree, path, data);
      expectBytes(await world.bucket.get(path), data);
      expectBytes(await readWhole(world.tree, path), data);
      await check(world, path);
    },
  }));
}

/** Of checksums of parts there is one for each, and their number. */
function expectComposite(checksum: string | undefined, path: string): void {
  expect(checksum).toMatch(path === "large" ? /^[^-]+-3$/ : /^[^-]+$/);
}

export const uploadingScenarios: readonly Scenario[] = [
  ...forBothSizes("CRC-32C is kept without asking", {}, async ({ bucket }, path) => {
    const { ChecksumCRC32C } = await bucket.describe(path);
    expectComposite(ChecksumCRC32C, path);
  }),
  ...forBothSizes(
    "CRC-64/NVME is kept of all bytes",
    { uploadChecksums: "crc64nvme" },
    async ({ bucket }, path) => {
      const { ChecksumCRC64NVME, ChecksumType } = await bucket.describe(path);
      expect(ChecksumCRC64NVME).toMatch(/^[^-]{12}$/);
      expect(ChecksumType).toBe("FULL_OBJECT");
    },
  ),
  ...forBothSizes(
    "no checksum of ours is kept where they are off",
    { uploadChecksums: "off" },
    async ({ bucket }, path) => {
      expect((await bucket.describe(path)).ChecksumCRC32C).toBe(undefined);
    },
  ),
  ...forBothSizes("the type is that of any bytes", {}, async ({ bucket }, path) => {
    expect((await bucket.describe(path)).ContentType).toBe("binary/octet-stream");
  }),
  {
    name: "the type follows from the name, if that is asked for",
    flags: { inferContentType: true },
    needs: ["kernel"],
    async run({ tree, bucket }) {
      const types = {
        "image.png": "image/png",
        "page.HTML": "text/html",
        "data.json": "application/json",
        json: "binary/octet-stream",
        none: "binary/octet-stream",
        "none.of-such": "binary/octet-stream",
      };
      for (const [name, type] of Object.entries(types)) {
        await createWhole(tree, name, SMALL);
        expect([name, (await bucket.describe(name)).ContentType]).toEqual([name, type]);
      }
      await createWhole(tree, "large.txt", LARGE);
      expect((await bucket.describe("large.txt")).ContentType).toBe("text/plain");
    },
  },
  ...forBothSizes(
    "the storage class is as asked",
    { storageClass: "REDUCED_REDUNDANCY" },
    async ({ bucket }, path) => {
      expect((await bucket.describe(path)).StorageClass).toBe("REDUCED_REDUNDANCY");
    },
  ).map((scenario) => ({ ...scenario, needs: ["storage-class-choice"] as const })),
  ...SIZES.map(
    ([size, data]): Scenario => ({
      name: `a storage class that does not exist fails a ${size} file, and leaves nothing`,
      flags: { storageClass: "NO_SUCH_CLASS" },
      async run({ tree, bucket }) {
        const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
        const file = await tree.open("file", flags);
        const written = writeOn(file, data);
        if (size === "small") await written;
        else await written.catch(() => {});
        await expectErrno("EIO", file.close());
        expect(await namesIn(tree)).toEqual([]);
        expect(await bucket.keys()).toEqual([]);
        expect(await bucket.uploads()).toEqual([]);
      },
    }),
  ),
  ...forBothSizes("AES256 encrypts", { sse: "AES256" }, async ({ bucket }, path) => {
    expect((await bucket.describe(path)).ServerSideEncryption).toBe("AES256");
  }),
  ...forBothSizes("aws:kms encrypts", { sse: "aws:kms" }, async ({ bucket }, path) => {
    expect((await bucket.describe(path)).ServerSideEncryption).toBe("aws:kms");
  }).map((scenario) => ({ ...scenario, needs: ["account-key"] as const })),
  ...forBothSizes(
    "aws:kms:dsse encrypts with the key that is named",
    { sse: "aws:kms:dsse", sseKmsKeyId: KEY },
    async ({ bucket }, path) => {
      expect(await bucket.describe(path)).toMatchObject({
        ServerSideEncryption: "aws:kms:dsse",
        SSEKMSKeyId: KEY,
      });
    },
  ).map((scenario) => ({ ...scenario, needs: ["double-encryption"] as const })),
  ...forBothSizes(
    "a bucket with the owner that is expected, and whose requests are paid, is as any other",
    { expectedBucketOwner: "123456789012", requesterPays: true },
    async () => {},
  ),
];
