/** Every opcode: what the file system is asked, what the kernel is told. Requests are real ones. */

import { describe, expect, test } from "vitest";

import { EINVAL, EIO, ENOENT, ENOSYS, EOPNOTSUPP, EPERM, EROFS } from "../../src/base/errno.ts";
import type { Operations } from "../../src/fuse/index.ts";
import { CAPTURED_NAMES, type CapturedName, captured, uniqueOf } from "./captured.ts";
import { compose, name, request, u32, u64 } from "./requests.ts";
import { type Call, entryOf, Failure, served } from "./served.ts";

const ROOT = { uid: 0, gid: 0 };

/** What the file system is asked for each captured request that it answers. */
const CALLS: Partial<Record<CapturedName, Call>> = {
  lookup: ["lookup", 1, "slow2"],
  forget: ["forget", 6, 1],
  getattr: ["getattr", 1, undefined],
  setattr: [
    "setattr",
    2,
    { atimeMs: Date.UTC(1960, 0, 1, 0, 0, 0, 500), mtimeMs: Date.UTC(1960, 0, 1, 0, 0, 0, 500) },
  ],
  mknod: ["mknod", 1, "nod", 0o100644],
  mkdir: ["mkdir", 1, "d", 0o755],
  unlink: ["unlink", 7, "g"],
  rmdir: ["rmdir", 1, "d"],
  rename: ["rename", { parent: 1, name: "nod", newParent: 1, newName: "nod2", flags: 0 }],
  rename2: ["rename", { parent: 7, name: "f", newParent: 7, newName: "g", flags: 1 }],
  open: ["open", 2, 0x8000, { ...ROOT, pid: 0x2aa4 }],
  create: ["create", 1, "new", { mode: 0o100755, flags: 0x8041, caller: { ...ROOT, pid: 0x2b02 } }],
  read: ["read", 2, 0, 4096],
  write: ["write", 5, 0, Buffer.from("hi\n")],
  flush: ["flush", 2, { ...ROOT, pid: 0x2aa4 }],
  fsync: ["fsync", 1],
  release: ["release", 2],
  opendir: ["opendir", 1],
  readdir: ["readdir", 7, 8, expect.objectContaining({ plus: false })],
  readdirplus: ["readdir", 1, 0, expect.objectContaining({ plus: true })],
  releasedir: ["releasedir", 1],
  statfs: ["statfs"],
};

/** What the kernel is told of each captured request that no file system on S3 can answer. */
const REFUSALS: Partial<Record<CapturedName, number>> = {
  symlink: EPERM,
  link: EPERM,
  setxattr: ENOSYS,
  getxattr: ENOSYS,
  listxattr: ENOSYS,
  removexattr: ENOSYS,
  fsyncdir: ENOSYS,
  ioctl: ENOSYS,
  fallocate: EINVAL,
  lseek: ENOSYS,
  copyFileRange: ENOSYS,
  copyFileRange64: ENOSYS,
  tmpfile: ENOSYS,
};

const UNANSWERED: readonly CapturedName[] = ["forget", "batchForget", "interrupt"];

describe("a captured request", () => {
  test.each(Object.entries(CALLS))("%s asks the file system just what it says", (of, call) => {
    const { kernel, calls } = served();
    kernel.deliver(captured(of as CapturedName));
    expect(calls).toEqual([call]);
  });

  test.each(Object.entries(REFUSALS))("%s is refused, and nobody is asked", (of, errno) => {
    const { kernel, calls } = served();
    const bytes = captured(of as CapturedName);
    kernel.deliver(bytes);
    expect(calls).toEqual([]);
    expect(kernel.replyTo(uniqueOf(bytes)).errno).toBe(errno);
  });

  test.each(CAPTURED_NAMES)("%s is answered exactly once, or never when none is expected", (of) => {
    const { kernel, complaints } = served({ forget: () => {} });
    const bytes = captured(of);
    kernel.deliver(bytes);
    const expected = UNANSWERED.includes(of) ? [] : [uniqueOf(bytes)];
    expect(kernel.replies.map(({ unique }) => unique)).toEqual(expected);
    expect(complaints).toEqual([]);
  });

  test("a batch of forgets forgets each inode as often as it says", () => {
    const { kernel, calls } = served({ forget: () => {} });
    kernel.deliver(captured("batchForget"));
    expect(calls).toEqual([
      ["forget", 8, 4],
      ["forget", 7, 2],
    ]);
  });
});

