import { describe, expect, test } from "vitest";
import type { ReadReply } from "../../src/base/attributes.ts";
import { silentLog } from "../../src/base/log.ts";
import { KIB, MIB } from "../../src/base/sizes.ts";
import { type ObjectReader, openReader, type ReaderOptions } from "../../src/read/index.ts";
import { quiet, testPool } from "../memory/pools.ts";
import { GatedClient, pattern, s3Error } from "./gated-client.ts";

const ETAG = '"5d41402abc4b2a76b9719d911017c592"';

interface Setup {
  readonly object: Buffer;
  readonly client: GatedClient;
  readonly reader: ObjectReader;
  readonly pool: ReturnType<typeof testPool>;
}

function setUp(
  objectBytes: number,
  options: Partial<Pick<ReaderOptions, "onManyReads" | "partBytes" | "windowBytesMax">> & {
    readonly blocks?: number;
  } = {},
): Setup {
  const { blocks, ...readerOptions } = options;
  const object = pattern(objectBytes);
  const client = new GatedClient(object);
  const pool = testPool(blocks ?? 512);
  const reader = openReader({
    client,
    pool,
    key: "k",
    etag: ETAG,
    objectBytes,
    partBytes: 8 * MIB,
    ...readerOptions,
    log: silentLog,
  });
  return { object, client, reader, pool };
}

function finishAtOnce(client: GatedClient): void {
  client.onGet = (transfer) => transfer.finish();
}

function bytesOf(reply: ReadReply): Buffer {
  const bytes = Buffer.concat(reply.parts);
  reply.release();
  return bytes;
}

/** Reads and compares. */
async function check(setup: Setup, offset: number, byteCount: number): Promise<void> {
  const bytes = bytesOf(await setup.reader.read(offset, byteCount));
  const expected = setup.object.subarray(offset, offset + byteCount);
  if (!bytes.equals(expected)) throw new Error(`wrong bytes at ${offset}+${byteCount}`);
}

describe("the first read", () => {
  test("sends nothing before it, and asks for a small object whole in one GET", async () => {
    const setup = setUp(5 * MIB + 123);
    expect(setup.client.ranges).toEqual([]);
    finishAtOnce(setup.client);
    for (let at = 0; at < setup.object.length; at += 128 * KIB) await check(setup, at, 128 * KIB);
    expect(setup.client.ranges).toEqual([[0, 5 * MIB + 123]]);
    expect(setup.client.transfer(0).request).toMatchObject({ key: "k", etag: ETAG });
    setup.reader.close();
  });

  test("asks for 1 MiB of a large object", () => {
    const setup = setUp(64 * MIB);
    const reply = setup.reader.read(0, 128 * KIB);
    expect(setup.client.ranges).toEqual([[0, MIB]]);
    setup.client.transfer(0).finish();
    return Promise.resolve(reply).then((value) => {
      value.release();
      setup.reader.close();
    });
  });

  test("elsewhere is exact", async () => {
    const setup = setUp(64 * MIB);
    finishAtOnce(setup.client);
    await check(setup, 10 * MIB + 7, 4096);
    expect(setup.client.ranges).toEqual([[10 * MIB + 7, 4096]]);
    setup.reader.close();
  });

  test("at or past the end has no parts and sends nothing", async () => {
    const setup = setUp(1000);
    expect((await setup.reader.read(1000, 10)).parts).toEqual([]);
    expect((await setup.reader.read(5000, 10)).parts).toEqual([]);
    expect((await setup.reader.read(0, 0)).parts).toEqual([]);
    finishAtOnce(setup.client);
    await check(setup, 990, 100);
    expect(setup.client.ranges).toEqual([[990, 10]]);
    setup.reader.close();
  });

  test("of an empty object is empty", async () => {
    const setup = setUp(0);
    expect((await setup.reader.read(0, 4096)).parts).toEqual([]);
    setup.reader.close();
  });
});

