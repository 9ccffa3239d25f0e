/** Directory buckets as the SDK meets them, whose sessions are its own, and as nobody should. */

import {
  CreateMultipartUploadCommand,
  CreateSessionCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
  RenameObjectCommand,
} from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import type { Sandbox, SandboxOptions } from "../../src/sandbox/index.ts";
import { sorted } from "../rigs/bytes.ts";
import { BUCKET, CREDENTIALS, codeOf, sdk, send, startSandbox } from "./endpoint.ts";

const Bucket = "directory--use1-az4--x-s3";
const OTHER = "other--use1-az4--x-s3";

function start(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  return startSandbox({ buckets: [BUCKET, Bucket, OTHER], ...options });
}

async function sessionOf(sandbox: Sandbox, bucket: string) {
  const { Credentials } = await sdk(sandbox).send(new CreateSessionCommand({ Bucket: bucket }));
  const {
    AccessKeyId = "",
    Expiration,
    SecretAccessKey = "",
    SessionToken = "",
  } = Credentials ?? {};
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, SessionToken, Expiration };
}

/** A client whose requests are signed by a session of `bucket`, whatever bucket they are for. */
async function inSession(sandbox: Sandbox, bucket: string) {
  const { SessionToken, ...keys } = await sessionOf(sandbox, bucket);
  const credentials = { ...keys, sessionToken: SessionToken };
  const s3ExpressIdentityProvider = { getS3ExpressIdentity: async () => credentials };
  return sdk(sandbox, { credentials: CREDENTIALS, s3ExpressIdentityProvider });
}

test("a session signs what is stored and read", async () => {
  const sandbox = await start();
  const client = sdk(sandbox);
  await client.send(new PutObjectCommand({ Bucket, Key: "a/b", Body: "content" }));
  const { Body, StorageClass } = await client.send(new GetObjectCommand({ Bucket, Key: "a/b" }));
  expect(await Body?.transformToString()).toBe("content");
  expect(StorageClass).toBe("EXPRESS_ONEZONE");
  expect(sandbox.count("CreateSession")).toBe(1);
});

test("a session lasts as long as the dial says", async () => {
  const sandbox = await start({ dials: { sessionMs: 0 } });
  const { Expiration } = await sessionOf(sandbox, Bucket);
  expect(Math.abs((Expiration?.getTime() ?? 0) - Date.now())).toBeLessThan(10_000);
  const client = await inSession(sandbox, Bucket);
  const list = () => client.send(new ListObjectsV2Command({ Bucket }));
  await expect
    .poll(() =>
      list().then(
        () => "",
        ({ name }: Error) => name,
      ),
    )
    .toBe("ExpiredToken");
});

test.each([
  [{ ServerSideEncryption: "aws:kms:dsse", SSEKMSKeyId: "arn:aws:kms:us-east-1:1:key/k" }],
  [{ ServerSideEncryption: "aws:kms" }],
] as const)("a session with the encryption %j is refused", async (encryption) => {
  const sandbox = await start();
  const making = sdk(sandbox).send(new CreateSessionCommand({ Bucket, ...encryption }));
  await expect(making).rejects.toMatchObject({ name: "InvalidArgument" });
});

test("a session of another bucket is refused", async () => {
  const sandbox = await start();
  const other = await inSession(sandbox, OTHER);
  const listing = other.send(new ListObjectsV2Command({ Bucket }));
  await expect(listing).rejects.toMatchObject({ name: "AccessDenied" });
});

test("a token that nobody has given is refused", async () => {
  const sandbox = await start();
  const headers = { "x-amz-s3session-token": "made up" };
  const answer = await send(sandbox, `/${Bucket}?list-type=2`, { headers });
  expect([answer.status, codeOf(answer)]).toEqual([400, "InvalidToken"]);
});

test("other buckets have no sessions", async () => {
  const sandbox = await start({ credentials: "anonymous" });
  expect(codeOf(await send(sandbox, `/${BUCKET}?session`))).toBe("NotImplemented");
});

async function listAll(sandbox: Sandbox, more: Partial<ListObjectsV2CommandInput> = {}) {
  const client = sdk(sandbox);
  const found: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const command = new ListObjectsV2Command({ Bucket, ContinuationToken, ...more });
    const page = await client.send(command);
    for (const { Key = "" } of page.Contents ?? []) found.push(Key);
    for (const { Prefix = "" } of page.CommonPrefixes ?? []) found.push(Prefix);
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  return found;
}

