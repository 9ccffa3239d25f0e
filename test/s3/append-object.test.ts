/** The client and appending: it happens once, whatever is lost on the way. */

import { expect, onTestFinished, test } from "vitest";
import { CachedCredentials, type ObjectClient } from "../../src/s3/index.ts";
import type { Fault, Sandbox } from "../../src/sandbox/index.ts";
import { CREDENTIALS, startSandbox } from "../sandbox/endpoint.ts";
import { clientFor } from "./client-under-test.ts";

const BUCKET = "directory--use1-az4--x-s3";
const LOST: Fault = { kind: "lost-reply", operation: "PutObject" };

interface Setup {
  readonly sandbox: Sandbox;
  readonly client: ObjectClient;
  /** Of the object "k", which holds "one ". */
  readonly etag: string;
}

async function setUp(): Promise<Setup> {
  const sandbox = await startSandbox({ buckets: [BUCKET] });
  const client = clientFor(sandbox.url, {
    bucket: BUCKET,
    directoryBucket: { readOnly: false },
    credentials: new CachedCredentials(async () => CREDENTIALS),
    storageClass: "EXPRESS_ONEZONE",
  });
  onTestFinished(() => client.close());
  const { etag } = await client.put({ key: "k", ...bodyOf("one ") });
  return { sandbox, client, etag };
}

function bodyOf(...texts: string[]) {
  return { body: texts.map((text) => Buffer.from(text)), checksum: undefined };
}

function append({ client, etag }: Setup, ...texts: string[]) {
  return client.append({ key: "k", etag, offset: 4, ...bodyOf(...texts) });
}

async function content({ sandbox }: Setup): Promise<string> {
  return String(await sandbox.getObject(BUCKET, "k"));
}

test("an append gives the version that it has made", async () => {
  const setup = await setUp();
  const { etag } = await append(setup, "two");
  expect(etag).not.toBe(setup.etag);
  expect(etag).toBe((await setup.client.head("k")).etag);
  expect(await content(setup)).toBe("one two");
});

test("an append whose reply is lost happens once", async () => {
  const setup = await setUp();
  setup.sandbox.faults.add(LOST);
  const { etag } = await append(setup, "two ", "three");
  expect(setup.sandbox.count("PutObject")).toBe(3);
  expect(etag).toBe((await setup.client.head("k")).etag);
  expect(await content(setup)).toBe("one two three");
});

test("an append of which no reply arrives has happened, if it has", async () => {
  const setup = await setUp();
  setup.sandbox.faults.add({ ...LOST, times: Number.POSITIVE_INFINITY });
  await append(setup, "two");
  expect(await content(setup)).toBe("one two");
});

test("an append that never arrives fails as it did", async () => {
  const setup = await setUp();
  const fault = { kind: "reset", operation: "PutObject", times: Number.POSITIVE_INFINITY } as const;
  setup.sandbox.faults.add(fault);
  await expect(append(setup, "two")).rejects.toMatchObject({ kind: "network" });
  expect(await content(setup)).toBe("one ");
});

test("a refusal without a lost reply is somebody else's work, even of the same bytes", async () => {
  const setup = await setUp();
  await append(setup, "two");
  setup.sandbox.faults.add({ kind: "status", status: 503, operation: "PutObject" });
  await expect(append(setup, "two")).rejects.toMatchObject({ kind: "precondition-failed" });
  expect(setup.sandbox.count("GetObject")).toBe(0);
  expect(await content(setup)).toBe("one two");
});

test.each([
  ["as many other bytes", "TWO"],
  ["more", "two and more"],
])("a refusal behind a lost request is a failure when another has appended %s", async (_, text) => {
  const setup = await setUp();
  await setup.client.append({ key: "k", etag: setup.etag, offset: 4, ...bodyOf(text) });
  setup.sandbox.faults.add({ kind: "reset", operation: "PutObject" });
  await expect(append(setup, "two")).rejects.toMatchObject({ kind: "precondition-failed" });
  expect(await content(setup)).toBe(`one ${text}`);
});

test("an append tells neither class nor type", async () => {
  const setup = await setUp();
  await append(setup, "two");
  const { headers } = setup.sandbox.requests.at(-1) ?? {};
  expect(headers?.["x-amz-write-offset-bytes"]).toBe("4");
  expect(headers?.["x-amz-storage-class"]).toBeUndefined();
  expect(headers?.["content-type"]).toBeUndefined();
});