describe("reading as bytes arrive", () => {
  test("a reader is woken by its own bytes, not by the end of the part", async () => {
    const setup = setUp(8 * MIB);
    const order: string[] = [];
    const reads = [0, 1, 2].map(async (i) => {
      await check(setup, i * 128 * KIB, 128 * KIB);
      order.push(`read ${i}`);
    });
    setup.client.transfer(0).send(128 * KIB);
    await quiet();
    expect(order).toEqual(["read 0"]);
    setup.client.transfer(0).send(256 * KIB - 1);
    await quiet();
    expect(order).toEqual(["read 0", "read 1"]);
    setup.client.transfer(0).send(1);
    await Promise.all(reads);
    expect(order).toEqual(["read 0", "read 1", "read 2"]);
    expect(setup.client.transfer(0).done).toBe(false);
    setup.reader.close();
  });

  test("what has arrived is answered without a promise, one view for an aligned MiB", async () => {
    const setup = setUp(8 * MIB);
    finishAtOnce(setup.client);
    await check(setup, 0, 4096);
    await quiet();
    const reply = setup.reader.read(2 * MIB, MIB);
    if (reply instanceof Promise) throw new Error("had to wait");
    expect(reply.parts).toHaveLength(1);
    const spanning = setup.reader.read(3 * MIB - 10, 20);
    if (spanning instanceof Promise) throw new Error("had to wait");
    expect(spanning.parts.map((part) => part.length)).toEqual([10, 10]);
    expect(bytesOf(reply).equals(setup.object.subarray(2 * MIB, 3 * MIB))).toBe(true);
    expect(bytesOf(spanning).equals(setup.object.subarray(3 * MIB - 10, 3 * MIB + 10))).toBe(true);
    setup.reader.close();
  });

  test("a run that begins off a MiB has its blocks end where the object's MiB end", async () => {
    const setup = setUp(64 * MIB);
    finishAtOnce(setup.client);
    await check(setup, 300 * KIB, 128 * KIB);
    await check(setup, 428 * KIB, 128 * KIB);
    for (let at = 556 * KIB; at < 4 * MIB; at += 128 * KIB) await check(setup, at, 128 * KIB);
    await quiet();
    const reply = setup.reader.read(4 * MIB, MIB);
    expect(reply).not.toBeInstanceOf(Promise);
    const { parts } = await reply;
    expect(parts.map((part) => part.length)).toEqual([MIB]);
    (await reply).release();
    setup.reader.close();
  });

  test("a reply keeps its bytes while the run goes on and after close", async () => {
    const setup = setUp(64 * MIB);
    finishAtOnce(setup.client);
    const held = await setup.reader.read(0, 128 * KIB);
    for (let at = 0; at < 40 * MIB; at += MIB) await check(setup, at, MIB);
    setup.reader.close();
    await quiet();
    expect(setup.pool.blocksInUse).toBe(1);
    expect(bytesOf(held).equals(setup.object.subarray(0, 128 * KIB))).toBe(true);
  });

  test("releasing twice is a programmer's error", async () => {
    const setup = setUp(MIB);
    finishAtOnce(setup.client);
    const reply = await setup.reader.read(0, 10);
    reply.release();
    expect(() => reply.release()).toThrow("a reply is released once");
    setup.reader.close();
  });
});

