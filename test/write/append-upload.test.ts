/** Objects that grow while they are written: what is sent, when, and what is left when it fails. */

import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deferred } from "../../src/base/deferred.ts";
import { silentLog } from "../../src/base/log.ts";
import { MIB } from "../../src/base/sizes.ts";
import { createUploader, type Upload, type UploaderOptions } from "../../src/write/index.ts";
import { quiet, testPool } from "../memory/pools.ts";
import { pattern } from "../read/gated-client.ts";
import { crc32cByBits, crc64nvmeByBits, StoreDouble, s3Failure } from "./store-double.ts";

const CHECKSUMS = { crc32c: crc32cByBits, crc64nvme: crc64nvmeByBits };
const PART_BYTES = 1000;

interface Setup {
  readonly store: StoreDouble;
  readonly pool: ReturnType<typeof testPool>;
  readonly start: () => Upload;
}

/** Uploads of "k", behind `initial` if there is something. */
async function setUp(
  initial?: Buffer,
  options: Partial<UploaderOptions> & { readonly blocks?: number } = {},
): Promise<Setup> {
  const store = new StoreDouble();
  const { blocks = 64, ...rest } = options;
  const pool = testPool(blocks, { takeTimeoutMs: 30_000 });
  const uploader = createUploader({
    client: store,
    pool,
    partBytes: PART_BYTES,
    checksums: CHECKSUMS,
    uploadChecksums: "crc32c",
    log: silentLog,
    appends: true,
    ...rest,
  });
  if (initial === undefined) return { store, pool, start: () => uploader({ key: "k" }) };
  const { etag } = await store.put({ key: "k", body: [initial], checksum: undefined });
  store.log.length = 0;
  const appendTo = { etag, sizeBytes: initial.length };
  return { store, pool, start: () => uploader({ key: "k", appendTo }) };
}

function stored({ store }: Setup): Buffer | undefined {
  return store.objects.get("k")?.bytes;
}

async function writeAll(upload: Upload, bytes: Buffer, chunkBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = bytes.subarray(at, at + chunkBytes);
    expect(await upload.write(upload.bytesWritten, chunk)).toBe(chunk.length);
  }
}

