/** Buckets, and the two ways to name them. */

import type { LookupFunction } from "node:net";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { BUCKET, minio, sdk, send, startSandbox } from "./endpoint.ts";

/** Resolvers need not know names under localhost, though RFC 6761 says what they are. */
const toLoopback: LookupFunction = (_hostname, options, done) => {
  if (options.all === true) done(null, [{ address: "127.0.0.1", family: 4 }]);
  else done(null, "127.0.0.1", 4);
};

describe("buckets", () => {
  test("are made, found, listed and deleted through the SDK", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const Bucket = "another.bucket";
    await client.send(new CreateBucketCommand({ Bucket }));
    const head = await client.send(new HeadBucketCommand({ Bucket }));
    expect(head.BucketRegion).toBe("us-east-1");
    const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
    expect(Buckets.map((bucket) => bucket.Name)).toEqual([Bucket, BUCKET]);
    await sandbox.putObject(Bucket, "x", "y");
    await expect(client.send(new DeleteBucketCommand({ Bucket }))).rejects.toMatchObject({
      name: "BucketNotEmpty",
    });
    sandbox.deleteObject(Bucket, "x");
    await client.send(new DeleteBucketCommand({ Bucket }));
    await expect(client.send(new HeadBucketCommand({ Bucket }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 404 },
    });
  });

  test("are made, found, listed and deleted through the minio client", async () => {
    const client = minio(await startSandbox());
    await client.makeBucket("made-by-minio", "us-east-1");
    expect(await client.bucketExists("made-by-minio")).toBe(true);
    expect(await client.bucketExists("not-made")).toBe(false);
    const buckets = await client.listBuckets();
    expect(buckets.map((bucket) => bucket.name)).toEqual([BUCKET, "made-by-minio"]);
    await client.removeBucket("made-by-minio");
    expect(await client.bucketExists("made-by-minio")).toBe(false);
  });

  test("lie in the region of the endpoint", async () => {
    const region = "eu-north-1";
    const client = sdk(await startSandbox({ region }), { region });
    const location = await client.send(new GetBucketLocationCommand({ Bucket: BUCKET }));
    expect(location.LocationConstraint).toBe(region);
  });

  test("may be named by the host", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox, {
      endpoint: sandbox.url.replace("127.0.0.1", "localhost"),
      forcePathStyle: false,
      requestHandler: { httpAgent: { lookup: toLoopback } },
    });
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: "k/k", Body: "by host" }));
    const got = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: "k/k" }));
    expect(await got.Body?.transformToString()).toBe("by host");
    expect(sandbox.listKeys(BUCKET)).toEqual(["k/k"]);
    expect(sandbox.requests.at(-1)?.headers.host).toMatch(/^bucket\.localhost:/);
  });

  test("named by a host do not hide a path that begins with the same name", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    await sandbox.putObject(BUCKET, "bucket/x", "nested");
    const got = await send(sandbox, "/bucket/x", { headers: { host: "bucket.localhost" } });
    expect(got.body.toString()).toBe("nested");
  });

  test("can vanish with everything in them", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    await sandbox.putObject(BUCKET, "x", "y");
    sandbox.deleteBucket(BUCKET);
    expect((await send(sandbox, "/bucket/x")).status).toBe(404);
    sandbox.createBucket(BUCKET);
    expect(sandbox.listKeys(BUCKET)).toEqual([]);
  });
});
