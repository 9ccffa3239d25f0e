/** Files written in turn, whose parts wait on disk because memory is for fewer of them. */

import { readdirSync, readlinkSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import fc from "fast-check";
import { afterAll, afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { type Log, silentLog } from "../../src/base/log.ts";
import { KIB, MIB } from "../../src/base/sizes.ts";
import { createUploader, type StartUpload, type Upload } from "../../src/write/index.ts";
import { testPool } from "../memory/pools.ts";
import { pattern } from "../read/gated-client.ts";
import { Scratch } from "../rigs/scratch.ts";
import { StoreDouble } from "./store-double.ts";

const DATA = pattern(13 * MIB);
/** What is stored is compared itself. */
const CHECKSUMS = { crc32c: () => 0, crc64nvme: () => 0n };
const FEW_BLOCKS = 16;

const scratch = new Scratch();
const directory = scratch.makeDirectory("spill");
const stores: StoreDouble[] = [];

interface Setup {
  readonly store: StoreDouble;
  readonly start: StartUpload;
  readonly lines: string[];
}

function setUp(options: { stuckMs?: number; spillDirectories?: readonly string[] } = {}): Setup {
  const store = new StoreDouble();
  store.checksChecksums = false;
  stores.push(store);
  const lines: string[] = [];
  const log: Log = { ...silentLog, warn: (line) => lines.push(line) };
  const start = createUploader({
    client: store,
    pool: testPool(FEW_BLOCKS),
    checksums: CHECKSUMS,
    uploadChecksums: "crc32c",
    partBytes: 8 * MIB,
    spillDirectories: [directory],
    log,
    ...options,
  });
  return { store, start, lines };
}

/** Descriptors of this process for files in `directory`, which must not have a name there. */
function spillFiles(): readonly string[] {
  expect(readdirSync(directory)).toEqual([]);
  return readdirSync("/proc/self/fd")
    .map((fd) => `/proc/self/fd/${fd}`)
    .filter((path) => targetOf(path).startsWith(directory));
}

/** "" for the descriptor that the listing itself had. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

afterEach(async () => {
  for (const store of stores.splice(0)) expect([...store.uploads.keys()]).toEqual([]);
  // It is closed behind the last upload, which does not wait for that.
  await expect.poll(spillFiles).toEqual([]);
});

afterAll(() => scratch.close());

interface Written {
  readonly key: string;
  readonly upload: Upload;
  byteCount: number;
}

function begin({ start }: Setup, count: number, from = 0): readonly Written[] {
  return Array.from({ length: count }, (_, i) => {
    const key = `file-${from + i}`;
    return { key, upload: start({ key }), byteCount: 0 };
  });
}

async function append(file: Written, byteCount: number): Promise<void> {
  const { byteCount: at } = file;
  expect(await file.upload.write(at, DATA.subarray(at, at + byteCount))).toBe(byteCount);
  file.byteCount += byteCount;
}

function expectStored({ store }: Setup, { byteCount, key }: Written): void {
  expect(store.objects.get(key)?.bytes.equals(DATA.subarray(0, byteCount))).toBe(true);
}

describe("one thread that writes to files in turn", () => {
  test.each([
    ["a mebibyte", 24, 7, MIB],
    ["a little", 40, 20, 70 * KIB],
    ["what ends within blocks", 24, 5, MIB + 300_001],
  ])("%s: all of %d files are stored whole", async (_, fileCount, rounds, byteCount) => {
    const setup = setUp();
    const files = begin(setup, fileCount);
    for (let round = 0; round < rounds; round += 1) {
      for (const file of files) await append(file, byteCount);
    }
    expect(spillFiles()).toHaveLength(1);
    for (const { upload } of files) await upload.complete();
    for (const file of files) expectStored(setup, file);
    expect(setup.lines).toEqual([]);
  });

  test("whatever the sizes and the order in which they end", async () => {
    const step = fc.record({
      file: fc.nat(11),
      byteCount: fc.oneof(fc.integer({ min: 1, max: 3 * MIB }), fc.constant(MIB)),
      ends: fc.nat(9).map((n) => n === 0),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
        const setup = setUp();
        const files = begin(setup, 12);
        const ended = new Set<Written>();
        for (const { byteCount, ends, file: index } of steps) {
          const file = files[index];
          if (file === undefined || ended.has(file)) continue;
          await append(file, Math.min(byteCount, DATA.length - file.byteCount));
          if (!ends) continue;
          ended.add(file);
          await file.upload.complete();
        }
        await Promise.all(files.map(({ upload }) => upload.complete()));
        for (const file of files) expectStored(setup, file);
      }),
      { numRuns: 8 },
    );
  });

  test("a part that was on disk is sent as soon as it may be one", async () => {
    const setup = setUp();
    const files = begin(setup, 12);
    for (const file of files) await append(file, 2 * MIB);
    const [first, ...others] = files;
    if (first === undefined) throw new Error("there are files");
    for (const { upload } of others) await upload.complete();
    await append(first, 11 * MIB);
    const [parts] = setup.store.uploads.values();
    expect(parts?.get(1)?.length).toBe(5 * MIB);
    await first.upload.complete();
    expectStored(setup, first);
  });
});

/** Has files end where they are read from, until the test ends: cut short, one could still be written to. */
async function losingAll(): Promise<void> {
  const handle = await open("/dev/null");
  await handle.close();
  const reading = vi.spyOn<{ read(): Promise<unknown> }, "read">(
    Object.getPrototypeOf(handle),
    "read",
  );
  reading.mockResolvedValue({ bytesRead: 0 });
  onTestFinished(() => reading.mockRestore());
}

describe("the file on disk", () => {
  test("has no name, is for its owner only, and is gone when the files are given up", async () => {
    const setup = setUp();
    const files = begin(setup, 20);
    for (const file of files) await append(file, 3 * MIB);
    const [path = ""] = spillFiles();
    const { mode, nlink, size } = statSync(path);
    expect([mode & 0o777, nlink]).toEqual([0o600, 0]);
    expect(size).toBeGreaterThan(20 * MIB);
    for (const { upload } of files) await upload.abort();
  });

  test("that lost what it was given fails the files whose bytes these were, and no others", async () => {
    const setup = setUp();
    const files = begin(setup, 20);
    for (const file of files) await append(file, 3 * MIB);
    const [last] = begin(setup, 1, files.length);
    if (last === undefined) throw new Error("there is one more");
    await append(last, 3 * MIB);
    await losingAll();
    // In memory, where nobody has needed room since.
    await last.upload.complete();
    expectStored(setup, last);
    const outcomes = await Promise.all(
      files.map(({ upload }) =>
        upload.complete().then(
          () => "stored",
          (error: unknown) => (error instanceof Error && "kind" in error ? error.kind : error),
        ),
      ),
    );
    expect(outcomes).toContain("spill-lost");
    for (const [i, file] of files.entries()) {
      if (outcomes[i] === "stored") {
        expectStored(setup, file);
        continue;
      }
      expect(outcomes[i]).toBe("spill-lost");
      expect(setup.store.objects.has(file.key)).toBe(false);
    }
  });

  test.each([
    ["/nonexistent", "ENOENT"],
    ["/dev/shm", "kept in memory"],
  ])("cannot be in %s: memory runs out, and the message says why", async (path, why) => {
    const setup = setUp({ stuckMs: 300, spillDirectories: [path] });
    const files = begin(setup, 20);
    let message = "";
    for (const file of files) {
      try {
        await append(file, 3 * MIB);
      } catch (error) {
        message = error instanceof Error ? error.message : "";
        break;
      }
    }
    expect(message).toContain("cannot wait on disk");
    expect(message).toContain(why);
    expect(setup.lines).toHaveLength(1);
    expect(setup.lines[0]).toContain("TMPDIR");
    for (const { upload } of files) await upload.abort();
  });
});
