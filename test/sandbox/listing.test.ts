/** Listings against a model that sorts and filters, over both versions and both clients. */

import { ListObjectsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { listPage } from "../../src/sandbox/listing.ts";
import { compareKeys, SortedKeys } from "../../src/sandbox/sorted-keys.ts";
import { BUCKET, minio, sdk, send, startSandbox } from "./endpoint.ts";

const Bucket = BUCKET;

/** What this process has used of a processor, which a busy machine does not add to. */
function cpuMsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

function sortedKeys(keys: Iterable<string>): SortedKeys {
  const sorted = new SortedKeys();
  for (const key of new Set(keys)) sorted.add(key);
  return sorted;
}

/** A key or a common prefix. */
type Entry = readonly [kind: "key" | "prefix", name: string];

/** What a listing of everything says, by the definition. */
function modelEntries(keys: readonly string[], prefix: string, delimiter: string): Entry[] {
  const inOrder = [...new Set(keys)]
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .filter((key) => key.startsWith(prefix));
  const entries = new Map<string, Entry>();
  for (const key of inOrder) {
    const end = delimiter === "" ? -1 : key.slice(prefix.length).indexOf(delimiter);
    const name = end === -1 ? key : key.slice(0, prefix.length + end + delimiter.length);
    const kind = end === -1 ? "key" : "prefix";
    entries.set(`${kind}${name}`, [kind, name]);
  }
  return [...entries.values()];
}

const key = fc.string({
  unit: fc.constantFrom("a", "b", "/", "-", "é", "\ue000", "😀"),
  minLength: 1,
  maxLength: 6,
});
const keys = fc.array(key, { maxLength: 40 });
const prefix = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 2 });
const delimiter = fc.constantFrom("", "/", "a", "-", "//", "/a");

describe("the order of keys", () => {
  test("is that of their UTF-8 bytes", () => {
    const any = fc.string({ unit: "grapheme", maxLength: 8 });
    fc.assert(
      fc.property(any, any, (a, b) => {
        const expected = Buffer.compare(Buffer.from(a), Buffer.from(b));
        expect(Math.sign(compareKeys(a, b))).toBe(expected);
      }),
    );
    expect(compareKeys("\uffff", "😀")).toBeLessThan(0);
  });

  test("is kept while keys come and go", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), key)), (changes) => {
        const model = new Set<string>();
        const sorted = new SortedKeys();
        for (const [adds, name] of changes) {
          if (!adds) sorted.remove(name);
          else if (!model.has(name)) sorted.add(name);
          if (adds) model.add(name);
          else model.delete(name);
        }
        const listed = Array.from({ length: sorted.count }, (_, index) => sorted.at(index));
        expect(listed).toEqual([...model].sort(compareKeys));
      }),
    );
  });
});