describe("an opcode", () => {
  // The numbers of the ABI and one beyond it, but INIT's, which ends the session over such nonsense.
  const numbers = Array.from({ length: 55 }, (_, number) => number).filter((it) => it !== 26);

  test.each(numbers)("%i with room for any struct is answered or deliberately silent", (opcode) => {
    const { kernel, complaints } = served({ forget: () => {} });
    kernel.deliver(compose(opcode, { unique: 8 }, Buffer.alloc(128)));
    const isSilent = [2, 36, 41, 42].includes(opcode);
    expect(kernel.replies).toHaveLength(isSilent ? 0 : 1);
    expect(complaints).toEqual([]);
  });

  test.each([7, 19, 54, 4096, 0xffff_ffff])("%i, which the ABI lacks, is refused", (opcode) => {
    const { kernel } = served();
    kernel.deliver(compose(opcode, { unique: 8 }, Buffer.alloc(128)));
    expect(kernel.replyTo(8).errno).toBe(ENOSYS);
  });

  test("fallocate that would punch a hole is refused as unsupported", () => {
    const { kernel } = served();
    kernel.deliver(compose(43, { unique: 8 }, u64(1, 0, 4096), u32(3, 0)));
    expect(kernel.replyTo(8).errno).toBe(EOPNOTSUPP);
  });

  test("destroy is acknowledged", () => {
    const { kernel } = served();
    kernel.deliver(compose(38, { unique: 8 }));
    expect(kernel.replyTo(8)).toMatchObject({ errno: 0, body: Buffer.alloc(0) });
  });

  test("a failure of the file system reaches the kernel as its errno", () => {
    const operations: Partial<Operations> = {
      unlink: () => {
        throw new Failure(EROFS);
      },
    };
    const { kernel } = served(operations);
    kernel.deliver(request.unlink({ unique: 8 }, "a"));
    expect(kernel.replyTo(8).errno).toBe(EROFS);
  });

  test.each([0, -5, 512, 1.5, Number.NaN])(
    "errno %d, which no kernel takes, becomes EIO",
    (errno) => {
      const { kernel } = served({}, { errnoOf: () => errno });
      kernel.deliver(request.unlink({ unique: 8 }, "a"));
      expect(kernel.replyTo(8).errno).toBe(EIO);
    },
  );
});

