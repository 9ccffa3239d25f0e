/** Draining, parking, replying, ending: the session over a kernel that the test plays. */

import { describe, expect, test } from "vitest";

import { deferred } from "../../src/base/deferred.ts";
import { EACCES, ECONNABORTED, EINVAL, EIO, ENOENT } from "../../src/base/errno.ts";
import { ENTRY_OUT } from "../../src/fuse/abi.ts";
import { request, u64 } from "./requests.ts";
import { attributesOf, entryOf, Failure, served, settled } from "./served.ts";

const SLOTS = 512;
/** Requests that are served before the event loop has its turn. */
const TURN = 64;
const IDLE = { pendingRequests: 0, keptPayloads: 0 };

describe("a request", () => {
  test("whose operation answers at once is answered in the same turn", () => {
    const { kernel, session } = served({
      getattr: (ino) => ({ attributes: attributesOf(ino), validMs: 0 }),
    });
    kernel.deliver(request.getattr({ unique: 8, nodeid: 5 }));
    expect(kernel.replyTo(8).errno).toBe(0);
    expect(session.gauges).toEqual(IDLE);
  });

  test("whose operation takes its time is answered when it is done, in any order", async () => {
    const first = deferred<ReturnType<typeof entryOf>>();
    const { kernel, session } = served({
      lookup: (_, name) => (name === "first" ? first.promise : Promise.resolve(entryOf(7))),
    });
    kernel.deliver(
      request.lookup({ unique: 8 }, "first"),
      request.lookup({ unique: 10 }, "second"),
    );
    expect(session.gauges.pendingRequests).toBe(2);
    await settled();
    expect(kernel.replies.map(({ unique }) => unique)).toEqual([10n]);
    first.resolve(entryOf(6));
    await settled();
    expect(kernel.replyTo(8).body.readBigUInt64LE(0)).toBe(6n);
    expect(session.gauges).toEqual(IDLE);
  });

  test("whose operation fails later is answered with its errno", async () => {
    const { kernel, session } = served({ lookup: () => Promise.reject(new Failure(ENOENT)) });
    kernel.deliver(request.lookup({ unique: 8 }, "a"));
    await settled();
    expect(kernel.replyTo(8).errno).toBe(ENOENT);
    expect(session.gauges).toEqual(IDLE);
  });

  test("that looks for a missing name is answered with how long to believe it, if that is known", async () => {
    const { kernel } = served(
      {
        lookup: (_, name) => {
          if (name === "now") throw new Failure(ENOENT);
          return Promise.reject(new Failure(name === "later" ? ENOENT : EIO));
        },
        unlink: () => Promise.reject(new Failure(ENOENT)),
      },
      { absentMsOf: () => 2500 },
    );
    kernel.deliver(
      request.lookup({ unique: 8 }, "now"),
      request.lookup({ unique: 10 }, "later"),
      request.lookup({ unique: 12 }, "broken"),
      request.unlink({ unique: 14 }, "now"),
    );
    await settled();
    for (const unique of [8, 10]) {
      const { errno, body } = kernel.replyTo(unique);
      expect([errno, body.length]).toEqual([0, ENTRY_OUT.bytes]);
      expect(body.readBigUInt64LE(ENTRY_OUT.nodeid)).toBe(0n);
      expect(body.readBigUInt64LE(ENTRY_OUT.entryValid)).toBe(2n);
      expect(body.readUInt32LE(ENTRY_OUT.entryValidNsec)).toBe(500_000_000);
    }
    expect([12, 14].map((unique) => kernel.replyTo(unique).errno)).toEqual([EIO, ENOENT]);
  });

  test("keeps its unique number whole", () => {
    const { kernel } = served({ unlink: () => {} });
    const unique = 0xfedc_ba98_7654_3210n;
    kernel.deliver(request.unlink({ unique }, "a"));
    expect(kernel.replyTo(unique).errno).toBe(0);
  });

  test("is one of 64 at most before the event loop has its turn", () => {
    const { kernel } = served({ unlink: () => {} });
    const many = Array.from({ length: 100 }, (_, i) => request.unlink({ unique: 2 * i }, "a"));
    kernel.queue(...many);
    kernel.wake();
    expect([kernel.replies.length, kernel.waitingCount]).toEqual([64, 36]);
    kernel.wake();
    expect([kernel.replies.length, kernel.waitingCount]).toEqual([100, 0]);
  });

  test("that is shorter or longer than it says is refused", () => {
    const { kernel, calls } = served();
    const whole = request.read({ unique: 8 }, 1, 0, 10);
    kernel.deliver(whole.subarray(0, 60), Buffer.concat([request.statfs({ unique: 10 }), u64(0)]));
    expect([kernel.replyTo(8).errno, kernel.replyTo(10).errno]).toEqual([EIO, EIO]);
    expect(calls).toEqual([]);
  });

  test("without a whole header is dropped", () => {
    const { kernel, complaints } = served();
    kernel.deliver(Buffer.alloc(39));
    expect(kernel.replies).toEqual([]);
    expect(complaints).toEqual(["ignored a request of 39 bytes"]);
  });

  test("of a stranger is refused with allowedUids, but for what is open already", () => {
    const { kernel, calls } = served(
      { unlink: () => {}, read: () => ({ parts: [], release: () => {} }) },
      { allowedUids: [0, 1000] },
    );
    kernel.deliver(
      request.unlink({ unique: 2, uid: 1001 }, "a"),
      request.unlink({ unique: 4, uid: 1000 }, "a"),
      request.unlink({ unique: 6, uid: 0 }, "a"),
      request.read({ unique: 8, uid: 1001 }, 1, 0, 10),
    );
    expect([2, 4, 6, 8].map((unique) => kernel.replyTo(unique).errno)).toEqual([EACCES, 0, 0, 0]);
    expect(calls).toHaveLength(3);
  });
});