describe("a sequential run", () => {
  test("reads the whole object right, each byte fetched once, in aligned parts", async () => {
    const setup = setUp(100 * MIB + 4321);
    finishAtOnce(setup.client);
    for (let at = 0; at < setup.object.length; at += 256 * KIB) await check(setup, at, 256 * KIB);
    const { ranges } = setup.client;
    let end = 0;
    for (const [offset, byteCount] of ranges) {
      expect(offset).toBe(end);
      end = offset + byteCount;
    }
    expect(end).toBe(setup.object.length);
    const whole = ranges.filter(([, byteCount]) => byteCount === 8 * MIB);
    expect(whole.length).toBeGreaterThan(8);
    for (const [offset] of whole) expect(offset % (8 * MIB)).toBe(0);
    setup.reader.close();
  });

  test("holds no more than its window and a little behind", async () => {
    const setup = setUp(200 * MIB);
    finishAtOnce(setup.client);
    let most = 0;
    for (let at = 0; at < 200 * MIB; at += MIB) {
      await check(setup, at, MIB);
      most = Math.max(most, setup.pool.blocksInUse);
    }
    // Two parts ahead and 4 MiB behind, each rounded up to blocks.
    expect(most).toBeLessThanOrEqual(16 + 8 + 5);
    setup.reader.close();
  });

  test("asks for whole parts once half of the first MiB has been read, and not before", async () => {
    const setup = setUp(32 * MIB);
    finishAtOnce(setup.client);
    await check(setup, 0, MIB / 2 - 1);
    expect(setup.client.ranges).toEqual([[0, MIB]]);
    for (let at = MIB / 2 - 1; at < 32 * MIB; at += MIB / 2) await check(setup, at, MIB / 2);
    expect(setup.client.ranges.map(([offset]) => offset / MIB)).toEqual([0, 1, 8, 16, 24]);
    setup.reader.close();
  });

  test("asks for no more than the limit of its window ahead", async () => {
    const setup = setUp(64 * MIB, { windowBytesMax: 2 * MIB });
    finishAtOnce(setup.client);
    for (let at = 0; at < 64 * MIB; at += MIB) {
      await check(setup, at, MIB);
      const [offset = 0, byteCount = 0] = setup.client.ranges.at(-1) ?? [];
      expect(offset + byteCount - at).toBeLessThanOrEqual(3 * MIB);
    }
    setup.reader.close();
  });

  test("tolerates requests slightly out of order, all under way at once", async () => {
    const setup = setUp(48 * MIB);
    const reads: Promise<void>[] = [];
    const order = [0, 2, 1, 3, 5, 4, 7, 6, 9, 8, 10, 11];
    for (let group = 0; group < 32; group += 1) {
      for (const i of order) {
        reads.push(check(setup, (group * 12 + i) * 128 * KIB, 128 * KIB));
      }
      for (const transfer of setup.client.underWay) transfer.finish();
      await quiet();
    }
    while (setup.client.underWay.length > 0) {
      for (const transfer of setup.client.underWay) transfer.finish();
      await quiet();
    }
    await Promise.all(reads);
    const fetched = setup.client.ranges.reduce((sum, [, byteCount]) => sum + byteCount, 0);
    expect(fetched).toBeLessThan(48 * MIB * 1.02);
    setup.reader.close();
  });

  test("seeks for nothing inside what is held or under way, forward and back", async () => {
    const setup = setUp(64 * MIB);
    finishAtOnce(setup.client);
    for (let at = 0; at < 20 * MIB; at += MIB) await check(setup, at, MIB);
    const before = setup.client.transfers.length;
    await check(setup, 17 * MIB, MIB);
    await check(setup, 18 * MIB + 5, 4096);
    expect(setup.client.transfers).toHaveLength(before);
    await check(setup, 26 * MIB, MIB);
    for (const [, byteCount] of setup.client.ranges.slice(before)) {
      expect(byteCount).toBe(8 * MIB);
    }
    setup.reader.close();
  });

  test("survives reads elsewhere, which are exact and several at a time", async () => {
    const setup = setUp(64 * MIB);
    const { client } = setup;
    finishAtOnce(client);
    for (let at = 0; at < 8 * MIB; at += MIB) await check(setup, at, MIB);
    const before = client.transfers.length;
    client.onGet = () => {};
    const reads = [50, 55, 60].map((mib) => check(setup, mib * MIB + 3, 4096));
    expect(client.ranges.slice(before)).toEqual([50, 55, 60].map((mib) => [mib * MIB + 3, 4096]));
    await check(setup, 8 * MIB, MIB);
    for (const transfer of client.underWay) transfer.finish();
    await Promise.all(reads);
    setup.reader.close();
  });

  test("is not what reading often means, which is told of once", async () => {
    let count = 0;
    const setup = setUp(4 * MIB, { onManyReads: () => count++ });
    finishAtOnce(setup.client);
    for (let read = 0; read < 256; read++) await check(setup, read * 4 * KIB, 4 * KIB);
    expect(count).toBe(0);
    const far = setUp(64 * MIB, { onManyReads: () => count++ });
    finishAtOnce(far.client);
    for (let read = 1; read < 128; read++) await check(far, (read % 3) * 20 * MIB + MIB, 4 * KIB);
    expect(count).toBe(0);
    for (let read = 0; read < 128; read++) await check(far, (read % 3) * 20 * MIB + MIB, 4 * KIB);
    expect(count).toBe(1);
    far.reader.close();
    setup.reader.close();
  });

  test("begins where two reads continue one that stood alone", async () => {
    const setup = setUp(64 * MIB);
    finishAtOnce(setup.client);
    await check(setup, 30 * MIB, 64 * KIB);
    await check(setup, 30 * MIB + 64 * KIB, 64 * KIB);
    await check(setup, 30 * MIB + 128 * KIB, 64 * KIB);
    expect(setup.client.ranges).toEqual([
      [30 * MIB, 64 * KIB],
      [30 * MIB + 64 * KIB, 64 * KIB],
      [30 * MIB + 128 * KIB, 256 * KIB],
    ]);
    await check(setup, 30 * MIB + 192 * KIB, 64 * KIB);
    await check(setup, 30 * MIB + 256 * KIB, 64 * KIB);
    const last = setup.client.ranges.at(-1);
    expect((last?.[0] ?? 0) + (last?.[1] ?? 0)).toBeGreaterThan(30 * MIB + 384 * KIB);
    setup.reader.close();
  });

  test("four of them go on side by side through one handle", async () => {
    const setup = setUp(64 * MIB, { partBytes: MIB });
    finishAtOnce(setup.client);
    const step = 256 * KIB;
    for (let at = 0; at < 16 * MIB; at += step) {
      for (const start of [0, 16, 32, 48]) await check(setup, start * MIB + at, step);
    }
    const fetched = setup.client.ranges.reduce((sum, [, byteCount]) => sum + byteCount, 0);
    // Each runs ahead into the next one's lane at its end, by no more than its window.
    expect(fetched).toBeLessThanOrEqual((64 + 3 * 3) * MIB);
    expect(setup.client.transfers.length).toBeLessThan(100);
    setup.reader.close();
  });
});

