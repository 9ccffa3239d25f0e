/**
 * A channel over a pair of stream sockets in place of /dev/fuse: what goes in and out, when the loop
 * calls, and how it ends. What only the kernel can show is in mount.test.ts.
 */

import { once } from "node:events";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { EAGAIN, EBADF } from "../../src/base/errno.ts";
import { MIB } from "../../src/base/sizes.ts";
import { addon, type Channel } from "../../src/native/index.ts";

const ECANCELED = 125;
/** What a WRITE has before its payload. */
const HEAD_BYTES = 80;
const NOTHING: Uint8Array = new Uint8Array();

let ours: number;
let theirs: number;
let channel: Channel | undefined;

beforeEach(() => {
  const pair = addon().socketPair();
  if (typeof pair === "number") throw new Error(`socketPair: errno ${-pair}`);
  [ours, theirs] = pair;
});

afterEach(() => {
  channel?.close();
  channel = undefined;
  for (const fd of [ours, theirs]) if (fd >= 0) addon().closeDescriptor(fd);
});

function open(onReadable: () => void = () => {}): Channel {
  channel = addon().openChannel({ fd: ours, onReadable });
  return channel;
}

/** What arrived at the other end. */
function received(byteCount: number): Buffer {
  const bytes = Buffer.alloc(byteCount);
  return bytes.subarray(0, readSync(theirs, bytes));
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Fills the other end's buffer, so that the next write has no room. */
function fill(full: Channel): void {
  const bytes = new Uint8Array(MIB);
  while (full.reply(bytes, bytes.length) > 0);
}

/** Turns of the event loop while nothing happens for this long. */
async function turnsWithin(ms: number): Promise<number> {
  const { loopCount } = performance.nodeTiming.uvMetricsInfo;
  await setTimeout(ms);
  return performance.nodeTiming.uvMetricsInfo.loopCount - loopCount;
}

describe("busy polling", () => {
  /** Requests of a byte, each sent when the one before it has been taken. */
  async function receiveMany(count: number, busyPollMicros?: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const slot = new Uint8Array(HEAD_BYTES);
      let left = count;
      const onReadable = () => {
        expect(channel?.receive(slot, NOTHING)).toBe(1);
        left -= 1;
        if (left > 0) writeSync(theirs, "x");
        else resolve();
      };
      const options = busyPollMicros === undefined ? {} : { busyPollMicros };
      channel = addon().openChannel({ fd: ours, onReadable, ...options });
      writeSync(theirs, "x");
    });
  }

  test("keeps the loop awake behind requests that follow one another closely, and no longer", async () => {
    const turns = async () => {
      await receiveMany(2000, 5_000);
      const count = await turnsWithin(2);
      channel?.close();
      return count;
    };
    // On a busy machine the loop may itself wait for longer.
    await expect.poll(turns).toBeGreaterThan(100);
    await receiveMany(2000, 1_000_000);
    await expect.poll(() => turnsWithin(50)).toBeLessThan(10);
  });

  test.each([
    ["where it is off", 2000, undefined],
    ["behind a single request", 1, 1_000_000],
  ])("lets the loop sleep %s", async (_, count, busyPollMicros) => {
    await receiveMany(count, busyPollMicros);
    await expect.poll(() => turnsWithin(100)).toBeLessThan(10);
  });

  test("ends with its channel", async () => {
    await receiveMany(2000, 1_000_000);
    channel?.close();
    expect(await turnsWithin(10)).toBeLessThan(100);
  });

  test("is for a second at the most", () => {
    const busyPollMicros = 1_000_001;
    expect(() => addon().openChannel({ fd: ours, onReadable() {}, busyPollMicros })).toThrow(
      /busyPollMicros/,
    );
  });
});

describe("receive", () => {
  test("takes a request, and says that there is none", () => {
    const opened = open();
    const slot = new Uint8Array(HEAD_BYTES);
    expect(opened.receive(slot, NOTHING)).toBe(-EAGAIN);
    writeSync(theirs, "request");
    expect(opened.receive(slot, NOTHING)).toBe(7);
    expect(Buffer.from(slot.subarray(0, 7)).toString()).toBe("request");
    expect(opened.receive(slot, NOTHING)).toBe(-EAGAIN);
  });

  test.each([
    ["a WRITE into its payload", 16],
    ["anything else into one piece", 1],
  ])("takes %s, at their offsets and not beyond their ends", (_, opcode) => {
    const whole = new Uint8Array(addon().allocateHuge(2 * MIB));
    const head = whole.subarray(4096, 4096 + HEAD_BYTES + 3);
    const payload = whole.subarray(8192, 8192 + 3);
    const request = Buffer.alloc(HEAD_BYTES, 1);
    request.writeUInt32LE(opcode, 4);
    writeSync(theirs, Buffer.concat([request, Buffer.from("abcdefgh")]));
    expect(open().receive(head, payload)).toBe(HEAD_BYTES + 3);
    expect(Buffer.from(head.subarray(0, HEAD_BYTES))).toEqual(request);
    expect([...whole.subarray(8190, 8197)]).toEqual([0, 0, 97, 98, 99, 0, 0]);
    const behind = [...whole.subarray(4096 + HEAD_BYTES, 4096 + HEAD_BYTES + 5)];
    expect(behind).toEqual(opcode === 16 ? [0, 0, 0, 0, 0] : [97, 98, 99, 0, 0]);
  });

  test("refuses a head that does not hold what the payload does", () => {
    const opened = open();
    const payload = new Uint8Array(10);
    expect(() => opened.receive(new Uint8Array(HEAD_BYTES + 9), payload)).toThrow(RangeError);
  });
});

