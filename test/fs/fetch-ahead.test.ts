/** Which files are fetched before they are opened, and that nobody reads an old version for it. */

import { afterEach, describe, expect, test, vi } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import type { ObjectInfo } from "../../src/s3/index.ts";
import {
  CALLER,
  names,
  O_DIRECT,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  type Rig,
  ROOT,
  readText,
  rig,
  walk,
} from "./rig.ts";

const HOUR = { metadataTtl: { kind: "seconds", seconds: 3600 } } as const;
/** Longer than anything is believed without caching. */
const EXPIRED_MS = 1200;

function nameOf(index: number): string {
  return `f${String(index).padStart(3, "0")}`;
}

function content(index: number): string {
  return `this is file ${index}`;
}

/** A listed directory of `count` files. */
async function setUp(
  count: number,
  options: Parameters<typeof rig>[0] = HOUR,
  more: Partial<ObjectInfo> = {},
): Promise<Rig> {
  const setup = rig(options);
  for (let i = 0; i < count; i++) setup.bucket.store(nameOf(i), content(i), more);
  await names(setup, ROOT);
  return setup;
}

async function open(setup: Rig, name: string, flags: number = O_RDONLY): Promise<number> {
  const { attributes } = await walk(setup, name);
  return (await setup.fs.open(attributes.ino, flags, CALLER)).fh;
}

async function close({ fs }: Rig, fh: number): Promise<void> {
  await fs.flush(fh, CALLER);
  await fs.release(fh);
}

async function readNamed(setup: Rig, name: string, flags: number = O_RDONLY): Promise<string> {
  const fh = await open(setup, name, flags);
  try {
    return await readText(setup, fh);
  } finally {
    await close(setup, fh);
  }
}

async function readIndex(setup: Rig, index: number): Promise<void> {
  expect(await readNamed(setup, nameOf(index))).toBe(content(index));
}

async function readRange(setup: Rig, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await readIndex(setup, i);
}

/** The keys of what was fetched ahead, in order. */
function fetched({ readers }: Rig): string[] {
  return readers.filter(({ aheadBytes }) => aheadBytes > 0).map(({ key }) => key);
}

function held(setup: Rig): string[] {
  return setup.readers.filter(({ closed }) => !closed).map(({ key }) => key);
}