describe("when a GET fails", () => {
  test("reads that wait for its bytes fail with its error, and a later read tries again", async () => {
    const setup = setUp(4 * MIB);
    const first = check(setup, 0, 4096);
    const second = check(setup, MIB, 4096);
    setup.client.transfer(0).send(100 * KIB);
    await first;
    const error = s3Error("server-error");
    setup.client.transfer(0).fail(error);
    await expect(second).rejects.toBe(error);
    finishAtOnce(setup.client);
    await check(setup, MIB, 4096);
    await check(setup, 0, 4096);
    setup.reader.close();
  });

  test("nobody hears of it when nobody waited, and the bytes are fetched again", async () => {
    const setup = setUp(64 * MIB);
    let failed = 0;
    setup.client.onGet = (transfer) => {
      if (transfer.request.offset >= 16 * MIB && failed < 2) {
        failed += 1;
        transfer.fail(s3Error("throttled"));
      } else {
        transfer.finish();
      }
    };
    // One read at a time: what fails is ahead of it.
    for (let at = 0; at < 15 * MIB; at += MIB) await check(setup, at, MIB);
    expect(failed).toBeGreaterThan(0);
    failed = 2;
    for (let at = 15 * MIB; at < 64 * MIB; at += MIB) await check(setup, at, MIB);
    setup.reader.close();
  });

  test("a replaced object fails the handle for good", async () => {
    const setup = setUp(64 * MIB);
    finishAtOnce(setup.client);
    await check(setup, 0, MIB);
    const error = s3Error("precondition-failed");
    setup.client.onGet = (transfer) => transfer.fail(error);
    await expect(check(setup, 40 * MIB, 4096)).rejects.toBe(error);
    finishAtOnce(setup.client);
    expect(() => setup.reader.read(0, 4096)).toThrow(error);
    setup.reader.close();
  });

  test("a deleted object does not", async () => {
    const setup = setUp(64 * MIB);
    const error = s3Error("not-found");
    setup.client.onGet = (transfer) => transfer.fail(error);
    await expect(check(setup, 4 * MIB, 4096)).rejects.toBe(error);
    await expect(check(setup, 0, 4096)).rejects.toBe(error);
    finishAtOnce(setup.client);
    await check(setup, 4 * MIB, 4096);
    setup.reader.close();
  });

  test("a body that ends early is a failure", async () => {
    const setup = setUp(4 * MIB);
    const read = check(setup, 2 * MIB, 4096);
    const { sink } = setup.client.transfer(0).request;
    expect(sink.target().length).toBe(4096);
    setup.client.transfer(0).finish();
    await read;
    const whole = setUp(MIB / 2);
    const short = whole.reader.read(0, 4096);
    whole.client.transfer(0).send(10_000);
    // Settles although bytes are missing.
    Object.defineProperty(whole.client.transfer(0), "send", { value: () => {} });
    whole.client.transfer(0).finish();
    await expect(Promise.resolve(short)).rejects.toMatchObject({ kind: "bad-response" });
    setup.reader.close();
    whole.reader.close();
  });
});

