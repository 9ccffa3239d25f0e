/** Large directories: pages asked for from guessed names on, and that no name is lost or told twice by it. */

import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { silentLog } from "../../src/base/log.ts";
import { Superblock } from "../../src/inode/index.ts";
import { compareKeys } from "../../src/inode/name.ts";
import { type ListRequest, S3Error } from "../../src/s3/index.ts";
import { MemoryBucket } from "../fs/memory-bucket.ts";

const REQUEST_MS = 30;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "Date"] });
});

afterEach(() => {
  vi.useRealTimers();
});

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What `work` resolves with, which waits for nothing but time. */
async function untilDone<T>(work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  done.catch(() => {});
  while (!isDone) await vi.advanceTimersToNextTimerAsync();
  return done;
}

/** A bucket whose listings take time, and a reader that needs `readerMs` for a page. */
class Slow {
  readonly bucket = new MemoryBucket();
  readonly asked: ListRequest[] = [];
  readonly superblock: Superblock;
  readerMs = 5;
  /** Called before each request. */
  onList: (request: ListRequest) => void = () => {};

  constructor() {
    const list: MemoryBucket["list"] = async (request) => {
      this.asked.push(request);
      this.onList(request);
      await passed(REQUEST_MS);
      return this.bucket.list(request);
    };
    const { bucket } = this;
    this.superblock = new Superblock({
      store: { head: (key) => bucket.head(key), list, delete: (key) => bucket.delete(key) },
      prefix: "",
      ttl: { kind: "seconds", seconds: 60 },
      log: silentLog,
      now: Date.now,
    });
  }

  get guesses(): number {
    return this.asked.filter(({ startAfter }) => startAfter !== undefined).length;
  }

  /** All names of the root, directories with "/". Pages that fail are tried again `retries` times. */
  readAll(retries = 0): Promise<string[]> {
    return untilDone(this.#readAll(retries));
  }

  async #readAll(retries: number): Promise<string[]> {
    const { root } = this.superblock.table;
    const listing = this.superblock.openListing(root);
    const names: string[] = [];
    let failures = 0;
    for (;;) {
      const listed = listing.next();
      if (listed === "end") break;
      if (listed !== "wait") {
        names.push(listed.object === undefined ? `${listed.name}/` : listed.name);
        continue;
      }
      await passed(this.readerMs);
      await listing.turnPage().catch((error: unknown) => {
        failures += 1;
        if (failures > retries) throw error;
      });
    }
    listing.close();
    return names;
  }
}

function numbered(index: number): string {
  return `file-${String(index).padStart(7, "0")}.txt`;
}

function hashed(index: number): string {
  return createHash("md5").update(String(index)).digest("hex");
}

function filled(count: number, name: (index: number) => string): Slow {
  const slow = new Slow();
  for (let index = 0; index < count; index++) slow.bucket.store(name(index));
  return slow;
}

describe("what a large directory costs", () => {
  test("numbered names: some pages at the end that hold nothing, and no other page more", async () => {
    const slow = filled(40_000, numbered);
    expect(await slow.readAll()).toEqual(Array.from({ length: 40_000 }, (_, i) => numbered(i)));
    expect(slow.guesses).toBeGreaterThan(6);
    expect(slow.asked.length).toBeLessThanOrEqual(40 + 8);
  });

  test("hashed names: one page in ten more", async () => {
    const slow = filled(20_000, hashed);
    const names = await slow.readAll();
    expect(names).toEqual([...slow.bucket.objects.keys()].sort(compareKeys));
    expect(slow.guesses).toBeGreaterThan(2);
    expect(slow.asked.length).toBeLessThanOrEqual(22 + 8);
  });

  test("names that say nothing of those behind them: a few pages more, then one after another", async () => {
    // Dense here and sparse there, so that every guess is wrong.
    const slow = filled(60_000, (index) =>
      hashed(Math.floor(index / 3000))
        .slice(0, 4)
        .concat(numbered(index)),
    );
    const names = await slow.readAll();
    expect(names).toEqual([...slow.bucket.objects.keys()].sort(compareKeys));
    expect(slow.asked.length).toBeLessThanOrEqual(60 + 30);
  });

  test("four pages: as many requests", async () => {
    const slow = filled(4000, numbered);
    expect(await slow.readAll()).toHaveLength(4000);
    expect(slow.asked).toHaveLength(4);
  });

  test("a reader that is slower than S3: one page after another", async () => {
    const slow = filled(20_000, numbered);
    slow.readerMs = 40;
    expect(await slow.readAll()).toHaveLength(20_000);
    expect(slow.guesses).toBe(0);
    expect(slow.asked).toHaveLength(20);
  });

  test("a reader that stops: nothing more is asked for", async () => {
    const slow = filled(40_000, numbered);
    const listing = slow.superblock.openListing(slow.superblock.table.root);
    for (let page = 0; page < 6; page++) {
      while (listing.next() !== "wait");
      await untilDone(listing.turnPage());
    }
    listing.close();
    const before = slow.asked.length;
    expect(before).toBeLessThan(30);
    await vi.runAllTimersAsync();
    expect(slow.asked.length).toBe(before);
  });
});