describe("READ", () => {
  const lending = (...parts: readonly Uint8Array[]) => {
    const reply = { parts, released: 0, release: () => {} };
    reply.release = () => {
      reply.released += 1;
    };
    return reply;
  };
  const bytes = Buffer.from("abcdefgh");

  test.each([
    ["no part", []],
    ["one part", [bytes]],
    ["several parts", [bytes.subarray(0, 3), bytes.subarray(3)]],
    ["an empty part", [bytes.subarray(0, 0)]],
  ])("sends %s and releases once", async (_, parts) => {
    for (const wrap of [<T>(it: T) => it, <T>(it: T) => Promise.resolve(it)]) {
      const reply = lending(...parts);
      const { kernel } = served({ read: () => wrap(reply) });
      kernel.deliver(request.read({ unique: 8 }, 1, 0, 8));
      await settled();
      expect(kernel.replyTo(8).body).toEqual(Buffer.concat(parts));
      expect(reply.released).toBe(1);
    }
  });

  test("releases once when the kernel does not take the bytes", () => {
    const reply = lending(bytes);
    const { kernel, complaints } = served({ read: () => reply });
    kernel.refuse = () => -ENOENT;
    kernel.deliver(request.read({ unique: 8 }, 1, 0, 8));
    expect(reply.released).toBe(1);
    expect(complaints).toEqual([]);
  });

  describe("whose reply takes its time", () => {
    function writing() {
      const reply = lending(bytes);
      const written = deferred<void>();
      const all = served({
        read: () => reply,
        getattr: () => ({ attributes: attributesOf(1), validMs: 0 }),
      });
      all.kernel.writesDataAfter = written.promise;
      all.kernel.deliver(request.read({ unique: 8 }, 1, 0, 8));
      return { ...all, reply, written };
    }

    test("keeps its bytes until then, and others are answered meanwhile", async () => {
      const { kernel, reply, session, written } = writing();
      kernel.deliver(request.getattr({ unique: 10, nodeid: 1 }));
      await settled();
      expect(kernel.replies.map(({ unique }) => unique)).toEqual([10n]);
      expect(reply.released).toBe(0);
      expect(session.gauges.pendingRequests).toBe(1);
      written.resolve();
      await settled();
      expect(kernel.replyTo(8).body).toEqual(bytes);
      expect(reply.released).toBe(1);
      expect(session.gauges).toEqual(IDLE);
    });

    test("is EIO when the kernel does not take it", async () => {
      const { complaints, kernel, reply, written } = writing();
      kernel.refuse = ({ errno }) => (errno === 0 ? -EINVAL : undefined);
      written.resolve();
      await settled();
      expect(kernel.replyTo(8).errno).toBe(EIO);
      expect(reply.released).toBe(1);
      expect(complaints).toHaveLength(1);
    });

    test("gives its bytes back when the session ends before", async () => {
      const { complaints, kernel, reply, session, written } = writing();
      session.close();
      written.resolve();
      await settled();
      expect(reply.released).toBe(1);
      expect(kernel.replies).toEqual([]);
      expect(complaints).toEqual([]);
      expect(session.gauges).toEqual(IDLE);
    });
  });

  test("with more bytes than were asked for ends the session, and releases", async () => {
    const reply = lending(bytes, bytes);
    const { kernel, session } = served({ read: () => reply });
    kernel.deliver(request.read({ unique: 8 }, 1, 0, 15));
    await expect(session.closed).rejects.toThrow("a read returns no more than was asked for");
    expect(reply.released).toBe(1);
  });

  test("with more bytes than were asked for ends the session also when it comes late", async () => {
    const reply = lending(bytes);
    const { kernel, session } = served({ read: () => Promise.resolve(reply) });
    kernel.deliver(request.read({ unique: 8 }, 1, 0, 7));
    await expect(session.closed).rejects.toThrow("a read returns no more than was asked for");
    expect(reply.released).toBe(1);
  });
});

