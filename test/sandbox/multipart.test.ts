/** Multipart uploads: by hand with the SDK, by lib-storage, by the minio client, and wrongly. */

import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { Client as MinioClient } from "minio";
import { describe, expect, test } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { addon } from "../../src/native/index.ts";
import { BUCKET, CREDENTIALS, randomBytes, sdk, send, startSandbox } from "./endpoint.ts";

const Bucket = BUCKET;
const Key = "dir/large file";
const PART = randomBytes(5 * MIB);
const TAIL = randomBytes(1000, 2);

interface Started {
  readonly UploadId: string;
  readonly parts: CompletedPart[];
}

async function start(
  client: S3Client,
  bodies: readonly Uint8Array[],
  more: Partial<CreateMultipartUploadCommandInput> = {},
): Promise<Started> {
  const created = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
  const UploadId = created.UploadId ?? "";
  const parts = await Promise.all(
    bodies.map(async (Body, index) => {
      const PartNumber = index + 1;
      const { ChecksumAlgorithm } = more;
      const part = await client.send(
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ChecksumAlgorithm }),
      );
      const { ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA256 } = part;
      return { PartNumber, ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA256 };
    }),
  );
  return { UploadId, parts };
}

function complete(client: S3Client, { UploadId, parts }: Started, more: object = {}) {
  const MultipartUpload = { Parts: parts };
  return client.send(
    new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload, ...more }),
  );
}

