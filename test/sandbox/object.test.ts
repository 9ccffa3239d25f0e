/** Objects through two independent clients: put, get, head, ranges, conditions, copies, deletes. */

import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { CopyConditions } from "minio";
import { describe, expect, test } from "vitest";
import { fillPattern } from "../../src/sandbox/index.ts";
import {
  BUCKET,
  bytesOf,
  codeOf,
  minio,
  randomBytes,
  sdk,
  send,
  startSandbox,
} from "./endpoint.ts";

const Bucket = BUCKET;
const Key = "a/b c+d/ü%/../é!*'().bin";

describe("an object", () => {
  test("comes back through the SDK as it went in, with its metadata", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const Body = randomBytes(3 * 1024 * 1024 + 17);
    const put = await client.send(
      new PutObjectCommand({
        Bucket,
        Key,
        Body,
        ContentType: "text/x-test",
        CacheControl: "no-store",
        Metadata: { colour: "blue" },
        StorageClass: "STANDARD_IA",
      }),
    );
    const got = await client.send(new GetObjectCommand({ Bucket, Key }));
    expect(Body.equals((await got.Body?.transformToByteArray()) ?? Buffer.alloc(0))).toBe(true);
    expect(got).toMatchObject({
      ETag: put.ETag,
      ContentType: "text/x-test",
      CacheControl: "no-store",
      Metadata: { colour: "blue" },
      StorageClass: "STANDARD_IA",
      ContentLength: Body.byteLength,
      AcceptRanges: "bytes",
    });
    expect(sandbox.listKeys(BUCKET)).toEqual([Key]);
    const head = await client.send(new HeadObjectCommand({ Bucket, Key }));
    expect(head).toMatchObject({ ETag: put.ETag, ContentLength: Body.byteLength });
    expect(head.LastModified).toEqual(got.LastModified);
  });

  test("comes back through the minio client as it went in", async () => {
    const sandbox = await startSandbox();
    const client = minio(sandbox);
    const body = randomBytes(700_000);
    const { etag } = await client.putObject(BUCKET, "dir/ü x", body, body.byteLength, { k: "v" });
    expect(body.equals(await bytesOf(await client.getObject(BUCKET, "dir/ü x")))).toBe(true);
    const part = await bytesOf(await client.getPartialObject(BUCKET, "dir/ü x", 5, 10));
    expect(part).toEqual(body.subarray(5, 15));
    expect(await client.statObject(BUCKET, "dir/ü x")).toMatchObject({
      size: body.byteLength,
      etag,
      metaData: { k: "v" },
    });
    await client.removeObject(BUCKET, "dir/ü x");
    await expect(client.statObject(BUCKET, "dir/ü x")).rejects.toMatchObject({ code: "NotFound" });
  });

  test("may be empty", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const put = await client.send(new PutObjectCommand({ Bucket, Key: "empty", Body: "" }));
    expect(put.ETag).toBe('"d41d8cd98f00b204e9800998ecf8427e"');
    const got = await client.send(new GetObjectCommand({ Bucket, Key: "empty" }));
    expect(await got.Body?.transformToString()).toBe("");
  });

  test("that is virtual reads as its pattern at any offset", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    sandbox.addPattern(BUCKET, "huge", { sizeBytes: 6 * 1024 ** 3, seed: 7 });
    const first = 5 * 1024 ** 3 + 123;
    const got = await send(sandbox, "/bucket/huge", {
      headers: { range: `bytes=${first}-${first + 3_000_000 - 1}` },
    });
    const expected = Buffer.alloc(3_000_000);
    fillPattern(expected, 7, first);
    expect(got.status).toBe(206);
    expect(got.headers["content-range"]).toBe(
      `bytes ${first}-${first + 2_999_999}/${6 * 1024 ** 3}`,
    );
    expect(got.body.equals(expected)).toBe(true);
    fillPattern(expected, 8, first);
    expect(got.body.equals(expected)).toBe(false);
  });

  test.each([
    ["bytes=0-0", 206, "0"],
    ["bytes=2-4", 206, "234"],
    ["bytes=8-", 206, "89"],
    ["bytes=8-100", 206, "89"],
    ["bytes=-3", 206, "789"],
    ["bytes=-30", 206, "0123456789"],
    ["bytes=4-2", 200, "0123456789"],
    ["bytes=-", 200, "0123456789"],
    ["bytes=1-2,4-5", 200, "0123456789"],
    ["lines=1-2", 200, "0123456789"],
  ])("is cut by the range %s", async (range, status, text) => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    await sandbox.putObject(BUCKET, "digits", "0123456789");
    const got = await send(sandbox, "/bucket/digits", { headers: { range } });
    expect([got.status, got.body.toString()]).toEqual([status, text]);
    const head = await send(sandbox, "/bucket/digits", { method: "HEAD", headers: { range } });
    expect([head.status, head.headers["content-length"]]).toEqual([status, `${text.length}`]);
  });

  test.each(["bytes=10-", "bytes=10-20", "bytes=-0"])("does not satisfy %s", async (range) => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    await sandbox.putObject(BUCKET, "digits", "0123456789");
    const got = await send(sandbox, "/bucket/digits", { headers: { range } });
    expect([got.status, codeOf(got)]).toEqual([416, "InvalidRange"]);
    expect(got.headers["content-range"]).toBe("bytes */10");
    expect(got.body.toString()).toContain("<ActualObjectSize>10</ActualObjectSize>");
  });

  test("that is archived can be described but not read", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const StorageClass = "DEEP_ARCHIVE";
    await client.send(new PutObjectCommand({ Bucket, Key, Body: "x", StorageClass }));
    expect(await client.send(new HeadObjectCommand({ Bucket, Key }))).toMatchObject({
      StorageClass,
    });
    await expect(client.send(new GetObjectCommand({ Bucket, Key }))).rejects.toMatchObject({
      name: "InvalidObjectState",
      $metadata: { httpStatusCode: 403 },
    });
  });
});

