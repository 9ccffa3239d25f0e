/** Objects in a directory: what survives, what does not, and that no key leaves it. */

import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { fileName } from "../../src/sandbox/directory-storage.ts";
import { BUCKET, randomBytes, sdk, send, startSandbox } from "./endpoint.ts";

const Bucket = BUCKET;
const HOSTILE = [
  "..",
  "../../etc/passwd",
  "/absolute",
  "a//b",
  "a/./b",
  "a",
  "a/b",
  "A",
  "%2e%2e",
  ".hidden",
  "con\u0000trol\n",
  "ü/😀",
  "*",
  "x".repeat(1024),
  `${"x".repeat(1023)}y`,
];

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "sandbox-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return join(directory, "data");
}

function files(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((path) =>
    statSync(join(directory, path)).isFile(),
  );
}

describe("a directory", () => {
  test("gives every object back to the next sandbox, hostile keys and metadata included", async () => {
    const directory = scratch();
    const first = await startSandbox({ storage: { directory } });
    for (const key of HOSTILE) await first.putObject(BUCKET, key, `content of ${key}`);
    const client = sdk(first);
    const Metadata = { a: "b" };
    await client.send(
      new PutObjectCommand({
        Bucket,
        Key: "meta",
        Body: "m",
        Metadata,
        ChecksumAlgorithm: "CRC32C",
      }),
    );
    const Body = randomBytes(11 * MIB);
    await new Upload({ client, params: { Bucket, Key: "large", Body } }).done();
    const CopySource = `${BUCKET}/large`;
    await client.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource }));
    first.addPattern(BUCKET, "virtual", { sizeBytes: 1024 ** 4, seed: 3 });
    const before = await client.send(new HeadObjectCommand({ Bucket, Key: "meta" }));
    await first.close();

    const second = await startSandbox({ storage: { directory } });
    for (const key of HOSTILE) {
      expect((await second.getObject(BUCKET, key))?.toString()).toBe(`content of ${key}`);
    }
    const keys = [...HOSTILE, "copy", "large", "meta", "virtual"];
    expect(new Set(second.listKeys(BUCKET))).toEqual(new Set(keys));
    const asked = { Bucket, Key: "meta", ChecksumMode: "ENABLED" } as const;
    const after = await sdk(second).send(new HeadObjectCommand(asked));
    expect(after).toMatchObject({ Metadata, ETag: before.ETag, LastModified: before.LastModified });
    expect(after.ChecksumCRC32C).toBeDefined();
    second.deleteObject(BUCKET, "large");
    expect((await second.getObject(BUCKET, "copy"))?.equals(Body)).toBe(true);
    second.deleteObject(BUCKET, "copy");
    for (const key of second.listKeys(BUCKET)) second.deleteObject(BUCKET, key);
    expect(files(directory)).toEqual([join(BUCKET, "bucket.json")]);
  });

  test("belongs to its owner alone, and holds everything that is written", async () => {
    const directory = scratch();
    const sandbox = await startSandbox({ storage: { directory } });
    for (const key of HOSTILE) await sandbox.putObject(BUCKET, key, "x");
    for (const path of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
      const stat = statSync(join(directory, path));
      expect(stat.mode & 0o777).toBe(stat.isDirectory() ? 0o700 : 0o600);
    }
    expect(files(directory)).toHaveLength(2 * HOSTILE.length + 1);
    expect(existsSync(join(directory, "..", "etc"))).toBe(false);
  });

  test("forgets what was not finished, at the latest when it is opened again", async () => {
    const directory = scratch();
    const first = await startSandbox({ storage: { directory } });
    const client = sdk(first);
    const Key = "x";
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const part = { Bucket, Key, UploadId, PartNumber: 1, Body: "part" };
    await client.send(new UploadPartCommand(part));
    first.faults.add({ kind: "drop-upload", afterBytes: 1 });
    await expect(
      client.send(new PutObjectCommand({ Bucket, Key, Body: randomBytes(MIB) })),
    ).rejects.toThrow();
    await first.close();
    expect(files(directory)).toHaveLength(2);
    const second = await startSandbox({ storage: { directory } });
    expect(second.uploads(BUCKET)).toEqual([]);
    expect(files(directory)).toEqual([join(BUCKET, "bucket.json")]);
  });

  test("serves an object to its end although it is replaced meanwhile", async () => {
    const directory = scratch();
    const sandbox = await startSandbox({ storage: { directory }, credentials: "anonymous" });
    const old = randomBytes(8 * MIB);
    await sandbox.putObject(BUCKET, "x", old);
    sandbox.dials.bytesPerSecond = 40 * MIB;
    const reading = send(sandbox, "/bucket/x");
    await expect.poll(() => sandbox.requests.at(-1)?.bytesSent).toBeGreaterThan(0);
    await sandbox.putObject(BUCKET, "x", "new");
    expect((await reading).body.equals(old)).toBe(true);
    expect((await send(sandbox, "/bucket/x")).body.toString()).toBe("new");
    expect(files(directory)).toHaveLength(3);
  });

  test("loses a bucket when the bucket is deleted", async () => {
    const directory = scratch();
    const sandbox = await startSandbox({ storage: { directory } });
    await sdk(sandbox).send(new DeleteBucketCommand({ Bucket }));
    expect(readdirSync(directory)).toEqual([".data"]);
  });

  test("that holds something else is refused by name", async () => {
    const directory = scratch();
    const first = await startSandbox({ storage: { directory } });
    await first.close();
    writeFileSync(join(directory, BUCKET, "bucket.json"), "not json");
    await expect(startSandbox({ storage: { directory } })).rejects.toThrow(/bucket\.json/);
  });
});

test("the file names of keys are one to one and harmless", () => {
  const key = fc.string({ unit: "binary", minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(fileName(a)).toMatch(/^[^./\0][^/\0]*$/);
      expect(Buffer.byteLength(fileName(a))).toBeLessThanOrEqual(200);
      expect(fileName(a) === fileName(b)).toBe(a === b);
    }),
  );
  expect(fileName("..")).toBe("%2E.");
});