describe("an upload in parts", () => {
  test("becomes one object, with the metadata of its start and the MD5 of the MD5s", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const started = await start(client, [PART, TAIL], { Metadata: { a: "b" } });
    expect(sandbox.listKeys(BUCKET)).toEqual([]);
    expect(sandbox.uploads(BUCKET)).toEqual([
      { key: Key, uploadId: started.UploadId, partNumbers: expect.arrayContaining([1, 2]) },
    ]);
    const result = await complete(client, started);
    const md5s = [PART, TAIL].map((part) => createHash("md5").update(part).digest());
    const md5 = createHash("md5").update(Buffer.concat(md5s)).digest("hex");
    expect(result).toMatchObject({ Bucket, Key, ETag: `"${md5}-2"` });
    const head = await client.send(new HeadObjectCommand({ Bucket, Key }));
    expect(head).toMatchObject({ Metadata: { a: "b" }, ETag: result.ETag });
    const stored = await sandbox.getObject(BUCKET, Key);
    expect(stored?.equals(Buffer.concat([PART, TAIL]))).toBe(true);
    const Range = `bytes=${PART.byteLength - 2}-${PART.byteLength + 1}`;
    const got = await client.send(new GetObjectCommand({ Bucket, Key, Range }));
    const expected = Buffer.concat([PART.subarray(-2), TAIL.subarray(0, 2)]);
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? [])).toEqual(expected);
    expect(sandbox.uploads(BUCKET)).toEqual([]);
  });

  test("may leave numbers and parts out, and the latest part of a number counts", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const started = await start(client, [PART, TAIL, TAIL]);
    const { UploadId } = started;
    const again = await client.send(
      new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 3, Body: "new" }),
    );
    const [first] = started.parts;
    const third = { PartNumber: 3, ETag: again.ETag, ChecksumCRC32: again.ChecksumCRC32 };
    await complete(client, { UploadId, parts: first === undefined ? [] : [first, third] });
    const stored = await sandbox.getObject(BUCKET, Key);
    expect(stored?.equals(Buffer.concat([PART, Buffer.from("new")]))).toBe(true);
  });

  test.each([
    ["CRC32", "COMPOSITE"],
    ["CRC32C", "COMPOSITE"],
    ["SHA256", "COMPOSITE"],
    ["CRC32C", "FULL_OBJECT"],
    ["CRC64NVME", "FULL_OBJECT"],
  ] as const)("keeps a checksum: %s %s", async (ChecksumAlgorithm, ChecksumType) => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const started = await start(client, [PART, TAIL], { ChecksumAlgorithm, ChecksumType });
    const result = await complete(client, started);
    const field = `Checksum${ChecksumAlgorithm}` as const;
    const head = await client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    expect(head[field]).toBe(result[field]);
    expect(head.ChecksumType).toBe(ChecksumType);
    if (ChecksumType === "COMPOSITE") expect(head[field]).toMatch(/^[\w+/]+=*-2$/);
    if (ChecksumAlgorithm === "CRC64NVME") {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(addon().crc64nvme(Buffer.concat([PART, TAIL]), 0n));
      expect(head[field]).toBe(bytes.toString("base64"));
    }
  });

  test("is refused where a part is unknown, out of order, too small, or not what was sent", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const { UploadId, parts } = await start(client, [PART, TAIL, TAIL], {
      ChecksumAlgorithm: "CRC32C",
    });
    const [one = {}, two = {}, three = {}] = parts;
    const attempt = async (chosen: readonly CompletedPart[], more: object = {}) =>
      complete(client, { UploadId, parts: [...chosen] }, more).then(
        () => "done",
        (error: Error) => error.name,
      );
    expect(await attempt([one, { ...two, PartNumber: 4 }])).toBe("InvalidPart");
    expect(await attempt([one, { ...two, ETag: one.ETag }])).toBe("InvalidPart");
    expect(await attempt([one, { ...two, ChecksumCRC32C: one.ChecksumCRC32C }])).toBe(
      "InvalidPart",
    );
    expect(await attempt([one, { PartNumber: 2, ETag: two.ETag }])).toBe("InvalidRequest");
    expect(await attempt([two, one])).toBe("InvalidPartOrder");
    expect(await attempt([one, one])).toBe("InvalidPartOrder");
    expect(await attempt([one, two, three])).toBe("EntityTooSmall");
    expect(await attempt([])).toBe("MalformedXML");
    expect(await attempt([one, two], { MpuObjectSize: 1 })).toBe("InvalidRequest");
    await sandbox.putObject(BUCKET, Key, "meanwhile");
    expect(await attempt([one, two], { IfNoneMatch: "*" })).toBe("PreconditionFailed");
    expect((await sandbox.getObject(BUCKET, Key))?.toString()).toBe("meanwhile");
    expect(sandbox.uploads(BUCKET)).toHaveLength(1);
    expect(await attempt([one, two])).toBe("done");
    expect(await attempt([one, two])).toBe("NoSuchUpload");
  });

  test("takes no part without the checksum that was announced", async () => {
    const client = sdk(await startSandbox());
    const { UploadId } = await start(client, [], { ChecksumAlgorithm: "CRC32C" });
    await expect(
      client.send(
        new UploadPartCommand({
          Bucket,
          Key,
          UploadId,
          PartNumber: 1,
          Body: "x",
          ChecksumAlgorithm: "SHA1",
        }),
      ),
    ).rejects.toMatchObject({ name: "InvalidRequest" });
  });

  test("that is aborted leaves nothing", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const { UploadId } = await start(client, [TAIL]);
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    expect(sandbox.uploads(BUCKET)).toEqual([]);
    expect(sandbox.listKeys(BUCKET)).toEqual([]);
    const abort = new AbortMultipartUploadCommand({ Bucket, Key, UploadId });
    await expect(client.send(abort)).rejects.toMatchObject({ name: "NoSuchUpload" });
    const part = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: "x" });
    await expect(client.send(part)).rejects.toMatchObject({ name: "NoSuchUpload" });
  });

  test("takes part numbers from 1 to 10,000", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    const { UploadId } = await start(sdk(sandbox), []);
    for (const [number, status] of [
      [0, 400],
      [1, 200],
      [10_000, 200],
      [10_001, 400],
      ["x", 400],
    ]) {
      const path = `/bucket/dir/large%20file?partNumber=${number}&uploadId=${UploadId}`;
      expect((await send(sandbox, path, { method: "PUT", body: "x" })).status).toBe(status);
    }
  });

  test("can be looked at, page by page", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const { UploadId } = await start(client, [TAIL, TAIL, TAIL]);
    const first = await client.send(new ListPartsCommand({ Bucket, Key, UploadId, MaxParts: 2 }));
    expect(first).toMatchObject({ IsTruncated: true, NextPartNumberMarker: "2" });
    expect(first.Parts?.map((part) => [part.PartNumber, part.Size])).toEqual([
      [1, 1000],
      [2, 1000],
    ]);
    const PartNumberMarker = first.NextPartNumberMarker;
    const rest = await client.send(
      new ListPartsCommand({ Bucket, Key, UploadId, PartNumberMarker }),
    );
    expect(rest.Parts?.map((part) => part.PartNumber)).toEqual([3]);
    expect(rest.IsTruncated).toBe(false);
  });

  test("is listed among the others", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    for (const name of ["b/2", "a", "b/1", "b/1", "c"]) {
      await client.send(new CreateMultipartUploadCommand({ Bucket, Key: name }));
    }
    const found: (string | undefined)[] = [];
    let KeyMarker: string | undefined;
    let UploadIdMarker: string | undefined;
    do {
      const page = await client.send(
        new ListMultipartUploadsCommand({ Bucket, MaxUploads: 2, KeyMarker, UploadIdMarker }),
      );
      found.push(...(page.Uploads ?? []).map((upload) => upload.Key));
      KeyMarker = page.NextKeyMarker;
      UploadIdMarker = page.NextUploadIdMarker;
    } while (KeyMarker !== undefined);
    expect(found).toEqual(["a", "b/1", "b/1", "b/2", "c"]);
    const rolled = await client.send(new ListMultipartUploadsCommand({ Bucket, Delimiter: "/" }));
    expect(rolled.CommonPrefixes).toEqual([{ Prefix: "b/" }]);
    expect(rolled.Uploads?.map((upload) => upload.Key)).toEqual(["a", "c"]);
  });

  test("is what lib-storage makes of a stream", async () => {
    const sandbox = await startSandbox();
    const Body = randomBytes(12 * MIB + 5, 3);
    const pieces = Array.from({ length: 13 }, (_, at) => Body.subarray(at * MIB, (at + 1) * MIB));
    const params = { Bucket, Key, Body: Readable.from(pieces) };
    await new Upload({ client: sdk(sandbox), params, partSize: 5 * MIB }).done();
    expect((await sandbox.getObject(BUCKET, Key))?.equals(Body)).toBe(true);
    expect(sandbox.count("UploadPart")).toBe(3);
  });

  test("is what the minio client makes of a large body, and cleans up", async () => {
    const sandbox = await startSandbox();
    const { hostname, port } = new URL(sandbox.url);
    const client = new MinioClient({
      endPoint: hostname,
      port: Number(port),
      useSSL: false,
      accessKey: CREDENTIALS.accessKeyId,
      secretKey: CREDENTIALS.secretAccessKey,
      partSize: 5 * MIB,
    });
    const body = randomBytes(11 * MIB, 4);
    await client.putObject(BUCKET, Key, Readable.from([body]), body.byteLength);
    expect((await sandbox.getObject(BUCKET, Key))?.equals(body)).toBe(true);
    await start(sdk(sandbox), [TAIL]);
    const incomplete = await client.listIncompleteUploads(BUCKET, "", true).toArray();
    expect(incomplete).toMatchObject([{ key: Key, size: TAIL.byteLength }]);
    await client.removeIncompleteUpload(BUCKET, Key);
    expect(sandbox.uploads(BUCKET)).toEqual([]);
  });
});