describe("a reply", () => {
  test("is the first bytes of a message", () => {
    expect(open().reply(Buffer.from("message and more"), 7)).toBe(7);
    expect(received(64).toString()).toBe("message");
  });

  test("is a header and a range of data", () => {
    const data = Buffer.from("....data....");
    expect(open().replyRange(Buffer.from("head...."), 4, data, 4, 4)).toBe(8);
    expect(received(64).toString()).toBe("headdata");
    expect(channel?.replyRange(Buffer.from("head"), 4, data, 12, 0)).toBe(4);
    expect(received(64).toString()).toBe("head");
  });

  test.for([0, 1, 16, 1000])("is a header and %i parts", (count) => {
    const parts = Array.from({ length: count }, (_, i) => Buffer.from(`[${i}]`));
    const expected = `head${Buffer.concat(parts).toString()}`;
    expect(open().replyVector(Buffer.from("head"), 4, parts)).toBe(expected.length);
    expect(received(8192).toString()).toBe(expected);
  });

  test("that does not fit now is -EAGAIN", () => {
    const full = open();
    fill(full);
    expect(full.reply(new Uint8Array(MIB), MIB)).toBe(-EAGAIN);
  });

  test("beyond the end of a view is refused", () => {
    const [header, data] = [new Uint8Array(16), new Uint8Array(100)];
    const opened = open();
    expect(() => opened.reply(header, 17)).toThrow(RangeError);
    expect(() => opened.reply(header, -1)).toThrow(RangeError);
    expect(() => opened.replyRange(header, 17, data, 0, 1)).toThrow(RangeError);
    expect(() => opened.replyRange(header, 16, data, 101, 0)).toThrow(RangeError);
    expect(() => opened.replyRange(header, 16, data, 50, 51)).toThrow(RangeError);
    expect(() => opened.replyRange(header, 16, data, 2 ** 53, 2 ** 53)).toThrow(RangeError);
    expect(() => opened.replyRange(header, 16, data, 0.5, 1)).toThrow(RangeError);
    const tooMany = new Array<Uint8Array>(1001).fill(data);
    expect(() => opened.replyVector(header, 16, tooMany)).toThrow(RangeError);
    structuredClone(data.buffer, { transfer: [data.buffer] });
    expect(() => opened.replyRange(header, 16, data, 0, 1)).toThrow(RangeError);
    expect(opened.reply(header, 16)).toBe(16);
    expect(received(64).length).toBe(16);
  });

  test("of anything but bytes is refused", () => {
    const bytes = new Uint8Array(16);
    const opened = open();
    const others: unknown[] = [
      undefined,
      null,
      1,
      "text",
      {},
      [],
      new ArrayBuffer(8),
      new DataView(bytes.buffer),
    ];
    for (const other of [...others, new Int8Array(8), new Float64Array(8)] as Uint8Array[]) {
      expect(() => opened.receive(other, bytes)).toThrow(TypeError);
      expect(() => opened.receive(bytes, other)).toThrow(TypeError);
      expect(() => opened.reply(other, 0)).toThrow(TypeError);
      expect(() => opened.replyRange(bytes, 16, other, 0, 0)).toThrow(TypeError);
      expect(() => opened.replyVector(bytes, 16, [bytes, other])).toThrow(TypeError);
      expect(() => opened.notify(other)).toThrow(TypeError);
    }
    expect(() => opened.reply(bytes, "1" as unknown as number)).toThrow(TypeError);
    expect(() => opened.replyVector(bytes, 16, bytes as unknown as Uint8Array[])).toThrow(
      TypeError,
    );
  });
});

