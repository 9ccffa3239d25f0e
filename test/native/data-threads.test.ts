/** Data threads: what they receive for wires, what they write for channels, and how either ends. */

import { mkdtempSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { EAGAIN, EBADF, EBUSY, EPROTO } from "../../src/base/errno.ts";
import { KIB, MIB } from "../../src/base/sizes.ts";
import { addon, type TlsContext } from "../../src/native/index.ts";
import * as wires from "./wires.ts";
import { arrived, cleanUp, cleanUps, handshake, type Line, pattern } from "./wires.ts";

const ECONNRESET = 104;
const BYTES_MIN = 64 * KIB;

let directory = "";
let certificate = { key: "", cert: "" };
let context: TlsContext | undefined;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "data-threads-test-"));
  certificate = wires.selfSigned(directory);
  const suites = "TLS_AES_128_GCM_SHA256";
  context = addon().openTlsContext([certificate.cert], false, suites, "DEFAULT");
});

afterAll(() => rmSync(directory, { recursive: true }));

beforeEach(() => {
  expect(addon().setDataThreads(2, BYTES_MIN)).toBe(0);
});

afterEach(() => {
  cleanUp();
  // Nothing is on loan once every wire is closed.
  expect(addon().setDataThreads(0, 0)).toBe(0);
});

/** Lends `target` until it is full or the loan ends before, and resolves with that: how much came, and why. */
async function lendUntilOver(line: Line, target: Uint8Array): Promise<[number, number]> {
  let event = line.loanEvent();
  expect(line.wire.lend(target)).toBe(true);
  for (let filled = 0; ; event = line.loanEvent()) {
    const count = await event;
    if (count <= 0) return [filled, count];
    filled += count;
    if (filled === target.length) return [filled, 0];
  }
}

async function plain(): Promise<Line & { sender: Socket }> {
  const line = await wires.plainLine();
  return { ...line, sender: line.peer };
}

async function secure(maxVersion: "TLSv1.2" | "TLSv1.3"): Promise<Line & { sender: Socket }> {
  const line = await wires.tlsLine({ ...certificate, maxVersion });
  expect(await handshake(line, "localhost", context)).toBe(0);
  const sender = await line.secured;
  // Node must be done with the handshake, within which it told of it, before a test can end.
  await new Promise(setImmediate);
  return { ...line, sender };
}

describe.each([
  ["plain", plain],
  ["of TLS 1.2", () => secure("TLSv1.2")],
  ["of TLS 1.3", () => secure("TLSv1.3")],
] as const)("a wire, %s,", (_, connect) => {
  test("has targets filled one after the other, beside reads of its own", async () => {
    const line = await connect();
    const bytes = pattern(5 * MIB + 1000);
    const received = Buffer.alloc(bytes.length);
    line.sender.write(bytes);
    for (let at = 0; at < 5 * MIB; at += MIB) {
      const target = received.subarray(at, at + MIB);
      expect(await lendUntilOver(line, target)).toEqual([MIB, 0]);
    }
    expect(line.wire.lend(received.subarray(5 * MIB))).toBe(false);
    received.set(await wires.readAll(line, 1000), 5 * MIB);
    expect(received.equals(bytes)).toBe(true);
    expect(line.wire.isDrained()).toBe(true);
  });

  test("tells of what has come when no more comes for now", async () => {
    const line = await connect();
    const bytes = pattern(BYTES_MIN);
    const target = Buffer.alloc(BYTES_MIN);
    let event = line.loanEvent();
    expect(line.wire.lend(target)).toBe(true);
    for (let sent = 0, filled = 0; sent < bytes.length; sent += 8 * KIB) {
      line.sender.write(bytes.subarray(sent, sent + 8 * KIB));
      while (filled < sent + 8 * KIB) {
        filled += await event;
        event = line.loanEvent();
      }
    }
    expect(target.equals(bytes)).toBe(true);
  });

  test("is nobody else's while a target is on loan", async () => {
    const { wire } = await connect();
    expect(wire.lend(Buffer.alloc(BYTES_MIN))).toBe(true);
    expect(wire.lend(Buffer.alloc(BYTES_MIN))).toBe(false);
    expect(wire.read(Buffer.alloc(1))).toBe(-EBUSY);
    expect(wire.write(Buffer.alloc(1), false)).toBe(-EBUSY);
    expect(wire.isDrained()).toBe(false);
    expect(wire.failure()).toBe("");
    expect(addon().setDataThreads(1, 1)).toBe(-EBUSY);
  });

  test("writes again behind a loan", async () => {
    const line = await connect();
    line.sender.write(pattern(BYTES_MIN));
    await lendUntilOver(line, Buffer.alloc(BYTES_MIN));
    const there = arrived(line.sender, 3 * MIB);
    await wires.writeAll(line, pattern(3 * MIB));
    expect((await there).equals(pattern(3 * MIB))).toBe(true);
  });

  test("tells the peer's end behind what came before it", async () => {
    const line = await connect();
    line.sender.end(pattern(100_000));
    const target = Buffer.alloc(MIB);
    expect(await lendUntilOver(line, target)).toEqual([100_000, 0]);
    expect(target.subarray(0, 100_000).equals(pattern(100_000))).toBe(true);
    expect(line.wire.read(target)).toBe(0);
  });

  test("tells a reset", async () => {
    const line = await connect();
    const over = lendUntilOver(line, Buffer.alloc(MIB));
    line.peer.resetAndDestroy();
    expect(await over).toEqual([0, -ECONNRESET]);
  });

  test("writes nothing into a target once it is closed, and tells nothing", async () => {
    const bytes = pattern(4 * MIB);
    for (let round = 0; round < 4; round++) {
      const line = await connect();
      const target = Buffer.alloc(4 * MIB);
      const begun = line.loanEvent();
      expect(line.wire.lend(target)).toBe(true);
      line.sender.write(bytes);
      await begun;
      let isTold = false;
      void line.loanEvent().then(() => {
        isTold = true;
      });
      line.wire.close();
      const left = Buffer.from(target);
      await new Promise((resolve) => line.sender.resume().on("close", resolve));
      expect(target.equals(left)).toBe(true);
      expect(isTold).toBe(false);
      expect(line.wire.lend(target)).toBe(false);
    }
  });
});