describe("a struct of a reply", () => {
  test("entry_out has the inode, the validities and all attributes in their places", () => {
    const { kernel } = served({ lookup: () => entryOf(0x12_3456_7890) });
    kernel.deliver(request.lookup({ unique: 8 }, "a"));
    const { body } = kernel.replyTo(8);
    expect(body).toHaveLength(128);
    expect(body.readBigUInt64LE(0)).toBe(0x12_3456_7890n);
    expect(body.readBigUInt64LE(8)).toBe(0n);
    expect([body.readBigUInt64LE(16), body.readUInt32LE(32)]).toEqual([1n, 500_000_000]);
    expect([body.readBigUInt64LE(24), body.readUInt32LE(36)]).toEqual([0n, 100_000_000]);
    const attr = body.subarray(40);
    expect(attr.readBigUInt64LE(0)).toBe(0x12_3456_7890n);
    expect(attr.readBigUInt64LE(8)).toBe(1000n);
    expect(attr.readBigUInt64LE(16)).toBe(2n);
    expect([attr.readBigInt64LE(24), attr.readUInt32LE(48)]).toEqual([1n, 0]);
    expect([attr.readBigInt64LE(32), attr.readUInt32LE(52)]).toEqual([2n, 500_000_000]);
    expect([attr.readBigInt64LE(40), attr.readUInt32LE(56)]).toEqual([-1n, 500_000_000]);
    expect(attr.readUInt32LE(60)).toBe(0o100644);
    const [nlink, uid, gid, rdev, blksize, flags] = [64, 68, 72, 76, 80, 84].map((at) =>
      attr.readUInt32LE(at),
    );
    expect({ nlink, uid, gid, rdev, blksize, flags }).toEqual({
      nlink: 1,
      uid: 10,
      gid: 20,
      rdev: 0,
      blksize: 4096,
      flags: 0,
    });
  });

  test("what is valid for ever is valid for 68 years, and what never was, not at all", () => {
    const entry = {
      ...entryOf(5),
      entryValidMs: Number.POSITIVE_INFINITY,
      attributesValidMs: Number.NaN,
    };
    const { kernel } = served({ lookup: () => entry });
    kernel.deliver(request.lookup({ unique: 8 }, "a"));
    const { body } = kernel.replyTo(8);
    expect(body.readBigUInt64LE(16)).toBe(0x7fff_ffffn);
    expect([body.readBigUInt64LE(24), body.readUInt32LE(36)]).toEqual([0n, 0]);
  });

  test("attr_out tells a directory by its mode", () => {
    const attributes = { ...entryOf(1).attributes, kind: "directory" as const, mode: 0o1755 };
    const { kernel } = served({ getattr: () => ({ attributes, validMs: 2000 }) });
    kernel.deliver(request.getattr({ unique: 8 }, 7));
    const { body } = kernel.replyTo(8);
    expect(body).toHaveLength(104);
    expect([body.readBigUInt64LE(0), body.readBigUInt64LE(8)]).toEqual([2n, 0n]);
    expect(body.readUInt32LE(16 + 60)).toBe(0o041755);
  });

  test("open_out has the handle and its flags, and nothing of the reply before", () => {
    const { kernel } = served({
      lookup: () => entryOf(5),
      open: () => ({ fh: 0x1_0000_0002, directIo: true, keepCache: true, noFlush: true }),
      opendir: () => ({ fh: 3 }),
    });
    kernel.deliver(request.lookup({ unique: 2 }, "a"), request.open({ unique: 4 }, 0));
    kernel.deliver(request.lookup({ unique: 6 }, "a"), request.opendir({ unique: 8 }));
    expect(kernel.replyTo(4).body).toEqual(Buffer.concat([u64(0x1_0000_0002), u32(1 + 2 + 32, 0)]));
    expect(kernel.replyTo(8).body).toEqual(Buffer.concat([u64(3), u32(0, 0)]));
  });

  test("create answers with an entry and a handle", () => {
    const created = { entry: entryOf(9), opened: { fh: 4 } };
    const { kernel } = served({ create: () => created });
    kernel.deliver(request.create({ unique: 8 }, "a", 0o100600));
    const { body } = kernel.replyTo(8);
    expect(body).toHaveLength(144);
    expect(body.readBigUInt64LE(0)).toBe(9n);
    expect(body.subarray(128)).toEqual(Buffer.concat([u64(4), u32(0, 0)]));
  });

  test("statfs_out has every count in its place", () => {
    const { kernel } = served({
      statfs: () => ({
        blockBytes: 1,
        fragmentBytes: 2,
        blocks: 2n ** 54n - 1n,
        blocksFree: 4n,
        blocksAvailable: 5n,
        files: 6n,
        filesFree: 7n,
        nameBytesMax: 255,
      }),
    });
    kernel.deliver(request.statfs({ unique: 8 }));
    expect(kernel.replyTo(8).body).toEqual(
      Buffer.concat([
        u32(0xffff_ffff, 0x003f_ffff),
        u64(4, 5, 6, 7),
        u32(1, 255, 2),
        Buffer.alloc(28),
      ]),
    );
  });

  test("setattr carries over just the fields that are valid", () => {
    const { kernel, calls } = served();
    const setattr = (valid: number): Buffer =>
      compose(
        4,
        { nodeid: 5 },
        u32(valid, 0),
        u64(77, 0x1_0000_0001, 0, 10, 20, 0),
        u32(500_000_000, 0, 0, 0o100640, 0, 1000, 1001, 0),
      );
    kernel.deliver(setattr(0b1111), setattr(1 << 6), setattr(0b1_1011_0000), setattr(0b11_0000));
    expect(calls).toEqual([
      ["setattr", 5, { mode: 0o640, uid: 1000, gid: 1001, sizeBytes: 0x1_0000_0001 }],
      ["setattr", 5, { fh: 77 }],
      ["setattr", 5, { atimeMs: "now", mtimeMs: "now" }],
      ["setattr", 5, { atimeMs: 10_500, mtimeMs: 20_000 }],
    ]);
  });
});

