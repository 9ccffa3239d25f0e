/** Lookups that follow one another through a directory: how many requests they share, and when not. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { EIO, ENOENT } from "../../src/base/errno.ts";
import { CALLER, errnoFrom, list, O_RDONLY, type Rig, ROOT, rig } from "../fs/rig.ts";

const EXPIRED_MS = 1500;

function padded(index: number): string {
  return `file-${String(index).padStart(6, "0")}`;
}

/** A directory of `count` files, listed long enough ago that nothing of it is believed any more. */
async function listed(count: number): Promise<Rig> {
  const setup = rig();
  for (let i = 0; i < count; i++) setup.bucket.store(padded(i), "content");
  await list(setup, ROOT, { plus: true });
  setup.advance(EXPIRED_MS);
  setup.bucket.takeCounts();
  return setup;
}

async function lookUpAll(setup: Rig, count: number, stepMs = 0): Promise<void> {
  for (let i = 0; i < count; i++) {
    expect((await setup.fs.lookup(ROOT, padded(i))).attributes.sizeBytes).toBe(7);
    setup.advance(stepMs);
  }
}

describe("a walk through a directory that was listed", () => {
  test("of 2,000 files costs three LISTs and no HEAD, however long ago the listing was", async () => {
    const setup = await listed(2000);
    await lookUpAll(setup, 2000);
    expect(setup.bucket.takeCounts()).toEqual({ list: 3 });
  });

  test("that is slow asks again when what it knows has expired, still without a HEAD", async () => {
    const setup = await listed(500);
    // Ten lookups for each TTL of 100 ms.
    await lookUpAll(setup, 500, 10);
    expect(setup.bucket.takeCounts()).toEqual({ list: 50 });
  });

  test("that needs longer than the TTL for each name costs one LIST each, half of HEAD and LIST", async () => {
    const setup = await listed(50);
    await lookUpAll(setup, 50, 150);
    expect(setup.bucket.takeCounts()).toEqual({ list: 50 });
  });

  test("serves opens: each answer one", async () => {
    const setup = await listed(50);
    for (let i = 0; i < 50; i++) {
      const { attributes } = await setup.fs.lookup(ROOT, padded(i));
      await setup.fs.open(attributes.ino, O_RDONLY, CALLER);
    }
    expect(setup.bucket.takeCounts()).toEqual({ list: 1 });
    const { attributes } = await setup.fs.lookup(ROOT, padded(7));
    await setup.fs.open(attributes.ino, O_RDONLY, CALLER);
    expect(setup.bucket.takeCounts()).toEqual({ head: 1 });
  });

  test("by many at once is one request", async () => {
    const setup = await listed(60);
    await Promise.all(Array.from({ length: 60 }, (_, i) => setup.fs.lookup(ROOT, padded(i))));
    expect(setup.bucket.takeCounts()).toEqual({ list: 1 });
  });

  test("by sixteen programs, each through a part of its own, costs two LISTs for each TTL", async () => {
    const setup = await listed(1600);
    for (let step = 0; step < 100; step++) {
      for (let program = 0; program < 16; program++) {
        await setup.fs.lookup(
          ROOT,
          padded(25 * Math.floor(step / 25) * 16 + 25 * program + (step % 25)),
        );
        setup.advance(0.5);
      }
    }
    const { head = 0, list: lists = 0 } = setup.bucket.takeCounts();
    expect(head).toBe(0);
    expect(lists).toBeLessThanOrEqual(2 * (800 / 100) + 5);
  });

  test("by sixteen programs that wait for each other's pages costs few requests", async () => {
    const setup = await listed(1600);
    const walk = async (program: number): Promise<void> => {
      for (let i = 0; i < 25; i++) {
        await setup.fs.lookup(ROOT, padded(25 * program + i));
        setup.advance(0.5);
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, program) => walk(program)));
    const { head = 0, list: lists = 0 } = setup.bucket.takeCounts();
    expect(head).toBeLessThanOrEqual(16);
    expect(lists).toBeLessThanOrEqual(16 + head);
  });

  test("by sixteen programs in no order costs few requests, too", async () => {
    const setup = await listed(2000);
    // 777 and 2,000 have no common factor: each name comes once, far from those before and behind it.
    const names = Array.from({ length: 2000 }, (_, i) => padded((i * 777) % 2000));
    const read = async (): Promise<void> => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        await setup.fs.lookup(ROOT, name);
        setup.advance(0.25);
      }
    };
    await Promise.all(Array.from({ length: 16 }, read));
    const { head = 0, list: lists = 0 } = setup.bucket.takeCounts();
    expect(head).toBeLessThanOrEqual(40);
    expect(lists).toBeLessThanOrEqual(20 + head);
  });

  test("never tells what is older than the TTL", async () => {
    const setup = await listed(300);
    for (let i = 0; i < 300; i++) {
      setup.bucket.store(padded(i), "replaced content");
      setup.advance(101);
      const found = await setup.fs.lookup(ROOT, padded(i));
      expect(found.attributes.sizeBytes).toBe(16);
    }
  });

  test("finds directories, and what has become one", async () => {
    const setup = await listed(30);
    for (let i = 10; i < 30; i++) {
      setup.bucket.remove(padded(i));
      setup.bucket.store(`${padded(i)}/inside`);
    }
    for (let i = 0; i < 30; i++) {
      const { kind } = (await setup.fs.lookup(ROOT, padded(i))).attributes;
      expect(kind).toBe(i < 10 ? "file" : "directory");
    }
    expect(setup.bucket.takeCounts()).toEqual({ list: 1 });
  });
});

