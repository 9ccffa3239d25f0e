import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { deferred } from "../../src/base/deferred.ts";
import { silentLog } from "../../src/base/log.ts";
import { KIB, MIB } from "../../src/base/sizes.ts";
import { Intake } from "../../src/memory/index.ts";
import type { Exchange } from "../../src/write/contract.ts";
import { createUploader, type Upload, type UploaderOptions } from "../../src/write/index.ts";
import { quiet, testPool } from "../memory/pools.ts";
import { pattern } from "../read/gated-client.ts";
import {
  crc32cByBits,
  crc64nvmeByBits,
  StoreDouble,
  type StoreOperation,
  s3Failure,
} from "./store-double.ts";

interface Setup {
  readonly store: StoreDouble;
  readonly upload: Upload;
  readonly pool: ReturnType<typeof testPool>;
}

const CHECKSUMS = { crc32c: crc32cByBits, crc64nvme: crc64nvmeByBits };
const COMMON = { checksums: CHECKSUMS, uploadChecksums: "crc32c", log: silentLog } as const;

const stores: StoreDouble[] = [];

function setUp(
  options: Partial<UploaderOptions> & {
    readonly blocks?: number;
    readonly takeTimeoutMs?: number;
    readonly ifNoneMatch?: "*";
  } = {},
): Setup {
  const { blocks = 64, ifNoneMatch, takeTimeoutMs = 30_000, ...rest } = options;
  const store = new StoreDouble();
  stores.push(store);
  const { pool = testPool(blocks, { takeTimeoutMs }) } = rest;
  const start = createUploader({ ...COMMON, client: store, partBytes: 1000, ...rest, pool });
  const upload = start({ key: "k", ...(ifNoneMatch && { ifNoneMatch }) });
  return { store, upload, pool };
}

afterEach(() => {
  for (const store of stores.splice(0)) expect([...store.uploads.keys()]).toEqual([]);
});

async function writeAll(upload: Upload, bytes: Buffer, chunkBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = bytes.subarray(at, at + chunkBytes);
    expect(await upload.write(at, chunk)).toBe(chunk.length);
  }
}

function stored(store: StoreDouble): Buffer | undefined {
  return store.objects.get("k")?.bytes;
}

function failAt(store: StoreDouble, operation: StoreOperation, error: Error, count = 1): void {
  store.before = (current, currentCount) => {
    if (current === operation && currentCount === count) throw error;
  };
}