describe("a condition", () => {
  const LONG_AGO = new Date("2001-02-03T04:05:06Z").toUTCString();
  const LATER = new Date(Date.now() + 100_000).toUTCString();

  test.each<[Record<string, string>, number]>([
    [{ "if-match": "ETAG" }, 200],
    [{ "if-match": "*" }, 200],
    [{ "if-match": '"other", ETAG' }, 200],
    [{ "if-match": '"other"' }, 412],
    [{ "if-none-match": '"other"' }, 200],
    [{ "if-none-match": "ETAG" }, 304],
    [{ "if-modified-since": LONG_AGO }, 200],
    [{ "if-modified-since": LATER }, 304],
    [{ "if-unmodified-since": LATER }, 200],
    [{ "if-unmodified-since": LONG_AGO }, 412],
    [{ "if-match": "ETAG", "if-unmodified-since": LONG_AGO }, 200],
    [{ "if-none-match": '"other"', "if-modified-since": LATER }, 200],
    [{ "if-modified-since": "yesterday" }, 200],
  ])("on a read is kept: %o", async (conditions, status) => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    const etag = await sandbox.putObject(BUCKET, "x", "content");
    const headers = Object.fromEntries(
      Object.entries(conditions).map(([name, value]) => [name, value.replace("ETAG", etag)]),
    );
    const got = await send(sandbox, "/bucket/x", { headers });
    expect(got.status).toBe(status);
    if (status === 412) expect(codeOf(got)).toBe("PreconditionFailed");
    if (status === 304) expect([got.headers.etag, got.body.byteLength]).toEqual([etag, 0]);
    const head = await send(sandbox, "/bucket/x", { method: "HEAD", headers });
    expect([head.status, head.body.byteLength]).toEqual([status, 0]);
  });

  test("on a write is kept", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const put = (Body: string, more: { IfMatch?: string; IfNoneMatch?: string }) =>
      client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
    await expect(put("0", { IfMatch: '"x"' })).rejects.toMatchObject({ name: "NoSuchKey" });
    const first = await put("1", { IfNoneMatch: "*" });
    const failed = { name: "PreconditionFailed", $metadata: { httpStatusCode: 412 } };
    await expect(put("2", { IfNoneMatch: "*" })).rejects.toMatchObject(failed);
    await expect(put("3", { IfMatch: '"x"' })).rejects.toMatchObject(failed);
    await expect(put("4", { IfNoneMatch: '"x"' })).rejects.toMatchObject({
      name: "NotImplemented",
    });
    await put("5", { IfMatch: first.ETag ?? "" });
    expect((await sandbox.getObject(BUCKET, Key))?.toString()).toBe("5");
  });

  test("lets one of many writers win", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        client.send(
          new PutObjectCommand({ Bucket, Key, Body: `writer ${index}`, IfNoneMatch: "*" }),
        ),
      ),
    );
    const winners = results.flatMap((result, index) =>
      result.status === "fulfilled" ? [`writer ${index}`] : [],
    );
    expect(winners).toHaveLength(1);
    expect((await sandbox.getObject(BUCKET, Key))?.toString()).toBe(winners[0]);
  });
});