describe("a name", () => {
  const notUtf8 = Uint8Array.of(0x61, 0xff, 0x62);
  const lookup = (of: string | Uint8Array): Buffer => request.lookup({ unique: 8 }, of);

  test.each(["ünï", "日本", "\u{1F600}", "\uFEFFbom", "a b\n", "...", ".a"])(
    "%j arrives as it is",
    (text) => {
      const { kernel, calls } = served();
      kernel.deliver(lookup(text));
      expect(calls).toEqual([["lookup", 1, text]]);
    },
  );

  test("that is not UTF-8 does not exist, and cannot be made, and nobody is asked", () => {
    const noted: unknown[] = [];
    const { kernel, calls } = served({ noteRefusal: (refusal) => noted.push(refusal) });
    const mkdir = compose(9, { unique: 10 }, u32(0o755, 0), name(notUtf8));
    const renaming = compose(12, { unique: 12 }, u64(1), name("a"), name(notUtf8));
    kernel.deliver(lookup(notUtf8), mkdir, renaming);
    expect(kernel.replyTo(8).errno).toBe(ENOENT);
    expect(kernel.replyTo(10).errno).toBe(EINVAL);
    expect(kernel.replyTo(12).errno).toBe(EINVAL);
    expect(calls).toEqual([]);
    // For the log: a name that is not found is no news.
    const told = { name: undefined, errno: EINVAL };
    expect(noted).toEqual([
      expect.objectContaining({ opcode: "mkdir", ...told }),
      expect.objectContaining({ opcode: "rename", ...told }),
    ]);
  });

  test.each(["", ".", "..", "a/b", "/", "a\0b"])("%j is refused, and nobody is asked", (text) => {
    const { kernel, calls } = served();
    kernel.deliver(lookup(text));
    expect(kernel.replyTo(8).errno).toBe(EINVAL);
    expect(calls).toEqual([]);
  });

  test("without an end is refused, whatever lies behind it in the slot", () => {
    const { kernel, calls } = served();
    kernel.deliver(compose(1, { unique: 8 }, Buffer.from("abc")));
    kernel.deliver(compose(12, { unique: 10 }, u64(1), Buffer.from("abc")));
    kernel.deliver(compose(12, { unique: 12 }, u64(1), name("abc"), Buffer.from("d")));
    for (const unique of [8, 10, 12]) expect(kernel.replyTo(unique).errno).toBe(EIO);
    expect(calls).toEqual([]);
  });
});

describe("a number that no double holds", () => {
  const huge = 2n ** 53n;

  test("is refused as an inode or a handle", () => {
    const { kernel, calls } = served();
    kernel.deliver(request.lookup({ unique: 8, nodeid: huge }, "a"));
    kernel.deliver(request.read({ unique: 10 }, huge, 0, 10));
    expect([kernel.replyTo(8).errno, kernel.replyTo(10).errno]).toEqual([EIO, EIO]);
    expect(calls).toEqual([]);
  });

  test("is the end of the file as an offset to read from, and too big to write at", () => {
    const { kernel, calls } = served({ read: () => ({ parts: [], release: () => {} }) });
    kernel.deliver(request.read({ unique: 8 }, 1, 2n ** 63n, 10));
    kernel.deliver(request.write({ unique: 10 }, 1, huge, Buffer.from("x")));
    expect(calls).toEqual([["read", 1, Number.MAX_SAFE_INTEGER, 10]]);
    expect(kernel.replyTo(8)).toMatchObject({ errno: 0, body: Buffer.alloc(0) });
    expect(kernel.replyTo(10).errno).toBe(27);
  });
});