describe("files that are read in the order of their directory", () => {
  test("are fetched ahead from the third on, and each is fetched once", async () => {
    const setup = await setUp(40);
    await readRange(setup, 0, 2);
    expect(fetched(setup)).toEqual([]);
    await readRange(setup, 2, 40);
    expect(fetched(setup)).toEqual(Array.from({ length: 37 }, (_, i) => nameOf(i + 3)));
    expect(setup.readers).toHaveLength(40);
    expect(held(setup)).toEqual([]);
  });

  test("are never fetched further ahead than as many as were read", async () => {
    for (const count of [3, 4, 6, 10, 20]) {
      const setup = await setUp(100);
      await readRange(setup, 0, count);
      expect(fetched(setup).length).toBeGreaterThan(0);
      expect(held(setup).length).toBeLessThan(count);
    }
  });

  test("are fetched no further than the listing goes", async () => {
    const setup = await setUp(5);
    await readRange(setup, 0, 5);
    expect(setup.readers).toHaveLength(5);
  });

  test("are fetched ahead when several are read at once, too", async () => {
    const setup = await setUp(64);
    for (let i = 0; i < 64; i += 4) {
      const group = [i + 1, i, i + 3, i + 2];
      await Promise.all(group.map((index) => readIndex(setup, index)));
    }
    expect(fetched(setup).length).toBeGreaterThan(40);
    expect(setup.readers).toHaveLength(64);
  });

  test("are fetched ahead of each of several readers", async () => {
    const setup = await setUp(80);
    for (let i = 0; i < 20; i++) {
      for (const start of [0, 20, 40, 60]) await readIndex(setup, start + i);
    }
    expect(fetched(setup).length).toBeGreaterThanOrEqual(4 * 16);
    expect(setup.readers).toHaveLength(80);
  });

  test("are fetched ahead from page to page when names are asked for as they are read", async () => {
    const setup = await setUp(250, {});
    setup.advance(EXPIRED_MS);
    setup.bucket.takeCounts();
    await readRange(setup, 0, 250);
    expect(fetched(setup).length).toBeGreaterThan(240);
    const { get, head = 0, list = 0 } = setup.bucket.takeCounts();
    expect(get).toBe(250);
    expect(head + list).toBeLessThan(6);
  });

  test("of which only the beginning is read are fetched by as much", async () => {
    const setup = rig(HOUR);
    for (let i = 0; i < 12; i++) setup.bucket.store(nameOf(i), Buffer.alloc(MIB, i + 1));
    await names(setup, ROOT);
    for (let i = 0; i < 12; i++) {
      const fh = await open(setup, nameOf(i));
      const reply = await setup.fs.read(fh, 0, 1000);
      reply.release();
      await close(setup, fh);
    }
    const sizes = setup.readers.map(({ aheadBytes }) => aheadBytes).filter((bytes) => bytes > 0);
    expect(new Set(sizes)).toEqual(new Set([128 * 1024]));
  });

  test("that nobody opens are given up, and the reader has to prove itself again", async () => {
    vi.useFakeTimers();
    const setup = await setUp(40);
    await readRange(setup, 0, 5);
    const before = fetched(setup).length;
    expect(held(setup)).not.toEqual([]);
    setup.advance(60_000);
    vi.advanceTimersByTime(2000);
    expect(held(setup)).toEqual([]);
    await readRange(setup, 5, 7);
    expect(fetched(setup)).toHaveLength(before);
    await readRange(setup, 7, 9);
    expect(fetched(setup).length).toBeGreaterThan(before);
  });
});

afterEach(() => {
  vi.useRealTimers();
});

