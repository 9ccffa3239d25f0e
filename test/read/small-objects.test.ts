/** Objects of at most 64 KiB: sixteen of them share a block, and what they hold comes back like any other memory. */

import { describe, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { KIB, MIB } from "../../src/base/sizes.ts";
import { SMALL_BYTES, SmallBuffers } from "../../src/memory/index.ts";
import { type ObjectReader, openReader } from "../../src/read/index.ts";
import { testPool } from "../memory/pools.ts";
import { GatedClient, pattern } from "./gated-client.ts";

const BLOCKS = 64;

class Small {
  readonly pool = testPool(BLOCKS);
  readonly #smallBuffers = SmallBuffers.of(this.pool, "read");

  /** A reader of an object of its own, whose GETs are answered at once. */
  open(objectBytes: number) {
    const object = pattern(objectBytes);
    const client = new GatedClient(object);
    client.onGet = (transfer) => transfer.finish();
    const { pool } = this;
    const reader = openReader({
      client,
      pool,
      smallBuffers: this.#smallBuffers,
      key: "k",
      etag: '"e"',
      objectBytes,
      partBytes: 8 * MIB,
      log: silentLog,
    });
    return { client, object, reader };
  }

  /** Opens `count` objects, which are fetched ahead, and reads each whole. */
  async readAll(count: number, objectBytes: number): Promise<ObjectReader[]> {
    const readers: ObjectReader[] = [];
    for (let index = 0; index < count; index++) {
      const { reader, object } = this.open(objectBytes);
      await reader.fetchAhead(objectBytes);
      await readWhole(reader, object);
      readers.push(reader);
    }
    return readers;
  }
}

async function readWhole(reader: ObjectReader, object: Buffer): Promise<void> {
  const reply = await reader.read(0, object.length);
  expect(Buffer.concat(reply.parts).equals(object)).toBe(true);
  reply.release();
}

describe("small objects that are open", () => {
  test("leave nothing held when all is read at once, unless they are read again", async () => {
    for (const bytes of [1, 8 * KIB, SMALL_BYTES]) {
      const small = new Small();
      const { client, object, reader } = small.open(bytes);
      await readWhole(reader, object);
      expect(small.pool.blocksInUse).toBe(0);
      await readWhole(reader, object);
      expect(small.pool.blocksInUse).toBe(1);
      await readWhole(reader, object);
      expect(client.transfers).toHaveLength(2);
      reader.close();
      expect(small.pool.blocksInUse).toBe(0);
    }
  });

  test("take a sixteenth of a block each, and give all back", async () => {
    for (const bytes of [1, 8 * KIB, SMALL_BYTES]) {
      const small = new Small();
      const readers = await small.readAll(40, bytes);
      expect(small.pool.blocksInUse).toBe(3);
      for (const reader of readers) reader.close();
      expect(small.pool.blocksInUse).toBe(0);
    }
  });

  test("take a block each when they are larger", async () => {
    const small = new Small();
    const readers = await small.readAll(10, SMALL_BYTES + 1);
    expect(small.pool.blocksInUse).toBe(10);
    for (const reader of readers) reader.close();
    expect(small.pool.blocksInUse).toBe(0);
  });

  test("are right when they are fetched ahead, and read in pieces", async () => {
    const small = new Small();
    const { object, reader } = small.open(20 * KIB);
    await reader.fetchAhead(20 * KIB);
    expect(small.pool.blocksInUse).toBe(1);
    for (const offset of [0, 8 * KIB, 16 * KIB, 5]) {
      const reply = await reader.read(offset, 8 * KIB);
      const expected = object.subarray(offset, offset + 8 * KIB);
      expect(Buffer.concat(reply.parts).equals(expected)).toBe(true);
      reply.release();
    }
    reader.close();
    expect(small.pool.blocksInUse).toBe(0);
  });

  test("give way to who waits for memory, and are read again", async () => {
    const small = new Small();
    const readers = await small.readAll(40, 8 * KIB);
    const taken = Array.from({ length: BLOCKS }, () => small.pool.take("read"));
    const blocks = await Promise.all(taken);
    expect(blocks).toHaveLength(BLOCKS);
    for (const block of blocks) small.pool.give(block);
    const [reader] = readers;
    const reply = await reader?.read(0, 8 * KIB);
    expect(Buffer.concat(reply?.parts ?? []).equals(pattern(8 * KIB))).toBe(true);
    reply?.release();
    for (const each of readers) each.close();
    expect(small.pool.blocksInUse).toBe(0);
  });

  test("keep a block for as long as a reply lends a part of it", async () => {
    const small = new Small();
    const { object, reader } = small.open(8 * KIB);
    const reply = await reader.read(0, 8 * KIB);
    reader.close();
    expect(small.pool.blocksInUse).toBe(1);
    expect(Buffer.concat(reply.parts).equals(object)).toBe(true);
    reply.release();
    expect(small.pool.blocksInUse).toBe(0);
  });

  test("do without where the pool has no block to spare", async () => {
    const small = new Small();
    const held = await Promise.all(
      Array.from({ length: BLOCKS - 1 }, () => small.pool.take("read")),
    );
    const [reader] = await small.readAll(1, 8 * KIB);
    reader?.close();
    for (const block of held) small.pool.give(block);
    expect(small.pool.blocksInUse).toBe(0);
  });
});