describe("WRITE", () => {
  test("keeps its payload in place while the next requests come in", async () => {
    const seen: Uint8Array[] = [];
    const done = deferred<void>();
    const { kernel, session } = served({
      write: (_, _offset, data) => {
        seen.push(data);
        return done.promise.then(() => data.byteLength);
      },
    });
    const payloads = [1, 2, 3].map((value) => Buffer.alloc(100_000, value));
    kernel.deliver(...payloads.map((data, i) => request.write({ unique: 2 * i }, 1, 0, data)));
    expect(session.gauges).toEqual({ pendingRequests: 3, keptPayloads: 3 });
    expect(seen.every((data, i) => payloads[i]?.equals(data))).toBe(true);
    done.resolve();
    await settled();
    for (const unique of [0, 2, 4]) {
      expect(kernel.replyTo(unique).body).toEqual(u64(100_000));
    }
    expect(session.gauges).toEqual(IDLE);
  });

  test("is served when its reply has gone, and its payload is still there", () => {
    const seen: unknown[] = [];
    let payload: Uint8Array = new Uint8Array();
    const { kernel } = served(
      {
        write: (_, _offset, data) => {
          payload = data;
          return data.byteLength;
        },
      },
      { onServed: () => seen.push(kernel.replies.length, payload[0], payload.at(-1)) },
    );
    const payloads = [1, 2].map((value) => Buffer.alloc(100_000, value));
    kernel.deliver(...payloads.map((data, i) => request.write({ unique: 2 * i }, 1, 0, data)));
    expect(seen).toEqual([1, 1, 1, 2, 2, 2]);
  });

  test("that is answered at once keeps nothing", () => {
    const { kernel, session } = served({ write: (_, _offset, data) => data.byteLength });
    kernel.deliver(request.write({ unique: 2 }, 1, 0, Buffer.alloc(1024 * 1024, 7)));
    expect(kernel.replyTo(2).body).toEqual(u64(1024 * 1024));
    expect(session.gauges).toEqual(IDLE);
  });

  test("stops the channel when no slot is free, and starts it again with the first that is", async () => {
    const waiting: ((taken: number) => void)[] = [];
    const { kernel, session } = served({
      write: () => new Promise((resolve) => waiting.push(resolve)),
      unlink: () => {},
    });
    const write = (i: number): Buffer => request.write({ unique: 2 * i }, 1, 0, Buffer.from("x"));
    for (let from = 0; from < SLOTS; from += TURN) {
      kernel.deliver(...Array.from({ length: TURN }, (_, i) => write(from + i)));
    }
    expect(kernel.isPaused).toBe(true);
    expect(session.gauges).toEqual({ pendingRequests: SLOTS, keptPayloads: SLOTS });

    kernel.deliver(request.unlink({ unique: 10_000 }, "a"));
    expect(kernel.waitingCount).toBe(1);
    waiting[5]?.(1);
    await settled();
    expect(kernel.isPaused).toBe(false);
    kernel.deliver();
    expect(kernel.replyTo(10_000).errno).toBe(0);

    for (const resolve of waiting) resolve(1);
    await settled();
    expect(session.gauges).toEqual(IDLE);
    expect(kernel.replies).toHaveLength(SLOTS + 1);
  });

  test("that fails late gives its slot back", async () => {
    const { kernel, session } = served({ write: () => Promise.reject(new Failure(EIO)) });
    kernel.deliver(request.write({ unique: 2 }, 1, 0, Buffer.from("x")));
    await settled();
    expect(kernel.replyTo(2).errno).toBe(EIO);
    expect(session.gauges).toEqual(IDLE);
  });

  test("with a payload that is not as long as it says is refused", () => {
    const { kernel, calls } = served();
    const bytes = request.write({ unique: 2 }, 1, 0, Buffer.from("abc"));
    bytes.writeUInt32LE(4, 40 + 16);
    kernel.deliver(bytes);
    expect(kernel.replyTo(2).errno).toBe(EIO);
    expect(calls).toEqual([]);
  });
});

