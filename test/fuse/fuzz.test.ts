/** Anything may come out of /dev/fuse: nothing of it may throw, and all of it is answered. */

import fc from "fast-check";
import { expect, test } from "vitest";

import { CAPTURED_NAMES, captured } from "./captured.ts";
import { compose, u32 } from "./requests.ts";
import { entryOf, type Served, served, settled } from "./served.ts";

/** FORGET, INTERRUPT, NOTIFY_REPLY, BATCH_FORGET. */
const SILENT = new Set([2, 36, 41, 42]);
const INIT = 26;

function everythingWorks(): Served {
  const attributes = { attributes: entryOf(5).attributes, validMs: 0 };
  return served(
    {
      lookup: () => entryOf(5),
      forget: () => {},
      getattr: () => attributes,
      setattr: () => Promise.resolve(attributes),
      mknod: () => entryOf(5),
      mkdir: () => entryOf(5),
      unlink: () => {},
      rmdir: () => {},
      rename: () => {},
      open: () => ({ fh: 1 }),
      create: () => Promise.resolve({ entry: entryOf(5), opened: { fh: 1 } }),
      read: () => ({ parts: [], release: () => {} }),
      write: (_, _offset, data) => Promise.resolve(data.byteLength),
      flush: () => {},
      fsync: () => {},
      release: () => {},
      opendir: () => ({ fh: 1 }),
      readdir: (_fh, _offset, writer) => {
        const entry = {
          name: "n",
          ino: 5,
          kind: "file" as const,
          nextOffset: 1,
          entry: entryOf(5),
        };
        for (let count = 0; count < 100 && writer.add(entry); count += 1);
      },
      releasedir: () => {},
      statfs: () => ({
        blockBytes: 1,
        fragmentBytes: 1,
        blocks: 1n,
        blocksFree: 1n,
        blocksAvailable: 1n,
        files: 1n,
        filesFree: 1n,
        nameBytesMax: 1,
      }),
    },
    { isDying: () => true },
  );
}

/** Feeds `bytes` to a new session, and checks that it was answered if it had to be. */
async function feed(bytes: Uint8Array): Promise<void> {
  const { kernel, session } = everythingWorks();
  kernel.deliver(bytes);
  await settled();
  const view = Buffer.from(bytes);
  const isAnswered = view.length >= 40 && !SILENT.has(view.readUInt32LE(4));
  expect(kernel.replies).toHaveLength(isAnswered ? 1 : 0);
  if (isAnswered) expect(kernel.replies[0]?.unique).toBe(view.readBigUInt64LE(8));
  expect(session.gauges).toEqual({ pendingRequests: 0, keptPayloads: 0 });
  expect(kernel.isClosed).toBe(false);
}

const opcode = fc
  .oneof(fc.integer({ min: 0, max: 60 }), fc.nat(0xffff_ffff))
  .filter((it) => it !== INIT);
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

test("arbitrary bytes are answered, or dropped when there is nobody to answer", async () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).filter((it) => Buffer.from(it).at(4) !== INIT);
  await fc.assert(fc.asyncProperty(bytes, feed), { numRuns: 300 });
});

test("a header with any opcode, and arbitrary bytes behind it, is answered", async () => {
  const body = fc.uint8Array({ maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(opcode, u64, u64, body, async (code, unique, nodeid, bytes) => {
      await feed(compose(code, { unique, nodeid }, bytes));
    }),
    { numRuns: 500 },
  );
});

test("a real request with some of its bytes changed is answered", async () => {
  const name = fc.constantFrom(...CAPTURED_NAMES.filter((it) => it !== "init"));
  const change = fc.tuple(fc.integer({ min: 16, max: 200 }), fc.integer({ min: 0, max: 255 }));
  await fc.assert(
    fc.asyncProperty(
      name,
      fc.array(change, { minLength: 1, maxLength: 8 }),
      async (of, changes) => {
        const bytes = captured(of);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        await feed(bytes);
      },
    ),
    { numRuns: 500 },
  );
});

test("a real request that was cut off anywhere is answered, with and without a true length", async () => {
  for (const name of CAPTURED_NAMES) {
    const whole = captured(name);
    for (let length = 0; length < whole.length; length += 1) {
      if (name === "init" && length >= 40 + 16) continue;
      const cut = Buffer.from(whole.subarray(0, length));
      await feed(cut);
      if (length < 4) continue;
      u32(length).copy(cut);
      await feed(cut);
    }
  }
});

test("a batch that names more inodes than it carries forgets those that it carries", () => {
  const { kernel, calls } = everythingWorks();
  const one = Buffer.concat([
    Buffer.from("0900000000000000", "hex"),
    Buffer.from("0200000000000000", "hex"),
  ]);
  kernel.deliver(compose(42, {}, u32(0xffff_ffff, 0), one, one.subarray(0, 12)));
  expect(calls).toEqual([["forget", 9, 2]]);
});