describe("what is sent", () => {
  test("an empty object is one PUT", async () => {
    const { store, upload } = setUp();
    await upload.complete();
    expect(store.log).toEqual(["put"]);
    expect(stored(store)).toEqual(Buffer.alloc(0));
  });

  test.each([1, 999, 1000])("%d bytes that fit a part are one PUT", async (byteCount) => {
    const { store, upload } = setUp();
    const bytes = pattern(byteCount);
    await writeAll(upload, bytes, 100);
    expect(store.log).toEqual([]);
    const result = await upload.complete();
    expect(store.log).toEqual(["put"]);
    expect(stored(store)?.equals(bytes)).toBe(true);
    expect(result.etag).toBe(store.objects.get("k")?.etag);
  });

  test.each([
    [1001, 2],
    [1999, 2],
    [2000, 2],
    [2001, 3],
  ])("%d bytes are a multipart upload of %d parts", async (byteCount, parts) => {
    const { store, upload } = setUp();
    const bytes = pattern(byteCount);
    await writeAll(upload, bytes, 333);
    await upload.complete();
    expect(store.log).toEqual([
      "create",
      ...Array.from({ length: parts }, () => "part"),
      "complete",
    ]);
    expect(stored(store)?.equals(bytes)).toBe(true);
    expect(store.objects.get("k")?.etag).toMatch(new RegExp(`-${parts}"$`));
  });

  test("parts are sent while the next are written", async () => {
    const { store, upload } = setUp();
    await writeAll(upload, pattern(2000), 500);
    await quiet();
    expect(store.log).toEqual(["create", "part", "part"]);
    await upload.complete();
  });

  test("parts of several blocks that end within a block arrive whole", async () => {
    const { store, upload } = setUp({ partBytes: 2 * MIB + 77 });
    const bytes = pattern(5 * MIB + 1);
    await writeAll(upload, bytes, 300 * KIB + 1);
    await upload.complete();
    expect(stored(store)?.equals(bytes)).toBe(true);
  });

  test("whatever the sizes of the writes, the object is what was written", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(700), { maxLength: 30 }),
        fc.integer({ min: 1, max: 900 }),
        async (sizes, partBytes) => {
          const { store, upload } = setUp({ partBytes });
          const bytes = pattern(sizes.reduce((sum, size) => sum + size, 0));
          let at = 0;
          for (const size of sizes) {
            await upload.write(at, bytes.subarray(at, at + size));
            at += size;
            expect(upload.bytesWritten).toBe(at);
          }
          await upload.complete();
          expect(stored(store)?.equals(bytes)).toBe(true);
          expect(store.log.includes("create")).toBe(at > partBytes);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("writes that overtake a waiting one are taken in order", async () => {
    const { store, upload } = setUp();
    const gate = deferred<void>();
    store.before = (operation) => (operation === "part" ? gate.promise : undefined);
    const bytes = pattern(20_000);
    const writes: (number | Promise<number>)[] = [];
    for (let at = 0; at < bytes.length; at += 500) {
      writes.push(upload.write(at, bytes.subarray(at, at + 500)));
    }
    expect(writes.some((write) => write instanceof Promise)).toBe(true);
    gate.resolve();
    await Promise.all(writes);
    await upload.complete();
    expect(stored(store)?.equals(bytes)).toBe(true);
  });

  test("completing twice sends once", async () => {
    const { store, upload } = setUp();
    await upload.write(0, pattern(10));
    expect(await upload.complete()).toEqual(await upload.complete());
    expect(store.log).toEqual(["put"]);
    await upload.abort();
    expect(store.log).toEqual(["put"]);
  });

  test("conditions reach the store", async () => {
    const { store, upload } = setUp({ ifNoneMatch: "*" });
    store.objects.set("k", { bytes: Buffer.from("other"), etag: '"x"' });
    await upload.write(0, pattern(10));
    await expect(upload.complete()).rejects.toMatchObject({ kind: "precondition-failed" });
    expect(stored(store)?.toString()).toBe("other");
  });
});

describe("back-pressure", () => {
  test("writers whose unfinished parts fill the pool send what they have, and all finish", async () => {
    const pool = testPool(24, { takeTimeoutMs: 1000 });
    const store = new StoreDouble();
    stores.push(store);
    const bytes = pattern(16 * MIB);
    const checksums = { ...CHECKSUMS, crc32c: () => 0 };
    const start = createUploader({ ...COMMON, client: store, pool, checksums, partBytes: 8 * MIB });
    const writers = ["a", "b", "c", "d"].map((key) => start({ key }));
    store.checksChecksums = false;
    for (let at = 0; at < bytes.length; at += MIB) {
      const data = bytes.subarray(at, at + MIB);
      await Promise.all(writers.map((upload) => upload.write(at, data)));
    }
    await Promise.all(writers.map((upload) => upload.complete()));
    for (const key of ["a", "b", "c", "d"]) {
      expect(store.objects.get(key)?.bytes.equals(bytes)).toBe(true);
    }
  });

  test("at most two parts are under way to a server nearby, and the writer waits", async () => {
    const { store, upload } = setUp();
    const gate = deferred<void>();
    store.before = (operation) => (operation === "part" ? gate.promise : undefined);
    const bytes = pattern(30_000);
    const writing = writeAll(upload, bytes, 1000);
    await quiet();
    expect(upload.bytesWritten).toBeLessThanOrEqual(6000);
    gate.resolve();
    await writing;
    await upload.complete();
    expect(store.partsInFlightMost).toBe(2);
    expect(stored(store)?.equals(bytes)).toBe(true);
  });

  test("sixteen writers share a pool that is too small for all, and all complete", async () => {
    const pool = testPool(16);
    const bytes = pattern(9500);
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        const store = new StoreDouble();
        stores.push(store);
        store.before = () => quiet();
        const upload = createUploader({ ...COMMON, client: store, pool, partBytes: 1000 })({
          key: "k",
        });
        await writeAll(upload, bytes, 700);
        await upload.complete();
        expect(stored(store)?.equals(bytes)).toBe(true);
      }),
    );
  });

  test("no memory in time fails the write, for good", async () => {
    const { upload, pool } = setUp({ blocks: 4, takeTimeoutMs: 1 });
    const blocks = await Promise.all([0, 1, 2, 3].map(() => pool.take("read")));
    const write = Promise.resolve(upload.write(0, pattern(10)));
    await expect(write).rejects.toMatchObject({ name: "MemoryError", kind: "exhausted" });
    for (const block of blocks) pool.give(block);
    expect(() => upload.write(10, pattern(10))).toThrow("in use");
    await expect(upload.complete()).rejects.toMatchObject({ kind: "exhausted" });
  });
});

