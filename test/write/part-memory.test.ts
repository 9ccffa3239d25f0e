/** Writers that share memory for fewer than they are. */

import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { KIB, MIB } from "../../src/base/sizes.ts";
import { createUploader, type StartUpload, type Upload } from "../../src/write/index.ts";
import { quiet, testPool } from "../memory/pools.ts";
import { pattern } from "../read/gated-client.ts";
import { StoreDouble } from "./store-double.ts";

const DATA = pattern(12 * MIB);
/** What is stored is compared itself. */
const CHECKSUMS = { crc32c: () => 0, crc64nvme: () => 0n };

interface Setup {
  readonly store: StoreDouble;
  readonly pool: ReturnType<typeof testPool>;
  readonly start: StartUpload;
}

const stores: StoreDouble[] = [];

function setUp(blocks: number, options: { readonly stuckMs?: number } = {}): Setup {
  const store = new StoreDouble();
  store.checksChecksums = false;
  stores.push(store);
  const pool = testPool(blocks);
  const start = createUploader({
    client: store,
    pool,
    checksums: CHECKSUMS,
    uploadChecksums: "crc32c",
    partBytes: 8 * MIB,
    log: silentLog,
    ...options,
  });
  return { store, pool, start };
}

afterEach(() => {
  for (const store of stores.splice(0)) expect([...store.uploads.keys()]).toEqual([]);
});

async function write(upload: Upload, fromMib: number, toMib: number): Promise<void> {
  for (let at = fromMib * MIB; at < toMib * MIB; at += MIB) {
    await upload.write(at, DATA.subarray(at, at + MIB));
  }
}

function expectStored({ store }: Setup, key: string, byteCount: number): void {
  expect(store.objects.get(key)?.bytes.equals(DATA.subarray(0, byteCount))).toBe(true);
}

describe("writers of their own threads", () => {
  test.each([
    [8, 12],
    [16, 25],
    [32, 30],
  ])("with %d blocks, all of %d files of 6 MiB are stored", async (blocks, files) => {
    const setup = setUp(blocks);
    const keys = Array.from({ length: files }, (_, i) => `file-${i}`);
    const uploads = keys.map((key) => setup.start({ key }));
    await Promise.all(
      uploads.map(async (upload) => {
        await write(upload, 0, 6);
        await upload.complete();
      }),
    );
    for (const key of keys) expectStored(setup, key, 6 * MIB);
  });

  test("get on in whatever order they come, pause and end", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 11 }), { minLength: 3, maxLength: 12 }),
        fc.integer({ min: 6, max: 20 }),
        fc.scheduler(),
        async (sizesMib, blocks, scheduler) => {
          const setup = setUp(blocks);
          setup.store.before = () => scheduler.schedule(Promise.resolve());
          const writers = sizesMib.map(async (mib, i) => {
            const upload = setup.start({ key: `file-${i}` });
            for (let at = 0; at < mib; at += 1) {
              await scheduler.schedule(Promise.resolve());
              await write(upload, at, at + 1);
            }
            await upload.complete();
          });
          const all = Promise.all(writers);
          await scheduler.waitFor(all);
          for (const [i, mib] of sizesMib.entries()) expectStored(setup, `file-${i}`, mib * MIB);
          expect(setup.pool.blocksInUse).toBe(0);
        },
      ),
      { numRuns: 10 },
    );
  });
});

describe("a writer that stops", () => {
  test("after what may be a part has it sent when another needs the memory", async () => {
    const setup = setUp(8);
    const idle = setup.start({ key: "idle" });
    await write(idle, 0, 6);
    const other = setup.start({ key: "other" });
    await write(other, 0, 12);
    await other.complete();
    expectStored(setup, "other", 12 * MIB);
    await write(idle, 6, 12);
    await idle.complete();
    expectStored(setup, "idle", 12 * MIB);
  });

  test("before that is waited for, until it goes on", async () => {
    const setup = setUp(8);
    const idle = setup.start({ key: "idle" });
    await write(idle, 0, 4);
    const other = setup.start({ key: "other" });
    let done = false;
    const writing = write(other, 0, 8).then(() => {
      done = true;
    });
    await quiet();
    expect(done).toBe(false);
    await write(idle, 4, 6);
    await idle.complete();
    await writing;
    await other.complete();
    expectStored(setup, "other", 8 * MIB);
    expectStored(setup, "idle", 6 * MIB);
  });
});

