/** Scenarios: what looking names up, making them and reading them costs in requests. */

import { constants } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";
import type { LoggedRequest, World } from "../rigs/rig.ts";
import { expectErrno, outcomeOf, type Scenario } from "./scenario.ts";
import { createWhole, namesIn, readWhole } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const LONG = { metadataTtl: 60 } as const;
/** Longer than anything is believed without caching. */
const EXPIRED_MS = 1200;
/** A machine that is busy elsewhere lets 100 ms pass where nothing was to happen, but not each time. */
const ATTEMPTS = 20;

interface Cost {
  readonly HeadObject: number;
  readonly ListObjectsV2: number;
  readonly GetObject: number;
}

let directories = 0;

/** Fails unless `work` once costs what is wanted, each time in a new directory, which is known already. */
async function expectCost(
  world: World,
  wanted: Partial<Cost>,
  work: (directory: string) => Promise<unknown>,
): Promise<void> {
  const costs: Cost[] = [];
  while (costs.length < ATTEMPTS) {
    directories += 1;
    const directory = `directory-${directories}`;
    await world.bucket.put(`${directory}/`, "");
    await world.tree.stat(directory);
    const before = (await world.requests()).length;
    await work(directory);
    const requests = (await world.requests()).slice(before);
    const cost = costOf(requests.filter(({ key }) => key.includes(directory)));
    if (isDeepStrictEqual({ ...cost, ...wanted }, cost)) return;
    costs.push(cost);
  }
  expect(costs).toContainEqual(expect.objectContaining(wanted));
}

function costOf(requests: readonly LoggedRequest[]): Cost {
  const count = (name: string): number =>
    requests.filter(({ operation }) => operation === name).length;
  return {
    HeadObject: count("HeadObject"),
    ListObjectsV2: count("ListObjectsV2"),
    GetObject: count("GetObject"),
  };
}

async function putMany({ bucket }: World, directory: string, count: number): Promise<string[]> {
  const paths = Array.from({ length: count }, (_, i) => `${directory}/f${1000 + i}`);
  await Promise.all(paths.map((path) => bucket.put(path, "content")));
  return paths;
}

/** Looks at one path after the other: a page serves for 100 ms, a directory and a pause in the walk 1 s. */
async function expectWalk({ tree, requests }: World, paths: readonly string[]): Promise<void> {
  const before = (await requests()).length;
  const startMs = performance.now();
  for (const path of paths) expect((await tree.stat(path)).sizeBytes).toBe(7);
  const elapsedMs = performance.now() - startMs;
  const cost = costOf((await requests()).slice(before));
  expect(cost.HeadObject).toBeLessThanOrEqual(3 + elapsedMs / 1000);
  expect(cost.ListObjectsV2).toBeLessThanOrEqual(6 + elapsedMs / 100 + elapsedMs / 1000);
}