test("a record that was altered is not believed", async () => {
  const line = await wires.tlsLine({ ...certificate, minVersion: "TLSv1.3" });
  expect(await handshake(line, "localhost", context)).toBe(0);
  await line.secured;
  await new Promise(setImmediate);
  const over = lendUntilOver(line, Buffer.alloc(MIB));
  line.peer.write(Buffer.concat([Buffer.from([23, 3, 3, 64, 0]), pattern(16 * KIB)]));
  expect(await over).toEqual([0, -EPROTO]);
  expect(line.wire.failure()).toMatch(/TLS failed/);
});

test("many wires are filled at once, and some closed meanwhile", async () => {
  const bytes = pattern(2 * MIB);
  const lines = await Promise.all(Array.from({ length: 24 }, plain));
  await Promise.all(
    lines.map(async (line, index) => {
      line.sender.write(bytes);
      if (index % 3 === 0) {
        const begun = line.loanEvent();
        line.wire.lend(Buffer.alloc(2 * MIB));
        await begun;
        line.wire.close();
        return;
      }
      const target = Buffer.alloc(2 * MIB);
      expect(await lendUntilOver(line, target)).toEqual([2 * MIB, 0]);
      expect(target.equals(bytes)).toBe(true);
    }),
  );
});

test("a callback may close the wire and end the threads", async () => {
  const line = await plain();
  const event = line.loanEvent();
  expect(line.wire.lend(Buffer.alloc(BYTES_MIN))).toBe(true);
  line.sender.write(pattern(1000));
  // Goes on before the addon's call of the callback returns.
  await event;
  line.wire.close();
  expect(addon().setDataThreads(0, 0)).toBe(0);
});

describe("a channel", () => {
  let ours: number;
  let theirs: number;

  beforeEach(() => {
    const pair = addon().socketPair();
    if (typeof pair === "number") throw new Error(`socketPair: errno ${-pair}`);
    [ours, theirs] = pair;
    cleanUps.push(() => {
      for (const fd of [ours, theirs]) addon().closeDescriptor(fd);
    });
  });

  function open() {
    const channel = addon().openChannel({ fd: ours, onReadable() {} });
    cleanUps.unshift(() => channel.close());
    return channel;
  }

  function take(byteCount: number): Buffer {
    const other = addon().openChannel({ fd: theirs, onReadable() {} });
    const bytes = Buffer.alloc(80 + byteCount);
    const count = other.receive(bytes, new Uint8Array(byteCount));
    other.close();
    return bytes.subarray(0, Math.max(count, 0));
  }

  test("has large replies written for it, and small ones not", async () => {
    const channel = open();
    const header = Buffer.from("header and more");
    const data = pattern(BYTES_MIN + 10);
    const range = channel.replyRange(header, 6, data, 10, BYTES_MIN);
    // It may be composed anew at once.
    header.fill("x", 0, 6);
    expect(range).toBeInstanceOf(Promise);
    expect(await range).toBe(6 + BYTES_MIN);
    expect(take(MIB)).toEqual(Buffer.concat([Buffer.from("header"), data.subarray(10)]));
    header.write("HEADER");
    const parts = [data.subarray(0, 5), data.subarray(5, BYTES_MIN)];
    const vector = channel.replyVector(header, 6, parts);
    expect(vector).toBeInstanceOf(Promise);
    expect(await vector).toBe(6 + BYTES_MIN);
    expect(take(MIB)).toEqual(Buffer.concat([Buffer.from("HEADER"), ...parts]));
    expect(channel.replyRange(header, 6, data, 0, BYTES_MIN - 1)).toBe(6 + BYTES_MIN - 1);
  });

  test("hears what the kernel says to them", async () => {
    const channel = open();
    const data = new Uint8Array(BYTES_MIN);
    while (channel.reply(data, BYTES_MIN - 1) > 0);
    expect(await channel.replyRange(data, 1, data, 0, BYTES_MIN)).toBe(-EAGAIN);
  });

  test("settles every reply when it is closed, written or not", async () => {
    const data = new Uint8Array(BYTES_MIN);
    const channel = open();
    const replies = Array.from({ length: 50 }, () =>
      channel.replyRange(data, 16, data, 0, data.length),
    );
    channel.close();
    // Nobody reads, so that not all that were written had room.
    for (const result of await Promise.all(replies)) {
      if (result < 0) expect([-EAGAIN, -EBADF]).toContain(result);
    }
    expect(channel.replyRange(data, 16, data, 0, data.length)).toBe(-EBADF);
  });
});

test("there are 64 threads at the most", () => {
  expect(() => addon().setDataThreads(65, 0)).toThrow(RangeError);
  expect(addon().setDataThreads(64, 0)).toBe(0);
});