describe("the loop", () => {
  test("calls when there is something to read, as long as there is", async () => {
    const slot = new Uint8Array(HEAD_BYTES);
    let text = "";
    const done = new Promise<void>((resolve) => {
      const opened = open(() => {
        const count = opened.receive(slot, NOTHING);
        text += Buffer.from(slot.subarray(0, count)).toString();
        if (text.endsWith(".")) resolve();
      });
    });
    const long = `${"taken in parts of eighty ".repeat(10)}.`;
    writeSync(theirs, long);
    await done;
    expect(text).toBe(long);
  });

  test("runs the promises that a call settled before it calls again", async () => {
    const order: string[] = [];
    const settle = async () => {
      await Promise.resolve();
      order.push("promise");
    };
    const opened = open(() => {
      opened.receive(new Uint8Array(HEAD_BYTES), NOTHING);
      order.push("call");
      settling.push(settle());
    });
    const settling: Promise<void>[] = [];
    writeSync(theirs, "1".repeat(2 * HEAD_BYTES));
    while (order.length < 4) await nextTurn();
    await Promise.all(settling);
    expect(order).toEqual(["call", "promise", "call", "promise"]);
  });

  test("does not call while paused", async () => {
    let calls = 0;
    const slot = new Uint8Array(HEAD_BYTES);
    const opened = open(() => {
      calls++;
      opened.receive(slot, NOTHING);
      opened.pause();
    });
    writeSync(theirs, "1");
    while (calls === 0) await nextTurn();
    writeSync(theirs, "2");
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    expect(calls).toBe(1);
    opened.resume();
    opened.resume();
    while (calls === 1) await nextTurn();
    expect(calls).toBe(2);
  });

  test("never calls after close, which may come from within a call and more than once", async () => {
    let calls = 0;
    const opened = open(() => {
      calls++;
      opened.close();
      opened.close();
    });
    writeSync(theirs, "not taken");
    while (calls === 0) await nextTurn();
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    expect(calls).toBe(1);
  });

  test("treats what a call throws as an uncaught exception", async () => {
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    try {
      const opened = open(() => {
        opened.close();
        throw new Error("thrown in onReadable");
      });
      const caught = once(process, "uncaughtException");
      writeSync(theirs, "x");
      expect(await caught).toMatchObject([
        { message: "thrown in onReadable" },
        "uncaughtException",
      ]);
    } finally {
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
  });
});

describe("openChannel", () => {
  test("says why a descriptor cannot be watched", () => {
    const file = openSync(import.meta.filename, "r");
    const onReadable = () => {};
    expect(() => addon().openChannel({ fd: file, onReadable })).toThrow(
      expect.objectContaining({ code: "EPERM" }),
    );
    closeSync(file);
    expect(() => addon().openChannel({ fd: 1_000_000, onReadable })).toThrow(
      expect.objectContaining({ code: "EBADF" }),
    );
    open();
    expect(() => open()).toThrow(expect.objectContaining({ code: "EEXIST" }));
  });

  test("refuses wrong options, and its methods a wrong receiver", () => {
    const openChannel = addon().openChannel as (options?: unknown) => Channel;
    expect(() => openChannel()).toThrow(TypeError);
    expect(() => openChannel(1)).toThrow(TypeError);
    expect(() => openChannel({ fd: ours })).toThrow(TypeError);
    expect(() => openChannel({ onReadable() {} })).toThrow(TypeError);
    expect(() => openChannel({ fd: -1, onReadable() {} })).toThrow(RangeError);
    const opened = open();
    const { receive } = opened;
    expect(() => receive.call({} as Channel, new Uint8Array(HEAD_BYTES), NOTHING)).toThrow(
      TypeError,
    );
    const Class = opened.constructor as new () => Channel;
    expect(() => new Class().receive(new Uint8Array(HEAD_BYTES), NOTHING)).toThrow(TypeError);
    expect(() => new Class().close()).toThrow(TypeError);
  });

  test("can be given a descriptor again once its channel is closed", () => {
    for (let round = 0; round < 3; round++) {
      expect(open().reply(Buffer.from("again"), 5)).toBe(5);
      channel?.close();
    }
    expect(received(64).toString()).toBe("againagainagain");
  });
});

describe("a notification", () => {
  test("is written by another thread, in order", async () => {
    const opened = open();
    const message = Buffer.from("0");
    const results: Promise<number>[] = [];
    for (let i = 0; i < 10; i++) {
      message[0] = 0x30 + i;
      results.push(opened.notify(message));
    }
    expect(await Promise.all(results)).toEqual(new Array(10).fill(0));
    expect(received(64).toString()).toBe("0123456789");
  });

  test("that fails resolves with the errno", async () => {
    const opened = open();
    fill(opened);
    expect(await opened.notify(new Uint8Array(MIB))).toBe(-EAGAIN);
  });

  test("beyond the bound of the queue resolves with -EAGAIN, and the rest at close", async () => {
    const opened = open();
    fill(opened);
    addon().setNonBlocking(ours, false);
    // The thread is stuck in the first of these, since nobody reads.
    const stuck = Array.from({ length: 16 }, () => opened.notify(new Uint8Array(MIB)));
    expect(await opened.notify(new Uint8Array(1))).toBe(-EAGAIN);
    opened.close();
    expect(await Promise.all(stuck)).toEqual(new Array(16).fill(-ECANCELED));
  });
});

test("a closed channel answers -EBADF, though its descriptor is open", async () => {
  const opened = open();
  const bytes = new Uint8Array(HEAD_BYTES);
  opened.close();
  expect(opened.receive(bytes, NOTHING)).toBe(-EBADF);
  expect(opened.reply(bytes, 16)).toBe(-EBADF);
  expect(opened.replyRange(bytes, 16, bytes, 0, 16)).toBe(-EBADF);
  expect(opened.replyVector(bytes, 16, [bytes])).toBe(-EBADF);
  expect(await opened.notify(bytes)).toBe(-EBADF);
  opened.pause();
  opened.resume();
});
