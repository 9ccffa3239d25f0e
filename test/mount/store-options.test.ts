/** What the options of a mount and the environment mean to the object store, apart from requests. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { parseCommand } from "../../src/cli/command.ts";
import { storeOptions } from "../../src/mount/store-options.ts";

const INVOKER = { workingDirectory: "/", uid: 1, gid: 1 };

async function optionsFor(words: readonly string[], environment: Record<string, string> = {}) {
  const command = parseCommand([...words, "/mnt", "--region", "us-east-1"], INVOKER);
  if (command.kind !== "mount") throw new Error("this is to be a mount");
  const context = { log: silentLog, environment };
  return storeOptions(command.options, context, {});
}

async function directoryBucket(words: readonly string[], environment: Record<string, string> = {}) {
  return (await optionsFor(words, environment)).directoryBucket;
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

const scratch = mkdtempSync(join(tmpdir(), "mount-s3-ts-test-"));
afterAll(() => rmSync(scratch, { recursive: true }));

test.each([
  ["no file", undefined, {}, true],
  ["a file of other settings", "[default]\nregion = eu-west-1\n", {}, true],
  ["an endpoint in a file", "[services s]\ns3 =\n  endpoint_url = http://x\n", {}, false],
  ["dual-stack in a file", "[default]\nuse_dualstack_endpoint = true\n", {}, false],
  ["FIPS in the environment", "", { AWS_USE_FIPS_ENDPOINT: "true" }, false],
  ["dual-stack in the environment", "", { AWS_USE_DUALSTACK_ENDPOINT: "true" }, false],
])("%s: endpoints are the usual ones", async (_, text, variables, usualEndpoints) => {
  const path = join(scratch, "config");
  rmSync(path, { force: true });
  if (text !== undefined) writeFileSync(path, text);
  for (const file of ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) {
    const other = file === "AWS_CONFIG_FILE" ? "AWS_SHARED_CREDENTIALS_FILE" : "AWS_CONFIG_FILE";
    const environment = { [file]: path, [other]: join(scratch, "missing"), ...variables };
    expect(await optionsFor(["bucket"], environment)).toMatchObject({ usualEndpoints });
  }
});