describe("bytes that fail their checksum", () => {
  test("a small object is shown only when it was verified, and restarts unseen", async () => {
    const setup = setUp(MIB);
    let done = false;
    const read = check(setup, 0, 4096).then(() => {
      done = true;
    });
    const transfer = setup.client.transfer(0);
    transfer.sendRubbish(MIB);
    await quiet();
    expect(done).toBe(false);
    transfer.restart();
    transfer.finish();
    await read;
    await check(setup, 4096, MIB - 4096);
    setup.reader.close();
  });

  test("the last block of a whole object waits for the check, so that its reader hears of it", async () => {
    const setup = setUp(3 * MIB);
    await Promise.all([
      check(setup, 0, MIB),
      Promise.resolve().then(() => setup.client.transfer(0).send(3 * MIB)),
    ]);
    await check(setup, MIB, MIB);
    const last = check(setup, 2 * MIB, MIB);
    await quiet();
    setup.client.transfer(0).restart();
    await expect(last).rejects.toMatchObject({ name: "S3Error", kind: "corrupted" });
    expect(setup.client.transfer(0).signal?.aborted).toBe(true);
    // What was read before may have been wrong: no more reads from this handle.
    expect(() => setup.reader.read(0, 10)).toThrow("checksum");
    setup.reader.close();
  });

  test("nothing wrong is served from a body that restarts while its reader wakes up", async () => {
    const setup = setUp(3 * MIB);
    const read = check(setup, 0, MIB);
    setup.client.transfer(0).sendRubbish(MIB);
    setup.client.transfer(0).restart();
    await expect(read).rejects.toMatchObject({ kind: "corrupted" });
    setup.reader.close();
  });

  test("an exact read restarts before it is answered", async () => {
    const setup = setUp(64 * MIB);
    const read = check(setup, 5 * MIB, 9000);
    setup.client.transfer(0).sendRubbish(5000);
    setup.client.transfer(0).restart();
    setup.client.transfer(0).finish();
    await read;
    setup.reader.close();
  });
});

describe("closing", () => {
  test("aborts what is under way and fails the reads that wait", async () => {
    const setup = setUp(64 * MIB);
    const reads = [setup.reader.read(0, MIB), setup.reader.read(40 * MIB, 4096)];
    setup.client.transfer(0).send(4096);
    setup.reader.close();
    setup.reader.close();
    for (const read of reads) {
      await expect(Promise.resolve(read)).rejects.toMatchObject({ kind: "aborted" });
    }
    expect(setup.client.underWay).toEqual([]);
    await quiet();
    expect(setup.pool.blocksInUse).toBe(0);
  });

  test("a block of an aborted GET is not reused before the transport lets go of it", async () => {
    const setup = setUp(64 * MIB);
    // A transport that takes its time to notice.
    const letGo: ((error: Error) => void)[] = [];
    setup.client.get = () => new Promise((_, reject) => letGo.push(reject));
    const read = setup.reader.read(0, MIB);
    setup.reader.close();
    await quiet();
    expect(setup.pool.blocksInUse).toBeGreaterThan(0);
    for (const reject of letGo) reject(s3Error("aborted"));
    await expect(Promise.resolve(read)).rejects.toMatchObject({ kind: "aborted" });
  });
});
