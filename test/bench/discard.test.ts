/** The server that throws everything away answers as writers of S3 expect, whatever comes at once or in pieces. */

import { connect } from "node:net";
import { text } from "node:stream/consumers";
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDiscard } from "../../bench/servers/local-stores.ts";
import type { Server } from "../../bench/servers/server.ts";

const MIB = 2 ** 20;
let server: Server | undefined;
let client: S3Client | undefined;

beforeAll(async () => {
  server = await startDiscard("bucket");
  client = new S3Client({
    region: server.region,
    endpoint: server.url ?? "",
    forcePathStyle: true,
    credentials: { accessKeyId: "any", secretAccessKey: "any" },
  });
});

afterAll(async () => {
  client?.destroy();
  await server?.close();
});

function s3(): S3Client {
  if (client === undefined) throw new Error("the server has not started");
  return client;
}

test("objects are taken, whole or in parts, and are not there", async () => {
  const object = { Bucket: "bucket", Key: "folder/a key" };
  const put = await s3().send(new PutObjectCommand({ ...object, Body: "a few bytes" }));
  expect(put.ETag).toMatch(/^"\w+"$/);
  const params = { ...object, Body: Buffer.alloc(11 * MIB) };
  const stored = await new Upload({ client: s3(), params, partSize: 5 * MIB }).done();
  expect(stored.ETag).toBe(put.ETag);
  await expect(s3().send(new HeadObjectCommand(object))).rejects.toThrow();
  const listed = await s3().send(new ListObjectsV2Command({ Bucket: "bucket", Prefix: "folder/" }));
  expect(listed).toMatchObject({ KeyCount: 0, IsTruncated: false });
  await s3().send(new DeleteObjectCommand(object));
});

test("a checksum comes back, and requests may come in any pieces", async () => {
  const { port } = new URL(server?.url ?? "");
  const socket = connect(Number(port), "127.0.0.1");
  const head = "PUT /bucket/key?partNumber=1&uploadId=discarded HTTP/1.1\r\nHost: here\r\n";
  const fields = "x-amz-checksum-crc32c: AAAAAA==\r\nContent-Length: 5\r\n\r\n";
  for (const piece of [head.slice(0, 3), head.slice(3) + fields, "12", "345"]) {
    await new Promise((resolve) => socket.write(piece, resolve));
  }
  socket.end();
  expect(await text(socket)).toMatch(
    /^HTTP\/1\.1 200 OK\r\n.*\r\nx-amz-checksum-crc32c: AAAAAA==\r\n\r\n$/s,
  );
});
