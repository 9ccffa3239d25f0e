/** The merge of pages and local names, against the whole set computed at once. */

import fc from "fast-check";
import { expect, test } from "vitest";

import type { CancelSignal } from "../../src/base/cancellation.ts";
import { silentLog } from "../../src/base/log.ts";
import { type DirectoryInode, type Store, Superblock } from "../../src/inode/index.ts";
import { compareKeys } from "../../src/inode/name.ts";
import { MemoryBucket } from "../fs/memory-bucket.ts";

function mount(store: Store): Superblock {
  const ttl = { kind: "minimal" } as const;
  return new Superblock({ store, prefix: "", ttl, log: silentLog, now: Date.now });
}

async function readAll(superblock: Superblock, directory: DirectoryInode): Promise<string[]> {
  const listing = superblock.openListing(directory);
  const found: string[] = [];
  for (;;) {
    const listed = listing.next();
    if (listed === "end") break;
    if (listed === "wait") {
      await listing.turnPage();
      continue;
    }
    const inode = superblock.admit(directory, listing, listed);
    if (listed.isRepeated) continue;
    if (inode !== undefined) found.push(inode.kind === "file" ? listed.name : `${listed.name}/`);
  }
  listing.close();
  return found;
}

// Few letters, and those around "/" in ASCII, so that names are prefixes of each other.
const name = fc.string({
  unit: fc.constantFrom("a", "-", ".", "0", "é"),
  minLength: 1,
  maxLength: 4,
});
const validName = name.filter((candidate) => candidate !== "." && candidate !== "..");

test("every name comes once, with its kind, whatever the page size", async () => {
  const property = fc.asyncProperty(
    fc.uniqueArray(validName, { maxLength: 12 }),
    fc.uniqueArray(validName, { maxLength: 12 }),
    fc.uniqueArray(validName, { maxLength: 4 }),
    fc.integer({ min: 1, max: 6 }),
    async (files, directories, made, pageKeysMax) => {
      const bucket = new MemoryBucket();
      const superblock = mount(bucket);
      const { root } = superblock.table;
      // Made while the bucket is empty, so that what S3 has comes behind it.
      for (const local of made) await superblock.makeDirectory(root, local);
      for (const file of files) bucket.store(file);
      for (const directory of directories) bucket.store(`${directory}/x`);
      bucket.pageKeysMax = pageKeysMax;

      const isDirectory = new Set([...directories, ...made]);
      const expected = [...new Set([...files, ...directories, ...made])].map((each) =>
        isDirectory.has(each) ? `${each}/` : each,
      );
      expect((await readAll(superblock, root)).sort(compareKeys)).toEqual(
        expected.sort(compareKeys),
      );
    },
  );
  await fc.assert(property, { numRuns: 500 });
});

test("files that no directory hides come in the order of their keys", async () => {
  const bucket = new MemoryBucket();
  const keys = ["a", "a-", "a.b", "a0", "b", "é", "\uffff", "😀"];
  for (const key of keys.toReversed()) bucket.store(key);
  const superblock = mount(bucket);
  expect(await readAll(superblock, superblock.table.root)).toEqual(keys);
});

test("a server that lists keys outside the directory, or no valid ones, does no harm", async () => {
  const bucket = new MemoryBucket();
  const info = bucket.store("elsewhere/x");
  bucket.list = async () => ({
    objects: [
      info,
      { ...info, key: "dir/" },
      { ...info, key: "dir/a/b" },
      { ...info, key: "dir/ok" },
    ],
    commonPrefixes: ["other/", "dir/noslash", "dir//", "dir/../", "dir/sub/"],
    continuationToken: undefined,
  });
  const superblock = mount(bucket);
  const found = await superblock.lookup(superblock.table.root, "dir");
  expect(found.kind).toBe("directory");
  if (found.kind === "directory") expect(await readAll(superblock, found)).toEqual(["ok", "sub/"]);
});

test("names that come in no order, and twice, are each told once", async () => {
  const bucket = new MemoryBucket();
  for (const key of ["b", "a", "c/x", "d/y"]) bucket.store(key);
  const info = async (key: string) => ({ ...(await bucket.head(key)), key });
  const pages = [
    { objects: [await info("b")], commonPrefixes: ["d/", "c/"], continuationToken: "1" },
    { objects: [], commonPrefixes: [], continuationToken: "2" },
    { objects: [await info("a"), await info("b")], commonPrefixes: ["c/"] },
  ];
  const list = async ({ continuationToken = "0" }: { continuationToken?: string }) => {
    const page = pages[Number(continuationToken)];
    if (page === undefined) throw new Error("there are three pages");
    return { continuationToken: undefined, ...page };
  };
  const superblock = new Superblock({
    store: { head: (key) => bucket.head(key), list, delete: (key) => bucket.delete(key) },
    directoryBucket: { rename: async () => {} },
    prefix: "",
    ttl: { kind: "minimal" },
    log: silentLog,
    now: Date.now,
  });
  expect((await readAll(superblock, superblock.table.root)).sort(compareKeys)).toEqual([
    "a",
    "b",
    "c/",
    "d/",
  ]);
});

test("a listing that is closed gives up the request under way, and aborts nothing otherwise", async () => {
  const bucket = new MemoryBucket();
  for (const key of ["a", "b", "c"]) bucket.store(key);
  bucket.pageKeysMax = 1;
  const signals: (CancelSignal | undefined)[] = [];
  const list: Store["list"] = (request, signal) => {
    signals.push(signal);
    return bucket.list(request);
  };
  const store: Store = {
    head: (key) => bucket.head(key),
    list,
    delete: (key) => bucket.delete(key),
  };
  const superblock = mount(store);
  const { root } = superblock.table;

  const whole = superblock.openListing(root);
  for (let page = 0; page < 3; page++) await whole.turnPage();
  whole.close();
  expect(signals.map((signal) => signal?.aborted)).toEqual([false, false, false]);

  signals.length = 0;
  const arrive = bucket.hold("list");
  superblock.openListing(root).close();
  expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
  arrive();
});
