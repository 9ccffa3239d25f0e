/**
 * What S3 refuses leaves one line in the log that has all of it: the operation and the key, the errno
 * that the program saw, S3's words and code, both ids of the request, and what to do.
 */

import { readdir, readFile, unlink, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Fault } from "../../src/sandbox/index.ts";
import { expectErrno } from "../scenarios/scenario.ts";
import { Weather } from "./weather.ts";

interface Failure {
  readonly status: number;
  /** S3's; a HEAD's answer has none. */
  readonly code?: string;
  readonly message?: string;
  readonly during: "HeadObject" | "GetObject" | "ListObjectsV2" | "PutObject" | "DeleteObject";
  readonly errno: string;
  readonly remedy: string;
}

const DENIED_KEY = "User: u is not authorized to perform: kms:GenerateDataKey on resource: k";

const FAILURES: readonly Failure[] = [
  {
    status: 403,
    during: "HeadObject",
    errno: "EACCES",
    remedy: "the credentials need the permission s3:GetObject, in their own policy or the bucket's",
  },
  {
    status: 403,
    code: "AccessDenied",
    during: "GetObject",
    errno: "EACCES",
    remedy: "the credentials need the permission s3:GetObject, in their own policy or the bucket's",
  },
  {
    status: 403,
    code: "AccessDenied",
    during: "ListObjectsV2",
    errno: "EACCES",
    remedy:
      "the credentials need the permission s3:ListBucket, in their own policy or the bucket's",
  },
  {
    status: 403,
    code: "AccessDenied",
    during: "DeleteObject",
    errno: "EACCES",
    remedy:
      "the credentials need the permission s3:DeleteObject, in their own policy or the bucket's",
  },
  {
    status: 403,
    code: "AccessDenied",
    message: DENIED_KEY,
    during: "PutObject",
    errno: "EACCES",
    remedy:
      "the credentials need the permission kms:GenerateDataKey, in their own policy or the bucket's",
  },
  {
    status: 400,
    code: "KMS.DisabledException",
    message: "k is disabled.",
    during: "PutObject",
    errno: "EIO",
    remedy:
      "check the state of the key that --sse-kms-key-id names, or that the bucket encrypts with",
  },
  {
    status: 400,
    code: "InvalidStorageClass",
    during: "PutObject",
    errno: "EIO",
    remedy: "mount with another --storage-class, or without",
  },
  {
    status: 403,
    code: "QuotaExceeded",
    during: "PutObject",
    errno: "ENOSPC",
    remedy: "delete what is not needed, or have the quota or the server's disk made larger",
  },
  {
    status: 400,
    code: "ExpiredToken",
    during: "GetObject",
    errno: "EACCES",
    remedy: "renew the credentials; the mount takes them up by itself",
  },
  {
    status: 403,
    code: "InvalidAccessKeyId",
    during: "GetObject",
    errno: "EACCES",
    remedy: "check the access key and its secret, and mount again",
  },
  {
    status: 403,
    code: "RequestTimeTooSkewed",
    during: "PutObject",
    errno: "EACCES",
    remedy: "set the clock of this machine",
  },
  {
    status: 404,
    code: "NoSuchBucket",
    during: "PutObject",
    errno: "EIO",
    remedy: "unmount, and mount a bucket that exists",
  },
  {
    status: 503,
    code: "SlowDown",
    during: "PutObject",
    errno: "EIO",
    remedy: "retry later or with fewer requests at one time",
  },
  {
    status: 500,
    code: "InternalError",
    during: "GetObject",
    errno: "EIO",
    remedy: "the mount goes on by itself when the server answers again; repeat what failed",
  },
];

let weather: Weather;
let count = 0;

beforeAll(async () => {
  weather = await Weather.start({ attempts: 2, args: ["--allow-delete"] });
});

afterAll(async () => {
  await weather.close();
});

/** What makes the mount send the request, how the kernel calls that, and its name in the log. */
const ATTEMPTS = {
  HeadObject: ["lookup", (path: string) => readFile(path)],
  GetObject: ["read", (path: string) => readFile(path)],
  ListObjectsV2: ["lookup", (path: string) => readdir(path)],
  PutObject: ["close", (path: string) => writeFile(path, "content")],
  DeleteObject: ["unlink", unlink],
} as const;

test.each(FAILURES)("$status $code during $during is $errno, with $remedy", async (failure) => {
  const { code, during, errno, message, remedy, status } = failure;
  count += 1;
  const key = `file-${count}`;
  if (during !== "PutObject") await weather.bucket.put(key, "content");
  const fault: Fault = {
    kind: "status",
    status,
    ...(code !== undefined && { code }),
    ...(message !== undefined && { message }),
    operation: during,
    times: Number.POSITIVE_INFINITY,
  };
  const armed = await weather.sandbox.addFault(fault);
  const [operation, attempt] = ATTEMPTS[during];
  await expectErrno(errno, attempt(weather.path(key)));
  await armed.remove();

  const { child } = weather.mount;
  const found = new RegExp(`^\\S+Z WARN fs: ${operation} of "${key}" fails with .*$`, "m");
  const line = await child.waitForOutput(found);
  expect(line).toContain(`fails with ${errno}: ${during}`);
  expect(line).toContain(`(HTTP ${status}, ${code === undefined ? "" : `${code}, `}request `);
  expect(line).toMatch(/request \w+, extended \w+\); /);
  if (message !== undefined) expect(line).toContain(`failed: ${message} (`);
  expect(line.endsWith(`; ${remedy}`)).toBe(true);
});

test("a name and a key that are too long are told, with their lengths", async () => {
  await expectErrno("ENAMETOOLONG", writeFile(weather.path("n".repeat(300)), ""));
  await weather.mount.child.waitForOutput(
    /WARN fs: lookup of "n{300}" fails with ENAMETOOLONG: the name has 300 bytes, and .* 255/,
  );
});