describe("with a time behind each reply", () => {
  const CHUNK_BYTES = 100 * KIB;

  test("what is written in large pieces is taken in then, and arrives whole", async () => {
    const late: (() => void)[] = [];
    let summedBytes = 0;
    const crc32c = (bytes: Uint8Array, crc: number): number => {
      summedBytes += bytes.length;
      return crc32cByBits(bytes, crc);
    };
    const { store, upload } = setUp({
      partBytes: MIB + 333,
      checksums: { ...CHECKSUMS, crc32c },
      afterReply: (work) => late.push(work),
    });
    const bytes = pattern(3 * MIB + 5);
    let lateCount = 0;
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      const lent = Buffer.from(bytes.subarray(at, at + CHUNK_BYTES));
      const written = upload.write(at, lent);
      const work = late.pop();
      if (work !== undefined) {
        expect(written).toBe(lent.length);
        expect(summedBytes).toBe(at);
        work();
        lateCount++;
      }
      expect(await written).toBe(lent.length);
      expect(summedBytes).toBe(at + lent.length);
      lent.fill(0xff);
    }
    await upload.complete();
    expect(lateCount).toBeGreaterThan(20);
    expect(stored(store)?.equals(bytes)).toBe(true);
  });

  test("what is written in small pieces is taken in at once", async () => {
    const { store, upload } = setUp({
      partBytes: MIB,
      afterReply: () => expect.unreachable(),
    });
    const bytes = pattern(50 * KIB);
    await writeAll(upload, bytes, 10 * KIB);
    await upload.complete();
    expect(stored(store)?.equals(bytes)).toBe(true);
  });
});

describe("with blocks that can be exchanged", () => {
  /** Writes `bytes` in pieces that come in where the next ones will. Returns how many were exchanged. */
  async function writeThrough(
    bytes: Buffer,
    chunkBytes: number,
  ): Promise<readonly [number, Setup]> {
    const pool = testPool(64);
    const intake = new Intake(pool);
    let count = 0;
    const exchange: Exchange = (data, block) => {
      const own = intake.exchange(data, block);
      if (own !== undefined) count += 1;
      return own;
    };
    const setup = setUp({ pool, exchange, partBytes: 2 * MIB });
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      const piece = bytes.subarray(at, at + chunkBytes);
      const room = intake.bytes?.subarray(0, piece.length) ?? expect.unreachable();
      room.set(piece);
      const written = setup.upload.write(at, room);
      const release = written instanceof Promise ? intake.keep() : undefined;
      expect(await written).toBe(piece.length);
      release?.();
      intake.bytes?.fill(0xff);
    }
    await setup.upload.complete();
    expect(stored(setup.store)?.equals(bytes)).toBe(true);
    return [count, setup];
  }

  test.each([
    ["a mebibyte: all", MIB, 4],
    ["a quarter of it: one of four", MIB / 4, 4],
    ["less than 64 KiB: none", 60 * KIB, 0],
  ])("which pieces need not be copied, of %s", async (_, chunkBytes, exchanged) => {
    const [count] = await writeThrough(pattern(3 * MIB + 100 * KIB), chunkBytes);
    expect(count).toBe(exchanged);
  });

  test("pieces that lie across blocks and parts arrive whole", async () => {
    const [count] = await writeThrough(pattern(5 * MIB + 5), MIB - 1000);
    expect(count).toBeGreaterThan(0);
  });
});