describe("when nothing can move any more", () => {
  test("files of which each has a little are refused one by one, the oldest not", async () => {
    const setup = setUp(8, { stuckMs: 50 });
    const uploads = Array.from({ length: 9 }, (_, i) => setup.start({ key: `file-${i}` }));
    const outcomes: string[] = [];
    for (const upload of uploads) {
      const wrote = Promise.resolve(upload.write(0, DATA.subarray(0, MIB)));
      outcomes.push(
        await wrote.then(
          () => "written",
          (error: unknown) => (error instanceof Error ? error.message : ""),
        ),
      );
    }
    expect(outcomes.slice(0, 2)).toEqual(["written", "written"]);
    expect(outcomes.at(-1)).toContain("raise the memory target");
    for (const [i, upload] of uploads.entries()) {
      if (outcomes[i] !== "written") continue;
      await upload.complete();
      expectStored(setup, `file-${i}`, MIB);
    }
  });

  test("a slow part is waited for, however long it takes", async () => {
    const setup = setUp(8, { stuckMs: 300 });
    setup.store.before = (operation) =>
      operation === "part" ? new Promise((resolve) => setTimeout(resolve, 900)) : undefined;
    const uploads = ["a", "b"].map((key) => setup.start({ key }));
    await Promise.all(
      uploads.map(async (upload) => {
        await write(upload, 0, 12);
        await upload.complete();
      }),
    );
    for (const key of ["a", "b"]) expectStored(setup, key, 12 * MIB);
  });

  test("giving up on one that stands in line lets the next one have its turn", async () => {
    const setup = setUp(8);
    const [holder, first, second] = ["holder", "first", "second"].map((key) =>
      setup.start({ key }),
    );
    if (holder === undefined || first === undefined || second === undefined) throw new Error();
    await write(holder, 0, 4);
    const refused = expect(write(first, 0, 8)).rejects.toMatchObject({ kind: "aborted" });
    const writing = write(second, 0, 2);
    await quiet();
    await first.abort();
    await refused;
    await holder.complete();
    await writing;
    await second.complete();
    expectStored(setup, "second", 2 * MIB);
  });
});

describe("small files", () => {
  test("by the hundred take a few blocks until they are closed", async () => {
    const setup = setUp(32);
    const uploads = Array.from({ length: 200 }, (_, i) => setup.start({ key: `file-${i}` }));
    for (const upload of uploads) await upload.write(0, DATA.subarray(0, 10_000));
    expect(setup.pool.blocksInUse).toBe(Math.ceil(200 / 16));
    await Promise.all(uploads.map((upload) => upload.complete()));
    for (const i of uploads.keys()) expectStored(setup, `file-${i}`, 10_000);
    expect(setup.pool.blocksInUse).toBe(0);
  });

  test.each([64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB, 9 * MIB + 1])(
    "grow to %d bytes",
    async (byteCount) => {
      const setup = setUp(32);
      const upload = setup.start({ key: "file" });
      for (let at = 0; at < byteCount; at += 10_007) {
        await upload.write(at, DATA.subarray(at, Math.min(at + 10_007, byteCount)));
      }
      await upload.complete();
      expectStored(setup, "file", byteCount);
      expect(setup.pool.blocksInUse).toBe(0);
    },
  );

  test("that are given up give their memory back", async () => {
    const setup = setUp(32);
    const upload = setup.start({ key: "file" });
    await upload.write(0, DATA.subarray(0, 100));
    await upload.abort();
    expect(setup.pool.blocksInUse).toBe(0);
  });
});
