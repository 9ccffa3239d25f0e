import { describe, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { KIB, MIB } from "../../src/base/sizes.ts";
import type { BlockPool } from "../../src/memory/index.ts";
import { type ObjectReader, openReader } from "../../src/read/index.ts";
import type { S3ErrorKind } from "../../src/s3/index.ts";
import { quiet, testPool } from "../memory/pools.ts";
import { GatedClient, pattern, s3Error } from "./gated-client.ts";

interface Setup {
  readonly object: Buffer;
  readonly client: GatedClient;
  readonly pool: BlockPool;
  readonly reader: ObjectReader;
}

function setUp(objectBytes: number, blocks = 64): Setup {
  const object = pattern(objectBytes);
  const client = new GatedClient(object);
  const pool = testPool(blocks);
  const source = { key: "k", etag: '"e"', objectBytes, partBytes: 8 * MIB, log: silentLog };
  return { object, client, pool, reader: openReader({ client, pool, ...source }) };
}

async function check({ object, reader }: Setup, offset: number, byteCount: number): Promise<void> {
  const reply = await reader.read(offset, byteCount);
  const bytes = Buffer.concat(reply.parts);
  reply.release();
  if (!bytes.equals(object.subarray(offset, offset + byteCount))) throw new Error("wrong bytes");
}

describe("an object that is fetched before it is read", () => {
  test("is one GET, which the reads find done", async () => {
    const setup = setUp(5 * MIB);
    const arrival = setup.reader.fetchAhead(8 * MIB);
    expect(setup.client.ranges).toEqual([[0, 5 * MIB]]);
    setup.client.transfer(0).finish();
    await arrival;
    for (let at = 0; at < 5 * MIB; at += 256 * KIB) await check(setup, at, 256 * KIB);
    expect(setup.client.ranges).toHaveLength(1);
    setup.reader.close();
  });

  test("serves a read that comes while it is under way", async () => {
    const setup = setUp(8 * KIB);
    void setup.reader.fetchAhead(8 * MIB);
    const reading = check(setup, 0, 8 * KIB);
    setup.client.transfer(0).finish();
    await reading;
    expect(setup.client.ranges).toHaveLength(1);
    setup.reader.close();
  });

  test("is fetched no further than it was to be, until somebody reads further", async () => {
    const setup = setUp(5 * MIB);
    setup.client.onGet = (transfer) => transfer.finish();
    await setup.reader.fetchAhead(128 * KIB);
    await check(setup, 0, 128 * KIB);
    expect(setup.client.ranges).toEqual([[0, 128 * KIB]]);
    await check(setup, 128 * KIB, 128 * KIB);
    expect(setup.client.ranges).toEqual([
      [0, 128 * KIB],
      [128 * KIB, 5 * MIB - 128 * KIB],
    ]);
    for (let at = 256 * KIB; at < 5 * MIB; at += 256 * KIB) await check(setup, at, 256 * KIB);
    expect(setup.client.ranges).toHaveLength(2);
    setup.reader.close();
  });

  test("of which only a little is wanted of much is fetched by as much as the first read would", async () => {
    const setup = setUp(20 * MIB);
    void setup.reader.fetchAhead(8 * MIB)?.catch(() => {});
    expect(setup.client.ranges).toEqual([[0, MIB]]);
    setup.reader.close();
  });

  test("is not fetched when memory is short", async () => {
    const setup = setUp(8 * KIB, 1);
    const block = await setup.pool.take("read");
    expect(setup.reader.fetchAhead(8 * MIB)).toBeUndefined();
    expect(setup.client.ranges).toEqual([]);
    setup.pool.give(block);
    setup.client.onGet = (transfer) => transfer.finish();
    await check(setup, 0, 8 * KIB);
    setup.reader.close();
  });

  test("gives its memory to whoever waits for some, and is fetched when it is read", async () => {
    const setup = setUp(8 * KIB, 1);
    setup.client.onGet = (transfer) => transfer.finish();
    await setup.reader.fetchAhead(8 * MIB);
    expect(setup.pool.blocksInUse).toBe(1);
    setup.pool.give(await setup.pool.take("read"));
    await check(setup, 0, 8 * KIB);
    expect(setup.client.ranges).toHaveLength(2);
    setup.reader.close();
  });

  test("gives everything back when it is closed", async () => {
    const setup = setUp(5 * MIB);
    const arrival = setup.reader.fetchAhead(8 * MIB);
    setup.reader.close();
    await expect(arrival).rejects.toMatchObject({ kind: "aborted" });
    expect(setup.pool.blocksInUse).toBe(0);
  });
});

describe.each<S3ErrorKind>(["network", "access-denied", "precondition-failed", "corrupted"])(
  "a fetch that fails with %s",
  (kind) => {
    test("is told, and the first read asks anew", async () => {
      const setup = setUp(5 * MIB);
      const arrival = setup.reader.fetchAhead(8 * MIB);
      setup.client.transfer(0).fail(s3Error(kind));
      await expect(arrival).rejects.toMatchObject({ kind });
      setup.client.onGet = (transfer) => transfer.finish();
      await check(setup, 0, 128 * KIB);
      setup.reader.close();
    });

    test("is not told to a read that waits for it, which asks anew", async () => {
      const setup = setUp(5 * MIB);
      setup.reader.fetchAhead(8 * MIB)?.catch(() => {});
      const reading = check(setup, 0, 128 * KIB);
      await quiet();
      setup.client.onGet = (transfer) => transfer.finish();
      setup.client.transfer(0).fail(s3Error(kind));
      await reading;
      expect(setup.client.ranges).toHaveLength(2);
      setup.reader.close();
    });

    test("fails a read only when asking anew fails, too", async () => {
      const setup = setUp(5 * MIB);
      setup.reader.fetchAhead(8 * MIB)?.catch(() => {});
      const reading = check(setup, 0, 128 * KIB);
      setup.client.onGet = (transfer) => transfer.fail(s3Error(kind));
      setup.client.transfer(0).fail(s3Error(kind));
      await expect(reading).rejects.toMatchObject({ kind });
      expect(setup.client.ranges).toHaveLength(2);
      setup.reader.close();
    });

    test("fails a read that waits while the reader is closed, and asks nothing", async () => {
      const setup = setUp(5 * MIB);
      setup.reader.fetchAhead(8 * MIB)?.catch(() => {});
      const reading = check(setup, 0, 128 * KIB);
      setup.reader.close();
      await expect(reading).rejects.toMatchObject({ kind: "aborted" });
      expect(setup.client.ranges).toHaveLength(1);
    });
  },
);