describe("nothing is fetched ahead", () => {
  test.each([
    ["of one file", [7]],
    ["of two files", [7, 8]],
    ["of files that are read from the last to the first", [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]],
    ["of files that are read at random", [12, 3, 31, 8, 22, 5, 37, 1, 17, 28, 10, 34, 25, 14]],
    ["of every tenth file", [0, 10, 20, 30]],
  ])("%s", async (_, indices) => {
    const setup = await setUp(40);
    for (const index of indices) await readIndex(setup, index);
    expect(fetched(setup)).toEqual([]);
  });

  test.each(["STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "SOMETHING_NEW"])(
    "of storage class %s, which has a fee for each byte or may have one",
    async (storageClass) => {
      const setup = await setUp(10, HOUR, { storageClass });
      await readRange(setup, 0, 10);
      expect(fetched(setup)).toEqual([]);
    },
  );

  test("of files that are opened and not read", async () => {
    const setup = await setUp(10);
    for (let i = 0; i < 10; i++) await close(setup, await open(setup, nameOf(i)));
    expect(fetched(setup)).toEqual([]);
  });

  test("by O_DIRECT", async () => {
    const setup = await setUp(10);
    for (let i = 0; i < 10; i++) await readNamed(setup, nameOf(i), O_RDONLY | O_DIRECT);
    expect(fetched(setup)).toEqual([]);
  });

  test("with --no-fetch-ahead", async () => {
    const setup = await setUp(10, { ...HOUR, fetchAhead: false });
    await readRange(setup, 0, 10);
    expect(fetched(setup)).toEqual([]);
  });
});

describe("what was fetched ahead", () => {
  test("is not read when the object was replaced meanwhile", async () => {
    const setup = await setUp(20, {});
    await readRange(setup, 0, 10);
    const ahead = held(setup);
    expect(ahead).toContain(nameOf(10));
    for (let i = 10; i < 20; i++) setup.bucket.store(nameOf(i), `new ${i}`);
    setup.advance(EXPIRED_MS);
    for (let i = 10; i < 20; i++) expect(await readNamed(setup, nameOf(i))).toBe(`new ${i}`);
  });

  test("is not read when the object was deleted meanwhile", async () => {
    const setup = await setUp(20, {});
    await readRange(setup, 0, 10);
    expect(held(setup)).toContain(nameOf(10));
    setup.bucket.remove(nameOf(10));
    setup.advance(EXPIRED_MS);
    await expect(readNamed(setup, nameOf(10))).rejects.toMatchObject({ kind: "not-found" });
  });

  test("is not read when the file was written here meanwhile", async () => {
    const setup = await setUp(20, { ...HOUR, allowOverwrite: true });
    await readRange(setup, 0, 10);
    expect(held(setup)).toContain(nameOf(10));
    const fh = await open(setup, nameOf(10), O_WRONLY | O_TRUNC);
    await setup.fs.write(fh, 0, Buffer.from("written"));
    await close(setup, fh);
    expect(await readNamed(setup, nameOf(10))).toBe("written");
  });

  test("is read for as long as the TTL lets the version be believed", async () => {
    const setup = await setUp(20);
    await readRange(setup, 0, 10);
    setup.bucket.store(nameOf(10), "new");
    await readIndex(setup, 10);
    setup.advance(3_600_000);
    expect(await readNamed(setup, nameOf(10))).toBe("new");
  });

  test("is given back when the mount ends", async () => {
    const setup = await setUp(20);
    await readRange(setup, 0, 10);
    expect(held(setup)).not.toEqual([]);
    await setup.fs.shutdown(new AbortController().signal);
    expect(held(setup)).toEqual([]);
  });
});

describe("a GET ahead that fails", () => {
  test("fails no read, and is the last for a while", async () => {
    const setup = await setUp(40);
    await readRange(setup, 0, 2);
    const fh = await open(setup, nameOf(2));
    const answer = setup.bucket.hold("get");
    const reading = readText(setup, fh);
    await expect.poll(() => setup.bucket.requests).toContain(`get ${nameOf(3)}`);
    setup.bucket.failNext("get", "server-error");
    answer();
    await reading;
    await close(setup, fh);
    await readRange(setup, 3, 40);
  });

  test("because the object is another now has its name asked for", async () => {
    const setup = await setUp(20);
    await readRange(setup, 0, 2);
    setup.bucket.store(nameOf(3), "new");
    await readIndex(setup, 2);
    await expect.poll(() => setup.invalidated).toContain(`${ROOT} ${nameOf(3)} expire`);
    expect(await readNamed(setup, nameOf(3))).toBe("new");
  });
});

describe("a name that is asked for where every name that was asked for was read", () => {
  const ORDER = [12, 3, 31, 8, 22, 5, 37, 1, 17, 28];

  test("is fetched at the same time, so that it takes one round trip", async () => {
    const setup = await setUp(40, {});
    for (const index of ORDER.slice(0, 2)) await readIndex(setup, index);
    setup.advance(EXPIRED_MS);
    const answer = setup.bucket.hold("list");
    const looking = setup.fs.lookup(ROOT, nameOf(31));
    await expect.poll(() => setup.bucket.requests).toContain(`get ${nameOf(31)}`);
    answer();
    await looking;
    const { length } = setup.readers;
    await readIndex(setup, 31);
    expect(setup.readers).toHaveLength(length);
  });

  test("is fetched four times in vain at the most when no name is read any more", async () => {
    const setup = await setUp(40, {});
    for (const index of ORDER.slice(0, 2)) await readIndex(setup, index);
    for (let i = 0; i < 40; i++) {
      setup.advance(EXPIRED_MS);
      await setup.fs.lookup(ROOT, nameOf(i));
    }
    expect(fetched(setup)).toHaveLength(4);
  });

  test("is not read from what was fetched when it stands for another version", async () => {
    const setup = await setUp(40, {});
    for (const index of ORDER.slice(0, 2)) await readIndex(setup, index);
    setup.bucket.store(nameOf(31), "new");
    setup.advance(EXPIRED_MS);
    expect(await readNamed(setup, nameOf(31))).toBe("new");
    expect(fetched(setup)).toEqual([nameOf(31)]);
  });
});
