/** Appending as the SDK asks for it, and as nobody should. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { expect, onTestFinished, test } from "vitest";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { BUCKET, sdk, startSandbox } from "./endpoint.ts";

const Bucket = "directory--use1-az4--x-s3";

function start(dials: { readonly partsMax?: number } = {}): Promise<Sandbox> {
  return startSandbox({ buckets: [BUCKET, Bucket], dials });
}

const put = (Body: string, more: Partial<PutObjectCommandInput> = {}) =>
  new PutObjectCommand({ Bucket, Key: "k", Body, ...more });

const head = new HeadObjectCommand({ Bucket, Key: "k", ChecksumMode: "ENABLED" });

test("an append at the object's size makes it longer, and another version", async () => {
  const sandbox = await start();
  const client = sdk(sandbox);
  const { ETag } = await client.send(put("one ", { ContentType: "text/plain" }));
  const answer = await client.send(put("two", { WriteOffsetBytes: 4 }));
  expect(answer.Size).toBe(7);
  expect(answer.ETag).not.toBe(ETag);
  expect(String(await sandbox.getObject(Bucket, "k"))).toBe("one two");
  const told = await client.send(head);
  expect([told.ETag, told.ContentType]).toEqual([answer.ETag, "text/plain"]);
});

test("an offset of 0 makes an object", async () => {
  const sandbox = await start();
  await sdk(sandbox).send(put("one", { WriteOffsetBytes: 0 }));
  expect(String(await sandbox.getObject(Bucket, "k"))).toBe("one");
});

test.each([
  ["a wrong offset", { WriteOffsetBytes: 3 }, "InvalidWriteOffset"],
  ["nothing", { WriteOffsetBytes: 4, Body: "" }, "InvalidRequest"],
  ["metadata", { WriteOffsetBytes: 4, Metadata: { a: "b" } }, "InvalidRequest"],
  ["another checksum", { WriteOffsetBytes: 4, ChecksumAlgorithm: "SHA1" }, "InvalidRequest"],
  ["another encryption", { WriteOffsetBytes: 4, ServerSideEncryption: "AES256" }, "InvalidRequest"],
  ["another version", { WriteOffsetBytes: 4, IfMatch: '"other"' }, "PreconditionFailed"],
  ["what is not there", { WriteOffsetBytes: 4, Key: "missing" }, "NoSuchKey"],
  ["an object of another bucket", { WriteOffsetBytes: 4, Bucket: BUCKET }, "NotImplemented"],
] as const)("an append with, or to, %s is refused", async (_, input, name) => {
  const sandbox = await start();
  const client = sdk(sandbox);
  await client.send(put("one "));
  const refused = client.send(put("two", input));
  await expect(refused).rejects.toMatchObject({ name });
  expect(String(await sandbox.getObject(Bucket, "k"))).toBe("one ");
});

test("an object that is encrypted otherwise is not appended to", async () => {
  const sandbox = await start();
  const ServerSideEncryption = "aws:kms";
  sandbox.dials.requiresSessions = false;
  const client = sdk(sandbox, { disableS3ExpressSessionAuth: true });
  await client.send(put("one ", { ServerSideEncryption }));
  const other = client.send(put("two", { WriteOffsetBytes: 4 }));
  await expect(other).rejects.toMatchObject({ name: "EncryptionTypeMismatch" });
  await client.send(put("two", { WriteOffsetBytes: 4, ServerSideEncryption }));
  expect(String(await sandbox.getObject(Bucket, "k"))).toBe("one two");
});

test("each append is a part, of which there are so many; a copy has one", async () => {
  const sandbox = await start({ partsMax: 3 });
  const client = sdk(sandbox);
  await client.send(put("1"));
  await client.send(put("2", { WriteOffsetBytes: 1 }));
  await client.send(put("3", { WriteOffsetBytes: 2 }));
  const refused = client.send(put("4", { WriteOffsetBytes: 3 }));
  await expect(refused).rejects.toMatchObject({ name: "TooManyParts" });
  sandbox.dials.requiresSessions = false;
  const plain = sdk(sandbox, { disableS3ExpressSessionAuth: true });
  await plain.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/k` }));
  await client.send(put("4", { WriteOffsetBytes: 3, Key: "copy" }));
  expect(String(await sandbox.getObject(Bucket, "copy"))).toBe("1234");
});

test("the parts of a multipart upload count", async () => {
  const sandbox = await start({ partsMax: 2 });
  const client = sdk(sandbox);
  const Key = "k";
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: "CRC32C" }),
  );
  const parts = [Buffer.alloc(5 * 1024 * 1024, "a"), Buffer.from("b")];
  const Parts = await Promise.all(
    parts.map(async (Body, index) => {
      const part = { Bucket, Key, UploadId, PartNumber: index + 1, Body };
      const sent = await client.send(
        new UploadPartCommand({ ...part, ChecksumAlgorithm: "CRC32C" }),
      );
      return { PartNumber: index + 1, ETag: sent.ETag, ChecksumCRC32C: sent.ChecksumCRC32C };
    }),
  );
  const MultipartUpload = { Parts };
  await client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
  const WriteOffsetBytes = 5 * 1024 * 1024 + 1;
  const more = { WriteOffsetBytes, ChecksumAlgorithm: "CRC32C" } as const;
  await expect(client.send(put("c", more))).rejects.toMatchObject({ name: "TooManyParts" });
  sandbox.dials.partsMax = 3;
  await client.send(put("c", more));
  expect((await client.send(head)).ChecksumCRC32C).toMatch(/-3$/);
});

test.each(["CRC32", "CRC32C", "CRC64NVME"] as const)(
  "a %s is that of the whole",
  async (ChecksumAlgorithm) => {
    const sandbox = await start();
    const client = sdk(sandbox);
    await client.send(put("one ", { ChecksumAlgorithm }));
    await client.send(put("two ", { ChecksumAlgorithm, WriteOffsetBytes: 4 }));
    await client.send(put("three", { ChecksumAlgorithm, WriteOffsetBytes: 8 }));
    const grown = await client.send(head);
    await client.send(put("one two three", { ChecksumAlgorithm }));
    const whole = await client.send(head);
    const field = `Checksum${ChecksumAlgorithm}` as const;
    expect(whole[field]).toBeDefined();
    expect([grown[field], grown.ChecksumType]).toEqual([whole[field], whole.ChecksumType]);
  },
);

test("a directory keeps what was appended for the next start", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sandbox-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const options = { storage: { directory }, dials: { partsMax: 2 } };
  const first = await startSandbox({ ...options, buckets: [Bucket] });
  await sdk(first).send(put("one "));
  await sdk(first).send(put("two", { WriteOffsetBytes: 4 }));
  await first.close();
  const second = await startSandbox({ ...options, buckets: [] });
  expect(String(await second.getObject(Bucket, "k"))).toBe("one two");
  const refused = sdk(second).send(put("three", { WriteOffsetBytes: 7 }));
  await expect(refused).rejects.toMatchObject({ name: "TooManyParts" });
});