describe("a server", () => {
  const expected = Array.from({ length: 20_000 }, (_, i) => numbered(i));

  test("that ignores where to start is found out, once", async () => {
    const slow = filled(20_000, numbered);
    slow.bucket.honoursStartAfter = false;
    expect(await slow.readAll()).toEqual(expected);
    const { guesses } = slow;
    expect(guesses).toBeGreaterThan(0);
    expect(await slow.readAll()).toEqual(expected);
    expect(slow.guesses).toBe(guesses);
  });

  for (const kind of ["rejected", "throttled"] as const) {
    test(`that answers "${kind}" to the first guess makes nobody fail`, async () => {
      const slow = filled(20_000, numbered);
      let isFirst = true;
      slow.onList = ({ startAfter }) => {
        if (startAfter === undefined || !isFirst) return;
        isFirst = false;
        throw new S3Error("planned", { kind, operation: "ListObjectsV2" });
      };
      expect(await slow.readAll()).toEqual(expected);
      expect(isFirst).toBe(false);
      const { guesses } = slow;
      expect(await slow.readAll()).toEqual(expected);
      if (kind === "rejected") expect(slow.guesses).toBe(guesses);
      else expect(slow.guesses).toBeGreaterThan(guesses);
    });
  }

  test("that fails further on makes the reader fail, who goes on when it has recovered", async () => {
    const slow = filled(20_000, numbered);
    let failures = 0;
    slow.onList = ({ continuationToken }) => {
      if (continuationToken === undefined || slow.guesses < 3 || failures === 3) return;
      failures += 1;
      throw new S3Error("planned", { kind: "throttled", operation: "ListObjectsV2" });
    };
    expect(await slow.readAll(failures + 3)).toEqual(expected);
    expect(failures).toBe(3);
  });

  test("that lists in no order where it was asked from a name on does no harm to what came before", async () => {
    const slow = filled(20_000, numbered);
    const { bucket } = slow;
    const inOrder = bucket.list.bind(bucket);
    bucket.list = async (request) => {
      const page = await inOrder(request);
      if (request.startAfter === undefined) return page;
      return { ...page, objects: page.objects.toReversed() };
    };
    expect(await slow.readAll()).toEqual(expected);
    expect(slow.guesses).toBeGreaterThan(0);
  });
});

// Few letters, and those around "/" in ASCII, so that names are prefixes of each other, and guesses hit them.
const name = fc
  .string({ unit: fc.constantFrom("0", "1", "2", "9", "a", "-", "."), minLength: 1, maxLength: 4 })
  .filter((candidate) => candidate !== "." && candidate !== "..");

test("every name comes once and in order, wherever pages begin and whatever else comes and goes", async () => {
  let guesses = 0;
  const property = fc.asyncProperty(
    fc.uniqueArray(name, { minLength: 20, maxLength: 60 }),
    fc.uniqueArray(name, { maxLength: 20 }),
    fc.uniqueArray(name, { maxLength: 10 }),
    fc.integer({ min: 1, max: 5 }),
    async (files, directories, fleeting, pageKeysMax) => {
      const slow = new Slow();
      slow.readerMs = 1;
      slow.bucket.pageKeysMax = pageKeysMax;
      for (const file of files) slow.bucket.store(file);
      for (const directory of directories) slow.bucket.store(`${directory}/x`);
      const isStable = new Set([...files, ...directories]);
      const others = fleeting.filter((each) => !isStable.has(each));
      slow.onList = () => {
        const other = others[slow.asked.length % Math.max(1, others.length)];
        if (other === undefined) return;
        if (slow.bucket.objects.has(other)) slow.bucket.remove(other);
        else slow.bucket.store(other);
      };
      const isDirectory = new Set(directories);
      const expected = [...isStable].map((each) => (isDirectory.has(each) ? `${each}/` : each));
      const found = await slow.readAll();
      const stable = found.filter((each) => isStable.has(each.replace("/", "")));
      expect(stable.toSorted(compareKeys)).toEqual(expected.sort(compareKeys));
      expect(new Set(found).size).toBe(found.length);
      guesses += slow.guesses;
    },
  );
  await fc.assert(property, { numRuns: 100 });
  expect(guesses).toBeGreaterThan(30);
});