export const costsScenarios: readonly Scenario[] = [
  {
    name: "the attributes of 300 files that were listed long ago cost a few LISTs, and not a HEAD each",
    needs: ["request-log", "key-order"],
    async run(world) {
      const paths = await putMany(world, "many", 300);
      expect(await namesIn(world.tree, "many")).toHaveLength(300);
      await setTimeout(EXPIRED_MS);
      await expectWalk(world, paths);
    },
  },
  {
    name: "files that are looked at one after the other share requests also when nobody listed them",
    needs: ["request-log", "key-order"],
    async run(world) {
      await expectWalk(world, await putMany(world, "many", 300));
    },
  },
  {
    name: "looking a file up and reading it costs one HEAD and one LIST together",
    needs: ["request-log"],
    async run(world) {
      await expectCost(
        world,
        { HeadObject: 1, ListObjectsV2: 1, GetObject: 1 },
        async (directory) => {
          await world.bucket.put(`${directory}/file`, "content");
          expect((await readWhole(world.tree, `${directory}/file`)).toString()).toBe("content");
        },
      );
    },
  },
  {
    name: "a name that is asked for twenty times at once is one HEAD and one LIST",
    needs: ["request-log"],
    async run(world) {
      await expectCost(
        world,
        { HeadObject: 1, ListObjectsV2: 1, GetObject: 0 },
        async (directory) => {
          await world.bucket.put(`${directory}/file`, "content");
          await Promise.all(Array.from({ length: 20 }, () => world.tree.stat(`${directory}/file`)));
        },
      );
    },
  },
  {
    name: "making a file, looking at it and reading it cost one HEAD and one LIST, for its name",
    needs: ["kernel", "request-log"],
    async run(world) {
      await expectCost(world, { HeadObject: 1, ListObjectsV2: 1 }, async (directory) => {
        const path = `${directory}/file`;
        await createWhole(world.tree, path, Buffer.from("content"));
        expect((await world.tree.stat(path)).sizeBytes).toBe(7);
        expect((await readWhole(world.tree, path)).toString()).toBe("content");
      });
    },
  },
  {
    name: "making a directory, one in it and a file there cost one HEAD and one LIST, for the first name",
    needs: ["kernel", "request-log"],
    async run(world) {
      await expectCost(world, { HeadObject: 1, ListObjectsV2: 1 }, async (directory) => {
        await world.tree.mkdir(`${directory}/made`);
        await world.tree.mkdir(`${directory}/made/inner`);
        await createWhole(world.tree, `${directory}/made/inner/file`, Buffer.from("content"));
        expect(await readWhole(world.tree, `${directory}/made/inner/file`)).toHaveLength(7);
      });
    },
  },
  {
    name: "files made for seconds in a directory that was made here cost one PUT each, and a LIST now and then",
    // libfuse 2 forgets names at once.
    needs: ["kernel", "request-log", "own-inodes"],
    async run({ tree, requests }) {
      await tree.mkdir("made");
      const before = (await requests()).length;
      const startMs = performance.now();
      let count = 0;
      for (; performance.now() - startMs < 2.5 * EXPIRED_MS; count++) {
        await createWhole(tree, `made/file-${count}`, Buffer.from("content"));
        // Fewer than a thousand, with which it would end.
        await setTimeout(5);
      }
      const elapsedMs = performance.now() - startMs;
      const sent = (await requests()).slice(before);
      expect(costOf(sent).HeadObject).toBe(0);
      // Each second one for each directory of the path, and two for what is in it.
      expect(costOf(sent).ListObjectsV2).toBeLessThanOrEqual(3 + (elapsedMs / 1000) * 5);
      expect(sent.filter(({ operation }) => operation === "PutObject")).toHaveLength(count);
    },
  },
  {
    name: "what another client puts into a directory while this mount fills it is found a second later, and kept",
    async run({ tree, bucket }) {
      await tree.mkdir("made");
      await createWhole(tree, "made/ours", Buffer.from("content"));
      await bucket.put("made/theirs", "their content");
      await bucket.put("made/there", "their content");
      const startMs = performance.now();
      for (let count = 0; performance.now() - startMs < EXPIRED_MS; count++) {
        await createWhole(tree, `made/file-${count}`, Buffer.from("content"));
      }
      expect((await tree.stat("made/theirs")).sizeBytes).toBe(13);
      await expectErrno("EEXIST", tree.open("made/there", O_NEW));
      expect((await readWhole(tree, "made/there")).toString()).toBe("their content");
    },
  },
  {
    name: "reading a file again sends no GET while it is the same version, and does when it is not",
    needs: ["kernel", "request-log", "page-cache"],
    async run(world) {
      const { tree, bucket } = world;
      await expectCost(world, { GetObject: 1 }, async (directory) => {
        const path = `${directory}/file`;
        await bucket.put(path, Buffer.alloc(100_000, "a"));
        for (let i = 0; i < 4; i++) expect(await readWhole(tree, path)).toHaveLength(100_000);
      });
      await expectCost(world, { GetObject: 2 }, async (directory) => {
        const path = `${directory}/file`;
        await bucket.put(path, Buffer.alloc(100_000, "a"));
        await readWhole(tree, path);
        await bucket.put(path, Buffer.alloc(100_000, "b"));
        // As long as what was looked up before may serve one open.
        await setTimeout(120);
        expect((await readWhole(tree, path)).equals(Buffer.alloc(100_000, "b"))).toBe(true);
      });
    },
  },
  {
    name: "with a TTL, a file that was listed is opened without HEAD or LIST",
    flags: LONG,
    needs: ["kernel", "request-log"],
    async run(world) {
      const { tree, requests } = world;
      const [path = ""] = await putMany(world, "listed", 5);
      await namesIn(tree, "listed");
      const before = (await requests()).length;
      await readWhole(tree, path);
      const cost = costOf((await requests()).slice(before));
      expect(cost).toEqual({ HeadObject: 0, ListObjectsV2: 0, GetObject: 1 });
    },
  },
  {
    name: "with a TTL, a missing name costs nothing until a listing brings it",
    flags: LONG,
    needs: ["request-log"],
    async run({ tree, bucket, requests }) {
      await expectErrno("ENOENT", tree.stat("file"));
      await bucket.put("file", "content");
      const before = (await requests()).length;
      for (let i = 0; i < 3; i++) await expectErrno("ENOENT", tree.stat("file"));
      expect((await requests()).slice(before)).toEqual([]);
      expect(await namesIn(tree)).toEqual(["file"]);
      // The kernel is told by another thread.
      await expect.poll(() => outcomeOf(tree.stat("file"))).toBe("success");
      expect((await readWhole(tree, "file")).toString()).toBe("content");
    },
  },
  {
    name: "with a TTL, making a file that exists is EEXIST without a request",
    flags: LONG,
    needs: ["kernel", "request-log"],
    async run({ tree, bucket, requests }) {
      await bucket.put("file", "content");
      await tree.stat("file");
      const before = (await requests()).length;
      await expectErrno("EEXIST", tree.open("file", O_NEW));
      await expectErrno("EEXIST", tree.mkdir("file"));
      expect((await requests()).slice(before)).toEqual([]);
    },
  },
  {
    name: "with a TTL, looking for a deleted name and making it again cost nothing",
    flags: { ...LONG, allowDelete: true },
    needs: ["request-log"],
    async run({ tree, bucket, requests }) {
      await bucket.put("file", "content");
      await tree.unlink("file");
      const before = (await requests()).length;
      await expectErrno("ENOENT", tree.stat("file"));
      await createWhole(tree, "file", Buffer.from("made again"));
      const cost = costOf((await requests()).slice(before));
      expect(cost).toEqual({ HeadObject: 0, ListObjectsV2: 0, GetObject: 0 });
      expect((await readWhole(tree, "file")).toString()).toBe("made again");
      expect((await bucket.get("file"))?.toString()).toBe("made again");
    },
  },
];