describe("without a listing", () => {
  test("the first name costs HEAD and LIST, and the second brings those behind it", async () => {
    const setup = rig();
    for (let i = 0; i < 40; i++) setup.bucket.store(padded(i), "content");
    await lookUpAll(setup, 1);
    expect(setup.bucket.takeCounts()).toEqual({ head: 1, list: 1 });
    await lookUpAll(setup, 40);
    expect(setup.bucket.takeCounts()).toEqual({ list: 1 });
  });

  test("one name that is asked for again and again is no walk", async () => {
    const setup = rig();
    for (let i = 0; i < 40; i++) setup.bucket.store(padded(i), "content");
    for (let i = 0; i < 5; i++) {
      await setup.fs.lookup(ROOT, padded(3));
      expect(setup.bucket.takeCounts()).toEqual({ head: 1, list: 1 });
      setup.advance(500);
    }
  });

  test("names that are there no more than a second apart are no walk", async () => {
    const setup = rig();
    for (let i = 0; i < 5; i++) {
      setup.bucket.store(padded(i), "content");
      await setup.fs.lookup(ROOT, padded(i));
      expect(setup.bucket.takeCounts()).toEqual({ head: 1, list: 1 });
      setup.advance(1001);
    }
  });
});

describe("what is no walk", () => {
  test("names that are made where there are many: only the first asks for a page", async () => {
    const setup = await listed(500);
    const cost = [];
    for (let i = 0; i < 4; i++) {
      expect(await errnoFrom(() => setup.fs.lookup(ROOT, `new-${i}`))).toBe(ENOENT);
      cost.push(setup.bucket.takeCounts());
    }
    const alone = { head: 1, list: 1 };
    expect(cost).toEqual([{ list: 1 }, alone, alone, alone]);
  });

  test("names here and there: pages that serve nobody stop, until the directory is listed again", async () => {
    const setup = await listed(5000);
    const ask = async (index: number) => {
      await setup.fs.lookup(ROOT, padded(index));
      return setup.bucket.takeCounts();
    };
    const cost = [];
    for (const index of [4000, 10, 2500, 1200, 3000]) cost.push(await ask(index));
    const page = { list: 1 };
    const alone = { head: 1, list: 1 };
    expect(cost).toEqual([page, page, page, alone, alone]);
    await list(setup, ROOT);
    setup.advance(EXPIRED_MS);
    setup.bucket.takeCounts();
    expect(await ask(700)).toEqual({ list: 1 });
  });
});

describe("servers", () => {
  test("that ignore where to start are found out, and every name is right all the same", async () => {
    const setup = await listed(300);
    setup.bucket.honoursStartAfter = false;
    for (let i = 299; i >= 0; i--) {
      expect((await setup.fs.lookup(ROOT, padded(i))).attributes.sizeBytes).toBe(7);
    }
    // The first page showed it, and did no harm.
    expect(setup.bucket.takeCounts()).toEqual({ head: 300, list: 301 });
  });

  test("that refuse it are not asked again", async () => {
    const setup = await listed(20);
    setup.bucket.failNext("list", "rejected");
    await lookUpAll(setup, 20);
    expect(setup.bucket.takeCounts()).toEqual({ head: 20, list: 21 });
  });

  test("that fail make that one lookup fail, and the next asks again", async () => {
    const setup = await listed(20);
    setup.bucket.failNext("list", "throttled");
    expect(await errnoFrom(() => setup.fs.lookup(ROOT, padded(0)))).toBe(EIO);
    setup.bucket.takeCounts();
    await lookUpAll(setup, 20);
    expect(setup.bucket.takeCounts()).toEqual({ list: 1 });
  });
});

test("what this mount removes while a page is on its way stays removed", async () => {
  const setup = rig({ allowDelete: true });
  for (let i = 0; i < 20; i++) setup.bucket.store(padded(i), "content");
  await list(setup, ROOT, { plus: true });
  const release = setup.bucket.hold("list");
  setup.advance(EXPIRED_MS);
  const first = Promise.resolve(setup.fs.lookup(ROOT, padded(0)));
  // The kernel removes what it has looked up before: no question is asked for it.
  await setup.fs.unlink(ROOT, padded(5));
  setup.bucket.store(padded(5), "as the page still has it");
  release();
  await first;
  setup.bucket.remove(padded(5));
  expect(await errnoFrom(() => setup.fs.lookup(ROOT, padded(5)))).toBe(ENOENT);
});

// Few letters, and those around "/" in ASCII, so that names are prefixes of each other.
const name = fc
  .string({ unit: fc.constantFrom("a", "-", ".", "0", " ", "é", "😀"), minLength: 1, maxLength: 3 })
  .filter((candidate) => candidate !== "." && candidate !== "..");

test("every name is what it is, in whatever order it is asked for and however short the pages", async () => {
  const property = fc.asyncProperty(
    fc.uniqueArray(name, { maxLength: 15 }),
    fc.uniqueArray(name, { maxLength: 8 }),
    fc.array(fc.tuple(name, fc.constantFrom(0, 30, 200, 2000)), { maxLength: 30 }),
    fc.integer({ min: 1, max: 6 }),
    async (files, directories, steps, pageKeysMax) => {
      const setup = rig();
      for (const file of files) setup.bucket.store(file);
      for (const directory of directories) setup.bucket.store(`${directory}/x`);
      setup.bucket.pageKeysMax = pageKeysMax;
      await list(setup, ROOT, { plus: true });
      setup.advance(EXPIRED_MS);
      for (const [asked, stepMs] of steps) {
        let kind = "nothing";
        await errnoFrom(async () => {
          kind = (await setup.fs.lookup(ROOT, asked)).attributes.kind;
        });
        const is = files.includes(asked) ? "file" : "nothing";
        expect(kind, asked).toBe(directories.includes(asked) ? "directory" : is);
        setup.advance(stepMs);
      }
    },
  );
  await fc.assert(property, { numRuns: 500 });
});