describe("pages", () => {
  test("together say what the model says, whatever their size", () => {
    fc.assert(
      fc.property(
        keys,
        prefix,
        delimiter,
        fc.integer({ min: 1, max: 7 }),
        (names, start, cut, size) => {
          const sorted = sortedKeys(names);
          const found: Entry[] = [];
          let after: string | undefined = "";
          while (after !== undefined) {
            const page = listPage(sorted, {
              prefix: start,
              delimiter: cut,
              after,
              entriesMax: size,
            });
            const entries: Entry[] = [
              ...page.keys.map((name): Entry => ["key", name]),
              ...page.commonPrefixes.map((name): Entry => ["prefix", name]),
            ];
            found.push(...entries.sort(([, a], [, b]) => compareKeys(a, b)));
            after = page.next;
            if (after !== undefined) expect(entries).toHaveLength(size);
          }
          expect(found).toEqual(modelEntries(names, start, cut));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("of a hundred thousand keys cost little", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    for (let at = 0; at < 100_000; at++) {
      const name = `${String(at % 10)}/${String(at).padStart(6, "0")}`;
      sandbox.addPattern(BUCKET, name, { sizeBytes: at, seed: 0 });
    }
    sandbox.addPattern(BUCKET, "zz", { sizeBytes: 1, seed: 0 });
    const list = () => send(sandbox, "/bucket?list-type=2&delimiter=/");
    // The first look sorts what was added.
    await list();
    const timed = async () => {
      const start = process.cpuUsage();
      const top = await list();
      expect(top.body.toString().match(/<CommonPrefixes>/g)).toHaveLength(10);
      return cpuMsSince(start);
    };
    // Ten binary searches: hardly more than the exchange itself.
    await expect.poll(timed).toBeLessThan(100);
    const walkStart = process.cpuUsage();
    let token: string | undefined;
    let count = 0;
    do {
      const from = token === undefined ? "" : `&continuation-token=${encodeURIComponent(token)}`;
      const page = (await send(sandbox, `/bucket?list-type=2${from}`)).body.toString();
      count += page.match(/<Contents>/g)?.length ?? 0;
      token = /<NextContinuationToken>(.*)<\/NextContinuationToken>/.exec(page)?.[1];
    } while (token !== undefined);
    expect(count).toBe(100_001);
    expect(cpuMsSince(walkStart)).toBeLessThan(10_000);
  });
});

describe("a listing over HTTP", () => {
  const NAMES = ["a", "a b", "a&b", "a+b", "dir/", "dir/x", "dir/y/z", "e<é>", "f\u0001g", "z😀"];

  test("is read right by the SDK, both versions", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    for (const name of NAMES) await sandbox.putObject(BUCKET, name, name);
    const decoded = (text?: string) => decodeURIComponent((text ?? "").replaceAll("+", " "));
    const found: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await client.send(
        new ListObjectsV2Command({ Bucket, MaxKeys: 3, EncodingType: "url", ContinuationToken }),
      );
      found.push(...(page.Contents ?? []).map((object) => decoded(object.Key)));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    expect(found).toEqual(NAMES);
    const first = await client.send(new ListObjectsCommand({ Bucket, Delimiter: "/", MaxKeys: 5 }));
    expect(first).toMatchObject({ IsTruncated: true, NextMarker: "dir/" });
    const rest = await client.send(
      new ListObjectsCommand({
        Bucket,
        Delimiter: "/",
        Marker: first.NextMarker,
        EncodingType: "url",
      }),
    );
    expect(rest.Contents?.map((object) => decoded(object.Key))).toEqual(NAMES.slice(7));
    expect(rest.Contents?.[0]).toMatchObject({ Size: 5, StorageClass: "STANDARD" });
  });

  test("is read right by the minio client", async () => {
    const sandbox = await startSandbox();
    for (const name of NAMES) await sandbox.putObject(BUCKET, name, name);
    sandbox.dials.maxKeysPerPage = 3;
    const client = minio(sandbox);
    const all = await client.listObjectsV2(BUCKET, "", true).toArray();
    expect(all.map((object) => object.name)).toEqual(NAMES);
    // This client does not decode the marker of version 1, so that its pages end badly.
    sandbox.dials.maxKeysPerPage = 1000;
    const top = await client.listObjects(BUCKET, "", false).toArray();
    expect(top.map((object) => object.name ?? object.prefix).sort(compareKeys)).toEqual([
      ...NAMES.slice(0, 4),
      "dir/",
      ...NAMES.slice(7),
    ]);
  });

  test("may ask for no keys, for owners, or to start behind a name", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    for (const name of ["a", "b/1", "b/2", "c"]) await sandbox.putObject(BUCKET, name, "x");
    const none = await client.send(new ListObjectsV2Command({ Bucket, MaxKeys: 0 }));
    expect(none).toMatchObject({ KeyCount: 0, IsTruncated: false });
    const StartAfter = "b/1";
    const behind = await client.send(
      new ListObjectsV2Command({ Bucket, StartAfter, FetchOwner: true }),
    );
    expect(behind.Contents?.map((object) => object.Key)).toEqual(["b/2", "c"]);
    expect(behind.Contents?.[0]?.Owner?.ID).toBe("sandbox");
    const rolled = await client.send(
      new ListObjectsV2Command({ Bucket, StartAfter, Delimiter: "/" }),
    );
    expect(rolled.CommonPrefixes).toEqual([{ Prefix: "b/" }]);
  });

  test.each([
    "list-type=2&max-keys=-1",
    "list-type=2&max-keys=x",
    "list-type=2&continuation-token=!",
    "encoding-type=xml",
  ])("refuses %s", async (query) => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    const answer = await send(sandbox, `/bucket?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.body.toString()).toContain("<Code>InvalidArgument</Code>");
  });
});
