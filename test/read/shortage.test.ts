import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { KIB, MIB } from "../../src/base/sizes.ts";
import type { BlockPool } from "../../src/memory/index.ts";
import { type ObjectReader, openReader } from "../../src/read/index.ts";
import { quiet, testPool } from "../memory/pools.ts";
import { GatedClient, pattern, s3Error } from "./gated-client.ts";

const OBJECT = pattern(12 * MIB);

function open(client: GatedClient, pool: BlockPool, partBytes = 4 * MIB): ObjectReader {
  const object = { key: "k", etag: '"e"', objectBytes: OBJECT.length };
  return openReader({ client, pool, ...object, partBytes, log: silentLog });
}

async function check(reader: ObjectReader, offset: number, byteCount: number): Promise<void> {
  const reply = await reader.read(offset, byteCount);
  // The reply is on its way to the kernel for a while.
  await quiet();
  const bytes = Buffer.concat(reply.parts);
  reply.release();
  if (!bytes.equals(OBJECT.subarray(offset, offset + byteCount))) throw new Error("wrong bytes");
}

/** Answers every GET, the oldest first, one each turn of the loop. */
async function serve(client: GatedClient, until: Promise<unknown>): Promise<void> {
  let finished = false;
  const watch = until.then(
    () => (finished = true),
    () => (finished = true),
  );
  let next = 0;
  while (!finished) {
    for (let i = 0; i < 8 && next < client.transfers.length; i += 1, next += 1) {
      client.transfer(next).finish();
    }
    await quiet();
  }
  await watch;
}

describe("sixty-four readers of a pool of sixteen blocks", () => {
  test("all read their object to the end, sequentially", async () => {
    const client = new GatedClient(OBJECT);
    const pool = testPool(16);
    const progress = new Array<number>(64).fill(0);
    const work = Promise.all(
      progress.map(async (_, i) => {
        const reader = open(client, pool);
        for (let at = 0; at < 3 * MIB; at += 256 * KIB) {
          await check(reader, at, 256 * KIB);
          progress[i] = at;
        }
        reader.close();
      }),
    );
    await serve(client, work);
    await work;
    expect(progress.every((at) => at === 3 * MIB - 256 * KIB)).toBe(true);
  });

  test("all read at random", async () => {
    const client = new GatedClient(OBJECT);
    const pool = testPool(16);
    let bytes = 0;
    const work = Promise.all(
      Array.from({ length: 64 }, async (_, i) => {
        const reader = open(client, pool);
        for (let n = 0; n < 12; n += 1) {
          await check(reader, ((i * 31 + n * 7919) * 4096 + n) % (10 * MIB), 4096 * (n + 1));
          bytes += 4096 * (n + 1);
        }
        reader.close();
      }),
    );
    await serve(client, work);
    await work;
    expect(bytes).toBe(64 * 4096 * 78);
  });

  test("none waits for others that are idle and hold what they read ahead", async () => {
    const client = new GatedClient(OBJECT);
    const pool = testPool(16);
    client.onGet = (transfer) => transfer.finish();
    const idle = [0, 1, 2, 3].map(() => open(client, pool));
    for (const reader of idle) await check(reader, 0, 128 * KIB);
    expect(pool.blocksInUse).toBeGreaterThanOrEqual(4);
    const held: { release(): void }[] = [];
    const active = open(client, pool);
    for (let i = 0; i < 16; i += 1) held.push(await active.read(i * 8192 + 1, 4096));
    expect(pool.blocksInUse).toBe(16);
    for (const reply of held) reply.release();
    // They read on as if nothing had happened.
    for (const reader of idle) await check(reader, 128 * KIB, 128 * KIB);
    for (const reader of [...idle, active]) reader.close();
  });

  test("parts under way ahead of a reader are aborted for one who waits", async () => {
    const client = new GatedClient(OBJECT);
    const pool = testPool(16);
    const ahead = open(client, pool);
    const first = check(ahead, 0, MIB);
    const second = check(ahead, MIB, MIB);
    client.transfer(0).finish();
    await first;
    expect(client.underWay.length).toBeGreaterThan(0);
    const before = client.underWay.length;
    const other = open(client, pool);
    const reads = Array.from({ length: 14 }, (_, i) => check(other, 5 * MIB + i * 8192, 4096));
    await quiet();
    expect(client.transfers.some((transfer) => transfer.signal?.aborted === true)).toBe(true);
    expect(before).toBeGreaterThan(1);
    await Promise.all([serve(client, Promise.all([second, ...reads])), second, ...reads]);
    for (let at = 2 * MIB; at < 6 * MIB; at += MIB) {
      const read = check(ahead, at, MIB);
      await Promise.all([serve(client, read), read]);
    }
    ahead.close();
    other.close();
  });
});

test("whatever is read, in whatever order bytes come, fail or run short, bytes are right", async () => {
  const read = fc.record({
    kind: fc.constant("read" as const),
    // Mostly where the last one ended.
    jump: fc.option(fc.nat(OBJECT.length), { freq: 3 }),
    byteCount: fc.integer({ min: 1, max: MIB }),
  });
  const move = fc.record({
    kind: fc.constant("move" as const),
    which: fc.nat(7),
    how: fc.constantFrom("some", "rest", "finish", "finish", "finish", "fail"),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(read, move), { maxLength: 60 }),
      fc.integer({ min: 3, max: 24 }),
      async (steps, blocks) => {
        const client = new GatedClient(OBJECT);
        const pool = testPool(blocks);
        const reader = open(client, pool, 2 * MIB);
        const failure = s3Error("server-error");
        const reads: Promise<void>[] = [];
        const sent = new Set<unknown>();
        let end = 0;
        for (const step of steps) {
          if (step.kind === "read") {
            const offset = Math.min(step.jump ?? end, OBJECT.length - 1);
            const byteCount = Math.min(step.byteCount, OBJECT.length - offset);
            end = offset + byteCount;
            reads.push(
              check(reader, offset, byteCount).catch((error: unknown) => {
                if (error !== failure) throw error;
              }),
            );
          } else {
            const { underWay } = client;
            const transfer = underWay[step.which % Math.max(1, underWay.length)];
            if (transfer === undefined) continue;
            if (step.how === "some" && !sent.has(transfer)) {
              sent.add(transfer);
              transfer.send(Math.ceil(transfer.request.byteCount / 2));
            }
            if (step.how === "rest" && !sent.has(transfer)) {
              sent.add(transfer);
              transfer.send();
            }
            if (step.how === "finish") transfer.finish();
            if (step.how === "fail") transfer.fail(failure);
          }
          await quiet();
        }
        const all = Promise.all(reads);
        await serve(client, all);
        await all;
        reader.close();
        await quiet();
        expect(pool.blocksInUse).toBe(0);
      },
    ),
    { numRuns: 150 },
  );
});