describe("what is refused", () => {
  test.each([-1, 1])("a write %d bytes out of order, and everything after it", async (by) => {
    const { store, upload } = setUp();
    await writeAll(upload, pattern(2500), 500);
    const wrong = { name: "WriteError", kind: "out-of-order" };
    expect(() => upload.write(2500 + by, pattern(10))).toThrow(expect.objectContaining(wrong));
    expect(() => upload.write(2500, pattern(10))).toThrow(expect.objectContaining(wrong));
    await expect(upload.complete()).rejects.toMatchObject(wrong);
    expect(store.log.at(-1)).toBe("abort");
    expect(stored(store)).toBeUndefined();
  });

  test("the write that crosses what all parts can hold, and no other", async () => {
    const { store, upload } = setUp({ partBytes: 64, partsMax: 100, targetBytes: 20_000 });
    await writeAll(upload, pattern(20_000), 1000);
    const wrong = { name: "WriteError", kind: "too-large" };
    expect(() => upload.write(20_000, pattern(1))).toThrow(expect.objectContaining(wrong));
    await expect(upload.complete()).rejects.toMatchObject(wrong);
    expect(store.log.at(-1)).toBe("abort");
    expect(store.log.filter((operation) => operation === "part").length).toBeLessThanOrEqual(100);
  });

  test("not as many bytes as the parts can hold", async () => {
    const { store, upload } = setUp({ partBytes: 64, partsMax: 100, targetBytes: 20_000 });
    const bytes = pattern(20_000);
    await writeAll(upload, bytes, 777);
    await upload.complete();
    expect(stored(store)?.equals(bytes)).toBe(true);
    expect(store.log.filter((operation) => operation === "part")).toHaveLength(100);
  });

  test("a write after completion, without harm to the object", async () => {
    const { store, upload } = setUp();
    await upload.write(0, pattern(10));
    const completion = upload.complete();
    const refused = expect.objectContaining({ name: "WriteError", kind: "completed" });
    expect(() => upload.write(10, pattern(10))).toThrow(refused);
    await completion;
    expect(() => upload.write(10, pattern(10))).toThrow(refused);
    expect(stored(store)).toHaveLength(10);
  });
});

describe("failures", () => {
  const error = s3Failure("access-denied");

  test("a PUT that fails fails complete() with its error", async () => {
    const { store, upload } = setUp();
    failAt(store, "put", error);
    await upload.write(0, pattern(10));
    await expect(upload.complete()).rejects.toBe(error);
    await expect(upload.complete()).rejects.toBe(error);
    expect(store.log).toEqual(["put"]);
  });

  test("an upload that cannot be created fails the next call, and there is nothing to abort", async () => {
    const { store, upload } = setUp();
    failAt(store, "create", error);
    await writeAll(upload, pattern(1500), 1500);
    await quiet();
    expect(() => upload.write(1500, pattern(1))).toThrow(error);
    await expect(upload.complete()).rejects.toBe(error);
    expect(store.log).toEqual(["create"]);
  });

  test.each([1, 2, 3])("part %d that fails is sticky, and the upload is aborted", async (count) => {
    const { store, upload } = setUp();
    failAt(store, "part", error, count);
    const writing = writeAll(upload, pattern(3000), 3000);
    await Promise.allSettled([writing]);
    await expect(upload.complete()).rejects.toBe(error);
    expect(store.log.at(-1)).toBe("abort");
    expect(store.log).not.toContain("complete");
    expect(stored(store)).toBeUndefined();
  });

  test("a failure reaches a write that waits", async () => {
    const { store, upload } = setUp();
    const gate = deferred<void>();
    store.before = (operation, count) => {
      if (operation !== "part") return;
      return count === 1 ? gate.promise : new Promise(() => {});
    };
    const writing = writeAll(upload, pattern(30_000), 30_000);
    await quiet();
    gate.reject(error);
    await expect(writing).rejects.toBe(error);
    await upload.abort();
    expect(store.log.at(-1)).toBe("abort");
  });

  test("a completion that is refused aborts the upload", async () => {
    const { store, upload } = setUp();
    failAt(store, "complete", error);
    await writeAll(upload, pattern(1500), 500);
    await expect(upload.complete()).rejects.toBe(error);
    expect(store.log.at(-1)).toBe("abort");
    expect(stored(store)).toBeUndefined();
  });

  test("an abort that fails is logged, and does not hide the first error", async () => {
    const warnings: string[] = [];
    const store = new StoreDouble();
    const log = { ...silentLog, warn: (message: string) => warnings.push(message) };
    const options = { ...COMMON, client: store, pool: testPool(8), partBytes: 1000, log };
    const upload = createUploader(options)({ key: "k" });
    store.before = (operation) => {
      if (operation === "complete") throw error;
      if (operation === "abort") throw s3Failure("network", "AbortMultipartUpload");
    };
    await writeAll(upload, pattern(1500), 500);
    await expect(upload.complete()).rejects.toBe(error);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('"k"');
  });

  test.each([
    ["a size", { sizeBytes: 999 }],
    ["a number", { partNumber: 7 }],
    ["a checksum", { checksum: { algorithm: "crc32c" as const, base64: "AAAAAA==" } }],
  ])("%s that is not ours is never completed", async (_what, change) => {
    const { store, upload } = setUp();
    store.answer = (part) => (part.partNumber === 2 ? { ...part, ...change } : part);
    await writeAll(upload, pattern(2500), 500);
    await expect(upload.complete()).rejects.toMatchObject({
      name: "WriteError",
      kind: "inconsistent",
    });
    expect(store.log).not.toContain("complete");
    expect(store.log.at(-1)).toBe("abort");
  });

  test("a store that sends no checksums back is believed its sizes", async () => {
    const { store, upload } = setUp();
    store.answer = (part) => ({ ...part, checksum: undefined });
    const bytes = pattern(2500);
    await writeAll(upload, bytes, 500);
    await upload.complete();
    expect(stored(store)?.equals(bytes)).toBe(true);
  });

  test.each([10, 2500])("%d bytes that change in memory are not stored", async (byteCount) => {
    let calls = 0;
    // What was summed is not what is copied: the store, which sums what it gets, must find out.
    const { store, upload } = setUp({
      checksums: {
        ...CHECKSUMS,
        crc32c: (bytes, crc) => {
          calls += 1;
          const sum = crc32cByBits(bytes, crc);
          if (calls === 1) bytes[3] = (bytes[3] ?? 0) ^ 1;
          return sum;
        },
      },
    });
    await writeAll(upload, pattern(byteCount), 500).catch(() => {});
    await expect(upload.complete()).rejects.toMatchObject({ kind: "rejected" });
    expect(stored(store)).toBeUndefined();
  });
});

