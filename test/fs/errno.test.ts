import { describe, expect, test } from "vitest";

import {
  EACCES,
  EBADF,
  EFBIG,
  EINVAL,
  EIO,
  ENAMETOOLONG,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ESTALE,
} from "../../src/base/errno.ts";
import { errnoName } from "../../src/fs/errno.ts";
import { errnoOf } from "../../src/fs/index.ts";
import { InodeError } from "../../src/inode/index.ts";
import { MemoryError } from "../../src/memory/index.ts";
import { S3Error, type S3ErrorKind } from "../../src/s3/index.ts";
import { WriteError } from "../../src/write/index.ts";

describe("errnoOf", () => {
  test.each<[S3ErrorKind, number]>([
    ["not-found", ENOENT],
    ["access-denied", EACCES],
    ["expired-credentials", EACCES],
    ["no-credentials", EACCES],
    ["archived", EACCES],
    ["precondition-failed", ESTALE],
    ["key-too-long", ENAMETOOLONG],
    ["too-large", EFBIG],
    ["no-space", ENOSPC],
    ["clock-skewed", EACCES],
    ["throttled", EIO],
    ["server-error", EIO],
    ["timeout", EIO],
    ["corrupted", EIO],
    ["no-such-bucket", EIO],
  ])("S3's %s is errno %i", (kind, errno) => {
    expect(errnoOf(new S3Error("x", { kind, operation: "GetObject" }))).toBe(errno);
  });

  test("tells the failures of the other layers apart", () => {
    expect(errnoOf(new InodeError("stale", "x"))).toBe(ESTALE);
    expect(errnoOf(new WriteError("out-of-order", "x"))).toBe(EINVAL);
    expect(errnoOf(new WriteError("too-large", "x"))).toBe(EFBIG);
    expect(errnoOf(new WriteError("completed", "x"))).toBe(EBADF);
    expect(errnoOf(new MemoryError("exhausted", "x"))).toBe(ENOMEM);
  });

  test.each([new Error("a bug"), "thrown text", undefined, { kind: "not-found" }])(
    "answers EIO for %o, which no layer throws",
    (error) => {
      expect(errnoOf(error)).toBe(EIO);
    },
  );
});

test("errnoName names a number as errno(3) does", () => {
  expect([errnoName(1), errnoName(116), errnoName(4242)]).toEqual([
    "EPERM",
    "ESTALE",
    "errno 4242",
  ]);
});