describe("a copy", () => {
  test("has the bytes and the metadata, or new metadata", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const Metadata = { a: "1" };
    await client.send(new PutObjectCommand({ Bucket, Key, Body: "copied", Metadata }));
    const CopySource = `${BUCKET}/${encodeURIComponent(Key)}`;
    const result = await client.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource }));
    const copy = await client.send(new GetObjectCommand({ Bucket, Key: "copy" }));
    expect(copy).toMatchObject({ ETag: result.CopyObjectResult?.ETag, Metadata });
    expect(await copy.Body?.transformToString()).toBe("copied");
    const same = { Bucket, Key, CopySource };
    await expect(client.send(new CopyObjectCommand(same))).rejects.toMatchObject({
      name: "InvalidRequest",
    });
    await client.send(
      new CopyObjectCommand({ ...same, MetadataDirective: "REPLACE", Metadata: { b: "2" } }),
    );
    const changed = await client.send(new HeadObjectCommand({ Bucket, Key }));
    expect(changed.Metadata).toEqual({ b: "2" });
  });

  test("of what is not there fails, and the minio client can copy too", async () => {
    const sandbox = await startSandbox();
    await sandbox.putObject(BUCKET, "from", "bytes");
    const client = minio(sandbox);
    await client.copyObject(BUCKET, "to", `/${BUCKET}/from`, new CopyConditions());
    expect((await sandbox.getObject(BUCKET, "to"))?.toString()).toBe("bytes");
    await expect(
      client.copyObject(BUCKET, "to", `/${BUCKET}/nowhere`, new CopyConditions()),
    ).rejects.toMatchObject({ code: "NoSuchKey" });
  });
});

describe("a delete", () => {
  test("succeeds whether there is an object or not, unless a condition forbids it", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    await sandbox.putObject(BUCKET, Key, "x");
    await expect(
      client.send(new DeleteObjectCommand({ Bucket, Key, IfMatch: '"other"' })),
    ).rejects.toMatchObject({ name: "PreconditionFailed" });
    await client.send(new DeleteObjectCommand({ Bucket, Key }));
    await client.send(new DeleteObjectCommand({ Bucket, Key }));
    expect(sandbox.listKeys(BUCKET)).toEqual([]);
  });

  test("of many keys at once takes them all, however they are spelled", async () => {
    const sandbox = await startSandbox();
    const keys = ["a&b", "<x>", 'q"', "ü/😀", " s ", "plain"];
    for (const key of keys) await sandbox.putObject(BUCKET, key, "x");
    const result = await sdk(sandbox).send(
      new DeleteObjectsCommand({
        Bucket,
        Delete: { Objects: keys.slice(0, 5).map((name) => ({ Key: name })) },
      }),
    );
    expect(result.Deleted?.map((deleted) => deleted.Key)).toEqual(keys.slice(0, 5));
    expect(sandbox.listKeys(BUCKET)).toEqual(["plain"]);
    await minio(sandbox).removeObjects(BUCKET, ["plain", "never there"]);
    expect(sandbox.listKeys(BUCKET)).toEqual([]);
  });
});

describe("the endpoint refuses", () => {
  test("a key of more than 1024 bytes", async () => {
    const sandbox = await startSandbox();
    const put = (name: string) =>
      sdk(sandbox).send(new PutObjectCommand({ Bucket, Key: name, Body: "x" }));
    await put("ü".repeat(512));
    await expect(put("ü".repeat(513))).rejects.toMatchObject({ name: "KeyTooLongError" });
  });

  test("what general-purpose buckets do not have, and stores nothing", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    const answer = await send(sandbox, "/bucket/new?renameObject", {
      method: "PUT",
      headers: { "x-amz-rename-source": "/bucket/old" },
    });
    expect([answer.status, codeOf(answer)]).toEqual([501, "NotImplemented"]);
    expect(sandbox.listKeys(BUCKET)).toEqual([]);
    expect(sandbox.count("RenameObject")).toBe(1);
  });

  test.each([
    ["GET", "/bucket/x?acl", 501, "NotImplemented"],
    ["GET", "/bucket/x?versionId=1", 501, "NotImplemented"],
    ["GET", "/bucket/x", 404, "NoSuchKey"],
    ["GET", "/elsewhere/x", 404, "NoSuchBucket"],
    ["GET", "/bucket/%ff", 400, "InvalidURI"],
    ["PATCH", "/bucket/x", 405, "MethodNotAllowed"],
    ["POST", "/bucket/x", 405, "MethodNotAllowed"],
    ["PUT", "/NOT-a-bucket", 400, "InvalidBucketName"],
    ["PUT", "/bucket", 409, "BucketAlreadyOwnedByYou"],
  ])("%s %s", async (method, path, status, code) => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    const answer = await send(sandbox, path, { method });
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    const requestId = answer.headers["x-amz-request-id"];
    expect(answer.body.toString()).toContain(`<RequestId>${requestId}</RequestId>`);
    expect(sandbox.requests.at(-1)).toMatchObject({ method, status, errorCode: code });
  });
});
