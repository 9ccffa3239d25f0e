/** Which buckets are taken for directory buckets, and whether sessions sign their requests. */

import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { parseCommand } from "../../src/cli/command.ts";
import { storeOptions } from "../../src/mount/store-options.ts";

const INVOKER = { workingDirectory: "/", uid: 1, gid: 1 };

async function directoryBucket(words: readonly string[], environment: Record<string, string> = {}) {
  const command = parseCommand([...words, "/mnt", "--region", "us-east-1"], INVOKER);
  if (command.kind !== "mount") throw new Error("this is to be a mount");
  const context = { log: silentLog, environment };
  return (await storeOptions(command.options, context, {})).directoryBucket;
}

test.each([
  [["my--use1-az4--x-s3"], true],
  [["my--use1-az4--x-s3", "--bucket-type=general-purpose"], false],
  [["bucket"], false],
  [["bucket", "--bucket-type=directory"], true],
])("%j: a directory bucket: %s", async (words, expected) => {
  expect((await directoryBucket(words)) !== undefined).toBe(expected);
});

test("sessions only read where the mount does", async () => {
  const words = ["my--use1-az4--x-s3"];
  expect(await directoryBucket(words)).toMatchObject({ readOnly: false, withoutSessions: false });
  expect(await directoryBucket([...words, "--read-only"])).toMatchObject({ readOnly: true });
});

test.each([
  ["true", true],
  ["TRUE", true],
  ["false", false],
  ["", false],
])("AWS_S3_DISABLE_EXPRESS_SESSION_AUTH=%s: no sessions: %s", async (value, withoutSessions) => {
  const environment = { AWS_S3_DISABLE_EXPRESS_SESSION_AUTH: value };
  expect(await directoryBucket(["my--use1-az4--x-s3"], environment)).toMatchObject({
    withoutSessions,
  });
});

test.each([
  [["bucket", "--incremental-upload"]],
  [["my--use1-az4--x-s3", "--bucket-type=general-purpose", "--incremental-upload"]],
])("%j is refused: only directory buckets append", async (words) => {
  await expect(directoryBucket(words)).rejects.toThrow(/--incremental-upload .* leave it out/);
});

test("directory buckets append, whatever they are called", async () => {
  const words = ["bucket", "--bucket-type=directory", "--incremental-upload"];
  expect(await directoryBucket(words)).toBeDefined();
});
