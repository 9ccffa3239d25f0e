/** INIT, with kernels of several ages. */

import { describe, expect, test } from "vitest";

import { captured, uniqueOf } from "./captured.ts";
import { request } from "./requests.ts";
import { served } from "./served.ts";

const ALL_FLAGS = 0xffff_ffff;
const EINVAL = 22;

/** Bits of the kernel's header, by number. */
const bits = (...numbers: readonly number[]): number =>
  numbers.reduce((sum, number) => (sum | (1 << number)) >>> 0, 0);

/** ASYNC_READ, ATOMIC_O_TRUNC, BIG_WRITES, DO_READDIRPLUS, READDIRPLUS_AUTO, ASYNC_DIO, … */
const WANTED = bits(0, 3, 5, 13, 14, 15, 18, 22, 25, 28, 30);
const DIRECT_IO_ALLOW_MMAP = bits(4);

describe("INIT", () => {
  test("of Linux 6.18 is answered with what is wanted of its offer", async () => {
    const { kernel, session } = served();
    kernel.deliver(captured("init"));
    const { errno, body } = kernel.replyTo(uniqueOf(captured("init")));
    expect(errno).toBe(0);
    expect(body).toHaveLength(64);
    expect(body.readUInt32LE(0)).toBe(7);
    expect(body.readUInt32LE(4)).toBe(45);
    expect(body.readUInt32LE(8)).toBe(131072);
    expect(body.readUInt32LE(12)).toBe(WANTED & 0x73ff_fffb);
    expect([body.readUInt16LE(16), body.readUInt16LE(18)]).toEqual([64, 48]);
    expect(body.readUInt32LE(20)).toBe(1024 * 1024);
    expect(body.readUInt32LE(24)).toBe(1);
    expect([body.readUInt16LE(28), body.readUInt16LE(30)]).toEqual([256, 0]);
    expect(body.readUInt32LE(32)).toBe(DIRECT_IO_ALLOW_MMAP);
    expect(body.subarray(36)).toEqual(Buffer.alloc(28));
    await expect(session.initialized).resolves.toMatchObject({ minor: 45 });
  });

  test.each([
    [{ requestsMax: 65_535 }, [65_535, 48]],
    [{ congestionThreshold: 7 }, [64, 7]],
    [{ requestsMax: 1, congestionThreshold: 65_535 }, [1, 65_535]],
  ])("asks for as many requests in the background as %j says", (background, expected) => {
    const { kernel } = served({}, { background });
    kernel.deliver(captured("init"));
    const { body } = kernel.replyTo(uniqueOf(captured("init")));
    expect([body.readUInt16LE(16), body.readUInt16LE(18)]).toEqual(expected);
  });

  test("of Linux 5.4, which sends a short struct, is answered in its version", () => {
    const { kernel } = served();
    kernel.deliver(request.init(7, 31, bits(0, 5, 18, 22)));
    const { body } = kernel.replyTo(2);
    expect(body.readUInt32LE(4)).toBe(31);
    expect(body.readUInt32LE(12)).toBe(bits(0, 5, 18, 22));
    expect(body.readUInt32LE(32)).toBe(0);
  });

  test("of a later kernel is answered in ours", () => {
    const { kernel } = served();
    kernel.deliver(request.init(7, 99, ALL_FLAGS, ALL_FLAGS));
    const { body } = kernel.replyTo(2);
    expect(body.readUInt32LE(4)).toBe(45);
    expect(body.readUInt32LE(12)).toBe(WANTED);
    expect(body.readUInt32LE(32)).toBe(DIRECT_IO_ALLOW_MMAP);
  });

  test("without the extension flag has no second word of flags", () => {
    const { kernel } = served();
    kernel.deliver(request.init(7, 40, bits(0), ALL_FLAGS));
    expect(kernel.replyTo(2).body.readUInt32LE(32)).toBe(0);
  });

  test.each([bits(1), bits(7, 8, 9), bits(10), bits(12), bits(16), bits(17)])(
    "takes nothing of flags %i, which would change who does what",
    (flags) => {
      const { kernel } = served();
      kernel.deliver(request.init(7, 45, flags, 0));
      expect(kernel.replyTo(2).body.readUInt32LE(12)).toBe(0);
    },
  );

  test("of a later major version hears ours, and asks again", async () => {
    const { kernel, session } = served();
    kernel.deliver(request.init(8, 0, 0));
    expect(kernel.replyTo(2).body.readUInt32LE(0)).toBe(7);
    kernel.replies.length = 0;
    kernel.deliver(request.init(7, 45, 0, 0));
    expect(kernel.replyTo(2).body.readUInt32LE(4)).toBe(45);
    await session.initialized;
  });

  test.each([
    [7, 30],
    [7, 12],
    [6, 99],
  ])(
    "of version %i.%i is refused, and the session ends saying which it needs",
    async (...version) => {
      const { kernel, session } = served();
      kernel.deliver(request.init(...version, 0));
      expect(kernel.replyTo(2).errno).toBe(EINVAL);
      const failure = expect.objectContaining({
        kind: "kernel-too-old",
        message: expect.stringContaining(`FUSE ${version.join(".")}: 7.31 is needed`),
      });
      await expect(session.closed).rejects.toEqual(failure);
      await expect(session.initialized).rejects.toEqual(failure);
      expect(kernel.isClosed).toBe(true);
    },
  );
});
