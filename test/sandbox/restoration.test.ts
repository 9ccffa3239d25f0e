/** Archived objects: refused, restored, and what HEAD and a listing say meanwhile. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  RestoreObjectCommand,
  type StorageClass,
  type Tier,
} from "@aws-sdk/client-s3";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { PatternContent } from "../../src/sandbox/content.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { isRestored } from "../../src/sandbox/restoration.ts";
import { BUCKET, sdk, startSandbox } from "./endpoint.ts";

const Bucket = BUCKET;
const Key = "cold";

let sandbox: Sandbox;
let client: ReturnType<typeof sdk>;

beforeEach(async () => {
  sandbox = await startSandbox();
  client = sdk(sandbox);
});

async function store(storageClass: StorageClass): Promise<void> {
  await client.send(
    new PutObjectCommand({ Bucket, Key, Body: "content", StorageClass: storageClass }),
  );
}

async function restore(tier: Tier, days = 1): Promise<number | undefined> {
  const RestoreRequest = { Days: days, GlacierJobParameters: { Tier: tier } };
  const answer = await client.send(new RestoreObjectCommand({ Bucket, Key, RestoreRequest }));
  return answer.$metadata.httpStatusCode;
}

async function failureOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "success",
    (error: Error) => error.name,
  );
}

async function listed() {
  const page = await client.send(
    new ListObjectsV2Command({ Bucket, OptionalObjectAttributes: ["RestoreStatus"] }),
  );
  return page.Contents?.[0]?.RestoreStatus;
}

test.each(["GLACIER", "DEEP_ARCHIVE"] as const)("%s is read once restored", async (name) => {
  await store(name);
  expect(await failureOf(client.send(new GetObjectCommand({ Bucket, Key })))).toBe(
    "InvalidObjectState",
  );
  expect((await client.send(new HeadObjectCommand({ Bucket, Key }))).Restore).toBeUndefined();
  expect(await listed()).toBeUndefined();
  expect(await restore("Expedited")).toBe(202);
  const got = await client.send(new GetObjectCommand({ Bucket, Key }));
  expect(await got.Body?.transformToString()).toBe("content");
  expect(got.Restore).toMatch(/^ongoing-request="false", expiry-date="\w{3}, .* GMT"$/);
  expect((await listed())?.IsRestoreInProgress).toBe(false);
  // Asked for again, it is kept for longer.
  expect(await restore("Expedited", 2)).toBe(200);
});

test("a restoration that is under way is said to be, and gives nothing yet", async () => {
  await store("GLACIER");
  expect(await restore("Standard")).toBe(202);
  expect((await client.send(new HeadObjectCommand({ Bucket, Key }))).Restore).toBe(
    'ongoing-request="true"',
  );
  expect(await listed()).toEqual({ IsRestoreInProgress: true });
  expect(await failureOf(client.send(new GetObjectCommand({ Bucket, Key })))).toBe(
    "InvalidObjectState",
  );
  expect(await failureOf(restore("Bulk"))).toBe("RestoreAlreadyInProgress");
});

test("a restored copy is there from when it is ready until its days are over", () => {
  const restoration = { readyAtMs: 1_000, expiresAtMs: 2_000 };
  const object = {
    key: Key,
    content: new PatternContent(1, 1),
    etag: '"1"',
    lastModifiedMs: 0,
    storageClass: "GLACIER",
    headers: {},
    checksum: undefined,
    restoration,
  };
  expect([999, 1_000, 1_999, 2_000].map((nowMs) => isRestored(object, nowMs))).toEqual([
    false,
    true,
    true,
    false,
  ]);
});

test("what is not archived cannot be restored, nor what is not there", async () => {
  expect(await failureOf(restore("Standard"))).toBe("NoSuchKey");
  await store("GLACIER_IR");
  expect(await failureOf(restore("Standard"))).toBe("InvalidObjectState");
  expect(await failureOf(restore("Standard", 0))).toBe("MalformedXML");
});

test("a restoration outlives the server, where objects do", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sandbox-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  sandbox = await startSandbox({ storage: { directory } });
  client = sdk(sandbox);
  await store("GLACIER");
  await restore("Expedited");
  await sandbox.close();
  client = sdk(await startSandbox({ storage: { directory } }));
  expect((await listed())?.IsRestoreInProgress).toBe(false);
});