describe("what is sent", () => {
  test("a new object is one PUT until it is longer than a part", async () => {
    const setup = await setUp();
    const upload = setup.start();
    await writeAll(upload, pattern(999), 100);
    expect(setup.store.log).toEqual([]);
    await upload.complete();
    expect(setup.store.log).toEqual(["put"]);
    expect(stored(setup)?.equals(pattern(999))).toBe(true);
  });

  test("an empty new object is one PUT", async () => {
    const setup = await setUp();
    await setup.start().complete();
    expect(setup.store.log).toEqual(["put"]);
  });

  test("what is written behind an object is a question and an append", async () => {
    const setup = await setUp(Buffer.from("initial"));
    const upload = setup.start();
    expect(upload.bytesWritten).toBe(7);
    await upload.write(7, Buffer.from(" more"));
    expect(setup.store.log).toEqual(["head"]);
    await upload.complete();
    expect(setup.store.log).toEqual(["head", "append"]);
    expect(String(stored(setup))).toBe("initial more");
  });

  test("each sync appends what is new, and nothing when nothing is", async () => {
    const setup = await setUp();
    const upload = setup.start();
    await upload.write(0, Buffer.from("one"));
    expect(await upload.sync?.()).toMatchObject({ sizeBytes: 3 });
    await upload.write(3, Buffer.from("two"));
    const second = await upload.sync?.();
    expect(await upload.sync?.()).toEqual(second);
    await upload.complete();
    expect(setup.store.log).toEqual(["put", "append"]);
    expect(String(stored(setup))).toBe("onetwo");
  });

  test("one part is under way, and the next grows meanwhile, up to four of its size", async () => {
    const setup = await setUp();
    const { store } = setup;
    const gate = deferred<void>();
    store.before = () => gate.promise;
    const upload = setup.start();
    const bytes = pattern(6000);
    await writeAll(upload, bytes.subarray(0, 5000), 500);
    let isTaken = false;
    const waiting = Promise.resolve(upload.write(5000, bytes.subarray(5000))).then(() => {
      isTaken = true;
    });
    await quiet();
    expect([isTaken, store.log]).toEqual([false, ["put"]]);
    gate.resolve();
    await waiting;
    await upload.complete();
    expect(stored(setup)?.equals(bytes)).toBe(true);
    expect(store.log).toEqual(["put", "append", "append"]);
  });

  test("whatever the sizes of writes and the syncs, the object is what was written", async () => {
    const steps = fc.array(fc.oneof(fc.nat(700), fc.constant("sync" as const)), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(50), async (all, initialBytes) => {
        const setup = await setUp(initialBytes === 0 ? undefined : pattern(initialBytes));
        const upload = setup.start();
        let expected = pattern(initialBytes);
        for (const step of all) {
          if (step === "sync") {
            await upload.sync?.();
            expect(stored(setup)?.equals(expected)).toBe(true);
          } else {
            const more = pattern(step);
            await upload.write(expected.length, more);
            expected = Buffer.concat([expected, more]);
          }
        }
        await upload.complete();
        expect(stored(setup)?.equals(expected)).toBe(true);
        expect(setup.pool.blocksInUse).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  test.each(["crc32", "crc32c", "crc64nvme", "sha1", "sha256"] as const)(
    "what is appended is summed by %s where the object is",
    async (algorithm) => {
      const setup = await setUp(Buffer.from("initial"));
      const { store } = setup;
      store.checksChecksums = false;
      const object = store.objects.get("k");
      if (object !== undefined) {
        store.objects.set("k", { ...object, checksum: { algorithm, base64: "" } });
      }
      const upload = setup.start();
      await upload.write(7, Buffer.from("more"));
      await upload.complete();
      expect(String(stored(setup))).toBe("initialmore");
    },
  );
});

describe("what fails", () => {
  test("a write elsewhere ends it, and what was stored before stays", async () => {
    const setup = await setUp();
    const upload = setup.start();
    await upload.write(0, Buffer.from("one"));
    await upload.sync?.();
    await upload.write(3, Buffer.from("two"));
    expect(() => upload.write(7, Buffer.from("x"))).toThrow(/begins at 7, not at 6/);
    await expect(upload.complete()).rejects.toMatchObject({ kind: "out-of-order" });
    expect(String(stored(setup))).toBe("one");
    expect(setup.pool.blocksInUse).toBe(0);
  });

  test.each([
    ["precondition-failed", "overtaken"],
    ["not-found", "deleted"],
    ["too-many-parts", "too-many-parts"],
    ["access-denied", "access-denied"],
  ] as const)("an append that is refused as %s says %s to everybody", async (kind, told) => {
    const setup = await setUp(Buffer.from("initial"));
    setup.store.before = (operation) => {
      if (operation === "append") throw s3Failure(kind, "PutObject");
    };
    const upload = setup.start();
    await upload.write(7, Buffer.from("more"));
    await expect(upload.sync?.()).rejects.toMatchObject({ kind: told });
    expect(() => upload.write(11, Buffer.from("x"))).toThrow();
    await expect(upload.complete()).rejects.toMatchObject({ kind: told });
    expect(setup.pool.blocksInUse).toBe(0);
  });

  test("an object that is another by the first write is not appended to", async () => {
    const setup = await setUp(Buffer.from("initial"));
    const upload = setup.start();
    await setup.store.put({ key: "k", body: [Buffer.from("another")], checksum: undefined });
    const written = Promise.resolve(upload.write(7, Buffer.from("more")));
    await expect(written.then(() => upload.sync?.())).rejects.toMatchObject({ kind: "overtaken" });
    await expect(upload.complete()).rejects.toMatchObject({ kind: "overtaken" });
    expect(String(stored(setup))).toBe("another");
  });

  test("a new object whose reply was lost is known again, and appended to", async () => {
    const setup = await setUp();
    const { store } = setup;
    store.after = (operation) => {
      if (operation === "put") throw s3Failure("network", "PutObject");
    };
    const upload = setup.start();
    await upload.write(0, Buffer.from("one"));
    await upload.sync?.();
    await upload.write(3, Buffer.from("two"));
    await upload.complete();
    expect(store.log).toEqual(["put", "head", "append"]);
    expect(String(stored(setup))).toBe("onetwo");
  });

  test("abort ends what is under way, and gives all memory back", async () => {
    const setup = await setUp();
    setup.store.before = () => new Promise(() => {});
    const upload = setup.start();
    await writeAll(upload, pattern(2500), 500);
    await upload.abort();
    await expect(upload.complete()).rejects.toMatchObject({ kind: "aborted" });
    expect(stored(setup)).toBeUndefined();
    expect(setup.pool.blocksInUse).toBe(0);
  });

  test("a completed upload takes no more", async () => {
    const setup = await setUp();
    const upload = setup.start();
    await upload.complete();
    expect(() => upload.write(0, Buffer.from("x"))).toThrow(/complete/);
  });
});

describe("memory", () => {
  function startWithLittle() {
    const store = new StoreDouble();
    store.checksChecksums = false;
    const pool = testPool(12, { takeTimeoutMs: 30_000 });
    const start = createUploader({
      client: store,
      pool,
      partBytes: 8 * MIB,
      checksums: { crc32c: () => 0, crc64nvme: () => 0n },
      uploadChecksums: "crc32c",
      log: silentLog,
      appends: true,
    });
    return { store, pool, start };
  }

  test("who writes to many files in turn gets on: what is there of each is appended", async () => {
    const { pool, start, store } = startWithLittle();
    const bytes = Buffer.alloc(3 * MIB, "turn");
    const uploads = Array.from({ length: 20 }, (_, index) => start({ key: `k${index}` }));
    for (let at = 0; at < bytes.length; at += MIB) {
      for (const upload of uploads) await upload.write(at, bytes.subarray(at, at + MIB));
    }
    await Promise.all(uploads.map((upload) => upload.complete()));
    for (const { bytes: whole } of store.objects.values()) expect(whole.equals(bytes)).toBe(true);
    expect([store.objects.size, pool.blocksInUse]).toEqual([20, 0]);
  });

  test.each([0, 77, 308, 385])(
    "many uploads at once that rest now and then get on with little of it (%d)",
    async (seed) => {
      const { pool, start, store } = startWithLittle();
      const bytes = Buffer.alloc(9 * MIB, "many");
      let random = seed;
      const below = (max: number): number => {
        random = (random * 1_103_515_245 + 12_345) & 0x7fff_ffff;
        return random % max;
      };
      store.before = () => delay(below(160));
      await Promise.all(
        Array.from({ length: 6 }, async (_, index) => {
          const upload = start({ key: `k${index}` });
          for (let at = 0; at < bytes.length; at += MIB) {
            await upload.write(at, bytes.subarray(at, at + MIB));
            if (below(3) === 0) await delay(below(250));
          }
          await upload.complete();
          expect(store.objects.get(`k${index}`)?.bytes.equals(bytes)).toBe(true);
        }),
      );
      expect(pool.blocksInUse).toBe(0);
    },
  );
});