describe("a reply that the kernel refuses", () => {
  test("for a reason of its own is followed by EIO, so that the caller goes on", () => {
    const { kernel, complaints } = served({ lookup: () => entryOf(5), forget: () => {} });
    kernel.refuse = ({ errno }) => (errno === 0 ? -22 : undefined);
    kernel.deliver(request.lookup({ unique: 8 }, "a"));
    expect(kernel.replyTo(8).errno).toBe(EIO);
    expect(complaints).toEqual([
      "the kernel refused the reply to lookup: EINVAL (invalid argument)",
    ]);
  });

  test("because the mount is gone ends the session", async () => {
    const { kernel, session } = served({ unlink: () => {} });
    kernel.refuse = () => -19;
    kernel.deliver(request.unlink({ unique: 8 }, "a"));
    await session.closed;
    expect(kernel.isClosed).toBe(true);
  });
});

describe("the end", () => {
  test("comes when the mount is gone", async () => {
    const { kernel, session } = served();
    kernel.unmount();
    await session.closed;
    expect(kernel.isClosed).toBe(true);
    await expect(session.initialized).rejects.toThrow("ended before it was used");
  });

  test("comes when the mount goes while a request is on its way", async () => {
    const { kernel, session } = served();
    kernel.receiveError = -ECONNABORTED;
    kernel.wake();
    await session.closed;
    expect(kernel.isClosed).toBe(true);
  });

  test("comes with close, once", async () => {
    const { kernel, session } = served();
    session.close();
    session.close();
    await session.closed;
    expect(kernel.isClosed).toBe(true);
  });

  test("undoes what comes late, and replies no more", async () => {
    const lookup = deferred<ReturnType<typeof entryOf>>();
    const write = deferred<number>();
    const { kernel, session, calls } = served({
      lookup: () => lookup.promise,
      write: () => write.promise,
      forget: () => {},
    });
    kernel.deliver(request.lookup({ unique: 8 }, "a"));
    kernel.deliver(request.write({ unique: 10 }, 1, 0, Buffer.from("x")));
    kernel.unmount();
    await session.closed;
    lookup.resolve(entryOf(5));
    write.reject(new Failure(EIO));
    await settled();
    expect(kernel.replies).toEqual([]);
    expect(calls.at(-1)).toEqual(["forget", 5, 1]);
    expect(session.gauges).toEqual(IDLE);
  });

  test("is a failure when the device cannot be read", async () => {
    const { kernel, session } = served();
    kernel.receiveError = -EIO;
    kernel.wake();
    await expect(session.closed).rejects.toMatchObject({ kind: "device-failed" });
  });

  test("is a failure when the errors of operations cannot be told", async () => {
    const broken = new Error("assertion failed: a test");
    const { kernel, session } = served({
      unlink: () => {
        throw broken;
      },
    });
    kernel.deliver(request.unlink({ unique: 8 }, "a"));
    await expect(session.closed).rejects.toBe(broken);
    expect(kernel.isClosed).toBe(true);
  });
});

describe("a notification", () => {
  test("names an inode and a range", async () => {
    const { kernel, session } = served();
    await session.invalidateInode(0x1_0000_0005, 4096, 8192);
    await session.invalidateInode(5, -1, 0);
    const header = Buffer.alloc(16);
    header.writeUInt32LE(40, 0);
    header.writeInt32LE(2, 4);
    expect(kernel.notifications).toEqual([
      Buffer.concat([header, u64(0x1_0000_0005, 4096, 8192)]),
      Buffer.concat([header, u64(5, -1, 0)]),
    ]);
  });

  test("names an entry, to be dropped or to expire", async () => {
    const { kernel, session } = served();
    await session.invalidateEntry(3, "nämé");
    await session.invalidateEntry(3, "a", true);
    const [dropped, expired] = kernel.notifications;
    expect(dropped?.readUInt32LE(0)).toBe(dropped?.length);
    expect(dropped?.readInt32LE(4)).toBe(3);
    expect(dropped?.subarray(8, 32)).toEqual(u64(0, 3, 6));
    expect(dropped?.subarray(32)).toEqual(Buffer.from("nämé\0"));
    expect(expired?.subarray(16)).toEqual(
      Buffer.concat([u64(3, 0x1_0000_0001), Buffer.from("a\0")]),
    );
  });

  test("about what the kernel does not know is fine, and one that it refuses is not", async () => {
    const { kernel, session } = served();
    kernel.notifyResult = -ENOENT;
    await session.invalidateInode(5, 0, 0);
    kernel.notifyResult = -22;
    await expect(session.invalidateInode(5, 0, 0)).rejects.toMatchObject({
      kind: "notification-failed",
    });
    session.close();
    await session.invalidateInode(5, 0, 0);
    expect(kernel.notifications).toHaveLength(2);
  });
});
