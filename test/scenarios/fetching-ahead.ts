/** Scenarios: files that are read in the order of their directory, which are fetched before they are opened. */

import { setTimeout } from "node:timers/promises";
import { expect } from "vitest";
import { KIB, MIB } from "../../src/base/sizes.ts";
import { pattern } from "../rigs/bytes.ts";
import type { KeyFault, World } from "../rigs/rig.ts";
import { expectErrno, type Scenario } from "./scenario.ts";
import { namesIn, readWhole } from "./whole-file.ts";

/** Longer than what was looked up may serve an open. */
const EXPIRED_MS = 150;
const COUNT = 30;
const READ_FIRST = 10;
const RANDOM = [12, 3, 28, 8, 22, 5, 17, 1, 25, 10];

function pathOf(index: number): string {
  return `f${String(index).padStart(3, "0")}`;
}

function contentOf(index: number, version = 0): Buffer {
  return pattern(1000 * version + index + 1, 8 * KIB + index);
}

async function putAll({ bucket }: World): Promise<void> {
  const indices = Array.from({ length: COUNT }, (_, index) => index);
  await Promise.all(indices.map((index) => bucket.put(pathOf(index), contentOf(index))));
}

async function readRange({ tree }: World, from: number, to: number, version = 0): Promise<void> {
  for (let i = from; i < to; i++) {
    expect((await readWhole(tree, pathOf(i))).equals(contentOf(i, version)), pathOf(i)).toBe(true);
  }
}

/** How many GETs there were for each key that there was one for. */
async function getsByKey({ requests }: World): Promise<Map<string, number>> {
  const gets = new Map<string, number>();
  for (const { key, operation } of await requests()) {
    if (operation === "GetObject") gets.set(key, (gets.get(key) ?? 0) + 1);
  }
  return gets;
}

const GET = { operation: "GetObject", key: pathOf(6) } as const;

/** What meets the first GET of one file, which is the one that is sent ahead. */
const FAULTS: readonly { readonly what: string; readonly fault: KeyFault }[] = [
  { what: "is refused with 503", fault: { ...GET, kind: "status", status: 503 } },
  { what: "is refused with 403", fault: { ...GET, kind: "status", status: 403 } },
  { what: "is answered with 404", fault: { ...GET, kind: "status", status: 404 } },
  { what: "finds its connection reset", fault: { ...GET, kind: "reset" } },
  { what: "breaks off in its body", fault: { ...GET, kind: "truncate", afterBytes: 100 } },
];

export const fetchingAheadScenarios: readonly Scenario[] = [
  {
    name: "files that are read in order are right, and one GET each",
    needs: ["request-log"],
    async run(world) {
      await putAll(world);
      await namesIn(world.tree);
      await readRange(world, 0, COUNT);
      const gets = await getsByKey(world);
      expect(gets.size).toBe(COUNT);
      expect(new Set(gets.values())).toEqual(new Set([1]));
    },
  },
  {
    name: "who stops reading in order has caused no more GETs ahead than it has read files",
    needs: ["request-log", "key-order"],
    async run(world) {
      await putAll(world);
      await namesIn(world.tree);
      await readRange(world, 0, READ_FIRST);
      await expect.poll(async () => (await getsByKey(world)).size).toBeGreaterThan(READ_FIRST);
      expect((await getsByKey(world)).size).toBeLessThan(2 * READ_FIRST);
    },
  },
  {
    name: "files that are read at random cause no GETs ahead",
    needs: ["request-log"],
    async run(world) {
      await putAll(world);
      await namesIn(world.tree);
      for (const index of RANDOM) await readRange(world, index, index + 1);
      expect((await getsByKey(world)).size).toBe(RANDOM.length);
    },
  },
  {
    name: "with --no-fetch-ahead, files that are read in order cause no GETs ahead",
    flags: { fetchAhead: false },
    needs: ["request-log"],
    async run(world) {
      await putAll(world);
      await namesIn(world.tree);
      await readRange(world, 0, READ_FIRST);
      expect((await getsByKey(world)).size).toBe(READ_FIRST);
    },
  },
  {
    name: "a file that was replaced after it was fetched ahead is read as it is now",
    async run(world) {
      await putAll(world);
      await namesIn(world.tree);
      await readRange(world, 0, READ_FIRST);
      for (let i = READ_FIRST; i < COUNT; i++) await world.bucket.put(pathOf(i), contentOf(i, 1));
      await setTimeout(EXPIRED_MS);
      await readRange(world, READ_FIRST, COUNT, 1);
    },
  },
  {
    name: "a file that was deleted after it was fetched ahead is missing",
    async run(world) {
      await putAll(world);
      await namesIn(world.tree);
      await readRange(world, 0, READ_FIRST);
      for (let i = READ_FIRST; i < COUNT; i++) await world.bucket.delete(pathOf(i));
      await setTimeout(EXPIRED_MS);
      for (let i = READ_FIRST; i < COUNT; i++) {
        await expectErrno("ENOENT", readWhole(world.tree, pathOf(i)));
      }
    },
  },
  {
    name: "large files that are read in order are right",
    async run({ bucket, tree }) {
      const contents = Array.from({ length: 6 }, (_, index) => pattern(index + 1, 3 * MIB + index));
      await Promise.all(contents.map((content, index) => bucket.put(pathOf(index), content)));
      await namesIn(tree);
      for (const [index, content] of contents.entries()) {
        expect((await readWhole(tree, pathOf(index))).equals(content)).toBe(true);
      }
    },
  },
  ...FAULTS.map(
    ({ what, fault }): Scenario => ({
      name: `a GET ahead of the reader that ${what} fails no read`,
      flags: { maxAttempts: 1 },
      // Behind such a failure nothing is fetched ahead for a while.
      alone: true,
      needs: ["faults", "key-order"],
      async run(world) {
        await putAll(world);
        await namesIn(world.tree);
        const armed = await world.fail(fault);
        await readRange(world, 0, COUNT);
        expect(await armed.metCount()).toBe(1);
      },
    }),
  ),
];