test("a listing is whole and has no order", async () => {
  const sandbox = await start();
  const keys = Array.from({ length: 50 }, (_, index) => `d/${String(index).padStart(2, "0")}`);
  for (const key of keys) await sandbox.putObject(Bucket, key, "x");
  const found = await listAll(sandbox, { Prefix: "d/", MaxKeys: 7 });
  expect(found).not.toEqual(keys);
  expect(sorted(found)).toEqual(keys);
});

test("a listing has the prefixes of uploads in progress", async () => {
  const sandbox = await start();
  await sdk(sandbox).send(new CreateMultipartUploadCommand({ Bucket, Key: "up/load" }));
  expect(await listAll(sandbox, { Delimiter: "/" })).toEqual(["up/"]);
  expect(await listAll(sandbox)).toEqual([]);
});

test.each([
  [{ StartAfter: "a" }, "NotImplemented"],
  [{ Prefix: "a" }, "InvalidArgument"],
  [{ Delimiter: "-" }, "InvalidArgument"],
] as const)("a listing by %j is refused", async (input, name) => {
  const sandbox = await start();
  const command = new ListObjectsV2Command({ Bucket, ...input });
  await expect(sdk(sandbox).send(command)).rejects.toMatchObject({ name });
});

test("the first version of listings is refused", async () => {
  const sandbox = await start();
  const command = new ListObjectsCommand({ Bucket });
  await expect(sdk(sandbox).send(command)).rejects.toMatchObject({ name: "NotImplemented" });
});

const rename = (from: string, Key: string, more: Partial<RenameObjectCommand["input"]> = {}) =>
  new RenameObjectCommand({ Bucket, Key, RenameSource: `/${encodeURIComponent(from)}`, ...more });

test("a rename keeps what the object is", async () => {
  const sandbox = await start();
  await sandbox.putObject(Bucket, "from here", "content");
  const client = sdk(sandbox);
  const before = await client.send(new HeadObjectCommand({ Bucket, Key: "from here" }));
  await client.send(rename("from here", "to/there"));
  const after = await client.send(new HeadObjectCommand({ Bucket, Key: "to/there" }));
  expect([after.ETag, after.LastModified]).toEqual([before.ETag, before.LastModified]);
  expect(sandbox.listKeys(Bucket)).toEqual(["to/there"]);
});

test("a rename replaces unless it must not", async () => {
  const sandbox = await start();
  await sandbox.putObject(Bucket, "from", "new");
  await sandbox.putObject(Bucket, "to", "old");
  const client = sdk(sandbox);
  const refused = client.send(rename("from", "to", { DestinationIfNoneMatch: "*" }));
  await expect(refused).rejects.toMatchObject({ name: "PreconditionFailed" });
  await client.send(rename("from", "to"));
  expect((await sandbox.getObject(Bucket, "to"))?.toString()).toBe("new");
});

test("a rename with the token of one that was done does nothing more", async () => {
  const sandbox = await start();
  await sandbox.putObject(Bucket, "from", "first");
  const client = sdk(sandbox);
  await client.send(rename("from", "to", { ClientToken: "t" }));
  await sandbox.putObject(Bucket, "from", "second");
  await client.send(rename("from", "to", { ClientToken: "t" }));
  expect((await sandbox.getObject(Bucket, "to"))?.toString()).toBe("first");
  const other = client.send(rename("from", "elsewhere", { ClientToken: "t" }));
  await expect(other).rejects.toMatchObject({ name: "IdempotencyParameterMismatch" });
});

test.each([
  ["missing", "to", "NoSuchKey"],
  ["from", "to/", "InvalidRequest"],
  ["from", "k".repeat(1025), "KeyTooLongError"],
])("a rename of %s to %s is refused", async (from, to, name) => {
  const sandbox = await start();
  await sandbox.putObject(Bucket, "from", "content");
  await expect(sdk(sandbox).send(rename(from, to))).rejects.toMatchObject({ name });
  expect(sandbox.listKeys(Bucket)).toEqual(["from"]);
});
