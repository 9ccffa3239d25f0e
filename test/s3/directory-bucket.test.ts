/** The client and a directory bucket: where it is, which sessions it makes, how it renames. */

import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { ObjectClient, ObjectClientOptions } from "../../src/s3/index.ts";
import { CachedCredentials } from "../../src/s3/index.ts";
import type { Sandbox, SandboxOptions } from "../../src/sandbox/index.ts";
import { CREDENTIALS, startSandbox } from "../sandbox/endpoint.ts";
import { clientFor } from "./client-under-test.ts";

const BUCKET = "directory--use1-az4--x-s3";

function start(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  return startSandbox({ buckets: [BUCKET], ...options });
}

function clientOf(sandbox: Sandbox, options: Partial<ObjectClientOptions> = {}): ObjectClient {
  const client = clientFor(sandbox.url, {
    bucket: BUCKET,
    directoryBucket: { readOnly: false },
    credentials: new CachedCredentials(async () => CREDENTIALS),
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

function body(text: string) {
  return { body: [Buffer.from(text)], checksum: undefined };
}

test("one session serves all requests", async () => {
  const sandbox = await start();
  const client = clientOf(sandbox);
  await Promise.all([client.list({ prefix: "" }), client.put({ key: "a", ...body("x") })]);
  const uploadId = await client.createUpload({ key: "b", checksumAlgorithm: undefined });
  await client.abortUpload("b", uploadId);
  await client.delete("a");
  expect(sandbox.uploads(BUCKET)).toEqual([]);
  expect(sandbox.requests.map(({ operation }) => operation)[0]).toBe("CreateSession");
  expect(sandbox.count("CreateSession")).toBe(1);
  expect(sandbox.requests.every(({ errorCode }) => errorCode === undefined)).toBe(true);
});

test("a session of a mount that reads only can only read", async () => {
  const sandbox = await start();
  const client = clientOf(sandbox, { directoryBucket: { readOnly: true } });
  await client.list({ prefix: "" });
  const put = client.put({ key: "a", ...body("x") });
  await expect(put).rejects.toMatchObject({ kind: "access-denied" });
});

test("a session is renewed before it ends, and requests do not wait for it", async () => {
  const sandbox = await start({ dials: { sessionMs: 5000 } });
  const client = clientOf(sandbox);
  while (sandbox.count("CreateSession") < 3) {
    await client.list({ prefix: "" });
    await delay(20);
  }
  expect(sandbox.requests.filter(({ errorCode }) => errorCode !== undefined)).toEqual([]);
});

test("a session that the server no longer takes is replaced", async () => {
  const sandbox = await start();
  const client = clientOf(sandbox);
  await client.list({ prefix: "" });
  sandbox.faults.add({ kind: "status", status: 400, code: "ExpiredToken" });
  await client.list({ prefix: "" });
  expect(sandbox.count("CreateSession")).toBe(2);
});

test("what a HEAD is refused with in a new session, too, has not expired", async () => {
  const sandbox = await start();
  const client = clientOf(sandbox);
  await client.list({ prefix: "" });
  const refusal = { kind: "status", status: 400, code: "InvalidRequest", times: 2 } as const;
  sandbox.faults.add({ ...refusal, operation: "HeadObject" });
  await expect(client.head("a")).rejects.toMatchObject({ kind: "rejected" });
  expect(sandbox.count("CreateSession")).toBe(2);
});

test("who may not make a session learns it", async () => {
  const sandbox = await start();
  const refusal = { kind: "status", status: 403, code: "AccessDenied" } as const;
  sandbox.faults.add({ ...refusal, operation: "CreateSession" });
  const failing = clientOf(sandbox).list({ prefix: "" });
  await expect(failing).rejects.toMatchObject({
    kind: "access-denied",
    operation: "CreateSession",
  });
});

test("without sessions, the credentials themselves sign", async () => {
  const sandbox = await start({ dials: { requiresSessions: false } });
  const client = clientOf(sandbox, { directoryBucket: { readOnly: false, withoutSessions: true } });
  await client.put({ key: "a", ...body("x") });
  expect(sandbox.count("CreateSession")).toBe(0);
  sandbox.dials.requiresSessions = true;
  const refused = client.list({ prefix: "" });
  await expect(refused).rejects.toMatchObject({ kind: "access-denied" });
});

test("the session says how to encrypt", async () => {
  const sandbox = await start();
  const encryption = { algorithm: "aws:kms", kmsKeyId: "arn:aws:kms:key" } as const;
  const client = clientOf(sandbox, { encryption });
  await client.put({ key: "a", ...body("x") });
  const header = "x-amz-server-side-encryption";
  const asked = sandbox.requests.map(({ headers, operation }) => [operation, headers[header]]);
  expect(asked).toEqual([
    ["CreateSession", "aws:kms"],
    ["PutObject", undefined],
  ]);
});

test("an object is renamed, and another is replaced only where it may be", async () => {
  const sandbox = await start();
  await sandbox.putObject(BUCKET, "from & here", "new");
  await sandbox.putObject(BUCKET, "to", "old");
  const client = clientOf(sandbox);
  const names = { from: "from & here", to: "to" };
  const refused = client.rename({ ...names, ifNoneMatch: "*" });
  await expect(refused).rejects.toMatchObject({ kind: "precondition-failed" });
  await client.rename(names);
  expect(sandbox.listKeys(BUCKET)).toEqual(["to"]);
  expect((await sandbox.getObject(BUCKET, "to"))?.toString()).toBe("new");
});

test("a rename whose reply is lost is repeated, and renames nothing else", async () => {
  const sandbox = await start();
  await sandbox.putObject(BUCKET, "from", "content");
  const client = clientOf(sandbox);
  await client.list({ prefix: "" });
  sandbox.faults.add({ kind: "lost-reply", operation: "RenameObject" });
  await client.rename({ from: "from", to: "to", ifNoneMatch: "*" });
  expect(sandbox.count("RenameObject")).toBe(2);
  const tokens = sandbox.requests
    .filter(({ operation }) => operation === "RenameObject")
    .map(({ headers }) => headers["x-amz-client-token"]);
  expect(new Set(tokens).size).toBe(1);
  expect(sandbox.listKeys(BUCKET)).toEqual(["to"]);
});