describe("a reply that gets lost", () => {
  test("of a completion is a success when the object is ours", async () => {
    const { store, upload } = setUp();
    store.after = (operation) => {
      if (operation === "complete") throw s3Failure("no-such-upload", "CompleteMultipartUpload");
    };
    const bytes = pattern(2500);
    await writeAll(upload, bytes, 500);
    const result = await upload.complete();
    expect(result.etag).toBe(store.objects.get("k")?.etag);
    expect(store.log.at(-1)).toBe("head");
    expect(stored(store)?.equals(bytes)).toBe(true);
  });

  test("of a PUT is a success when the object is ours", async () => {
    const { store, upload } = setUp({ ifNoneMatch: "*" });
    store.after = (operation) => {
      // The client repeats the PUT, which now finds the object.
      if (operation === "put") throw s3Failure("precondition-failed", "PutObject");
    };
    await upload.write(0, pattern(100));
    expect((await upload.complete()).etag).toBe(store.objects.get("k")?.etag);
  });

  test("is a failure when the object is another of the same size", async () => {
    const { store, upload } = setUp();
    const lost = s3Failure("timeout", "CompleteMultipartUpload");
    failAt(store, "complete", lost);
    store.objects.set("k", { bytes: pattern(2500, 9), etag: '"0123456789abcdef-3"' });
    await writeAll(upload, pattern(2500), 500);
    await expect(upload.complete()).rejects.toBe(lost);
    expect(store.log.slice(-2)).toEqual(["head", "abort"]);
  });

  test("is a failure when nothing is there, or nobody answers", async () => {
    for (const kind of ["not-found", "network"] as const) {
      const { store, upload } = setUp();
      const lost = s3Failure("network", "CompleteMultipartUpload");
      store.before = (operation) => {
        if (operation === "complete") throw lost;
        if (operation === "head") throw s3Failure(kind, "HeadObject");
      };
      await writeAll(upload, pattern(2500), 500);
      await expect(upload.complete()).rejects.toBe(lost);
      expect(store.log.at(-1)).toBe("abort");
    }
  });

  test.each(["crc32c", "crc64nvme"] as const)(
    "is a success by its %s where ETags are no MD5s",
    async (uploadChecksums) => {
      for (const [operation, byteCount] of [
        ["put", 500],
        ["complete", 2500],
      ] as const) {
        const { store, upload } = setUp({ uploadChecksums });
        store.tells = { checksums: true, md5s: false };
        store.after = (current) => {
          if (current === operation) throw s3Failure("network", operation);
        };
        await writeAll(upload, pattern(byteCount), 500);
        expect((await upload.complete()).etag).toBe(store.objects.get("k")?.etag);
        expect(store.log.at(-1)).toBe("head");
      }
    },
  );

  test("is a failure when the object of that size has another checksum", async () => {
    const { store, upload } = setUp();
    const lost = s3Failure("network", "PutObject");
    failAt(store, "put", lost);
    store.objects.set("k", {
      bytes: pattern(500),
      etag: '"opaque"',
      checksum: { algorithm: "crc32c", base64: "AAAAAA==" },
    });
    await writeAll(upload, pattern(500), 500);
    await expect(upload.complete()).rejects.toBe(lost);
  });

  test("is a failure when neither ETag nor checksum can prove anything", async () => {
    const { store, upload } = setUp();
    store.tells = { checksums: false, md5s: false };
    store.after = (operation) => {
      if (operation === "complete") throw s3Failure("network", "CompleteMultipartUpload");
    };
    await writeAll(upload, pattern(2500), 500);
    await expect(upload.complete()).rejects.toMatchObject({ kind: "network" });
  });
});

describe("checksums", () => {
  test.each(["crc32c", "crc64nvme", "off"] as const)(
    "%s: what was written is stored",
    async (kind) => {
      for (const byteCount of [0, 500, 2500]) {
        const { store, upload } = setUp({ uploadChecksums: kind });
        const bytes = pattern(byteCount);
        await writeAll(upload, bytes, 333);
        await upload.complete();
        expect(stored(store)?.equals(bytes)).toBe(true);
        expect(store.objects.get("k")?.checksum === undefined).toBe(kind === "off");
        const algorithms = store.created.map(({ checksumAlgorithm }) => checksumAlgorithm);
        expect(algorithms).toEqual(byteCount < 1000 ? [] : [kind === "off" ? undefined : kind]);
      }
    },
  );

  test.each([
    ["off", 500],
    ["off", 2500],
    ["ignored", 2500],
  ] as const)("%s: %d bytes that change in memory are found here", async (kind, byteCount) => {
    let calls = 0;
    const { store, upload } = setUp({
      uploadChecksums: kind === "off" ? "off" : "crc32c",
      checksums: {
        ...CHECKSUMS,
        crc32c: (bytes, crc) => {
          calls += 1;
          const sum = crc32cByBits(bytes, crc);
          if (calls === 1) bytes[3] = (bytes[3] ?? 0) ^ 1;
          return sum;
        },
      },
    });
    store.checksChecksums = false;
    store.answer = (part) => ({ ...part, checksum: undefined });
    await writeAll(upload, pattern(byteCount), 500).catch(() => {});
    await expect(upload.complete()).rejects.toMatchObject({ kind: "inconsistent" });
    expect(stored(store)).toBeUndefined();
  });
});

describe("aborting", () => {
  test("before anything was sent sends nothing", async () => {
    const { store, upload } = setUp();
    await upload.write(0, pattern(10));
    await upload.abort();
    await upload.abort();
    expect(store.log).toEqual([]);
    const refused = { name: "WriteError", kind: "aborted" };
    expect(() => upload.write(10, pattern(1))).toThrow(expect.objectContaining(refused));
    await expect(upload.complete()).rejects.toMatchObject(refused);
  });

  test("waits for an upload that is being created, and aborts that", async () => {
    const { store, upload } = setUp();
    const gate = deferred<void>();
    store.before = (operation) => (operation === "create" ? gate.promise : undefined);
    await writeAll(upload, pattern(1500), 500);
    const aborting = upload.abort();
    await quiet();
    expect(store.log).toEqual(["create"]);
    gate.resolve();
    await aborting;
    expect(store.log).toEqual(["create", "abort"]);
  });

  test("stops parts under way and aborts the upload only then", async () => {
    const { store, upload, pool } = setUp();
    store.before = (operation) => (operation === "part" ? new Promise(() => {}) : undefined);
    await writeAll(upload, pattern(2000), 500);
    await quiet();
    expect(pool.blocksInUse).toBe(2);
    await upload.abort();
    expect(pool.blocksInUse).toBe(0);
    expect(store.log).toEqual(["create", "part", "part", "abort"]);
  });

  test("stops a PUT under way, and complete() says so", async () => {
    const { store, upload } = setUp();
    store.before = () => new Promise(() => {});
    await upload.write(0, pattern(10));
    const completion = upload.complete();
    await quiet();
    await Promise.all([
      upload.abort(),
      expect(completion).rejects.toMatchObject({ name: "WriteError", kind: "aborted" }),
    ]);
    expect(store.log).toEqual(["put"]);
  });

  test("stops a completion under way, and leaves no upload", async () => {
    const { store, upload } = setUp();
    store.before = (operation) => (operation === "complete" ? new Promise(() => {}) : undefined);
    await writeAll(upload, pattern(1500), 500);
    const completion = upload.complete();
    await quiet();
    await Promise.all([
      upload.abort(),
      expect(completion).rejects.toMatchObject({ kind: "aborted" }),
    ]);
    expect(store.log.at(-1)).toBe("abort");
  });
});
