/** Scenarios: programs that walk through a tree, whose directories are listed before they are opened. */

import { constants } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { expect } from "vitest";
import type { KeyFault, World } from "../rigs/rig.ts";
import type { Scenario } from "./scenario.ts";
import { createWhole, namesIn } from "./whole-file.ts";

/** Longer than a listing may wait to be used. */
const EXPIRED_MS = 150;
const COUNT = 16;
const LISTED_FIRST = 8;
const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

function pathOf(index: number): string {
  return `d${String(index).padStart(2, "0")}`;
}

async function putAll({ bucket }: World): Promise<void> {
  const indices = Array.from({ length: COUNT }, (_, index) => index);
  await Promise.all(indices.map((index) => bucket.put(`${pathOf(index)}/file`, "content")));
}

async function listRange({ tree }: World, from: number, to: number, names = ["file"]) {
  for (let i = from; i < to; i++) expect(await namesIn(tree, pathOf(i)), pathOf(i)).toEqual(names);
}

/** How many LISTs of whole directories there were. */
async function listCount({ requests }: World): Promise<number> {
  const isListing = ({ operation, query }: { operation: string; query: string }): boolean =>
    operation === "ListObjectsV2" && query.includes("max-keys=1000");
  return (await requests()).filter(isListing).length;
}

const LIST = { operation: "ListObjectsV2", key: `${pathOf(5)}/` } as const;

/** What meets the first LIST of one directory. */
const FAULTS: readonly { readonly what: string; readonly fault: KeyFault }[] = [
  { what: "is refused with 503", fault: { ...LIST, kind: "status", status: 503 } },
  { what: "finds its connection reset", fault: { ...LIST, kind: "reset" } },
  { what: "breaks off in its body", fault: { ...LIST, kind: "truncate", afterBytes: 100 } },
];

export const listingAheadScenarios: readonly Scenario[] = [
  {
    name: "directories that are listed in order are right, and cost at the most two LISTs each",
    needs: ["request-log"],
    async run(world) {
      await putAll(world);
      await namesIn(world.tree);
      await listRange(world, 0, COUNT);
      expect(await listCount(world)).toBeLessThanOrEqual(1 + 2 * COUNT);
    },
  },
  {
    name: "with --no-fetch-ahead, directories that are listed in order cause no LISTs ahead",
    flags: { fetchAhead: false },
    needs: ["request-log"],
    async run(world) {
      await putAll(world);
      await namesIn(world.tree);
      await listRange(world, 0, LISTED_FIRST);
      expect(await listCount(world)).toBe(1 + LISTED_FIRST);
    },
  },
  {
    name: "what another client stores in a directory that was listed ahead is seen a moment later",
    async run(world) {
      await putAll(world);
      await namesIn(world.tree);
      await listRange(world, 0, LISTED_FIRST);
      for (let i = LISTED_FIRST; i < COUNT; i++) await world.bucket.put(`${pathOf(i)}/new`, "");
      await setTimeout(EXPIRED_MS);
      await listRange(world, LISTED_FIRST, COUNT, ["file", "new"]);
    },
  },
  {
    name: "what is made here in a directory that was listed ahead is seen at once",
    async run(world) {
      const { tree } = world;
      await putAll(world);
      await namesIn(tree);
      await listRange(world, 0, LISTED_FIRST);
      for (let i = LISTED_FIRST; i < COUNT; i += 2) {
        await createWhole(tree, `${pathOf(i)}/new`, Buffer.from("content"));
        await tree.mkdir(`${pathOf(i + 1)}/new`);
      }
      await listRange(world, LISTED_FIRST, COUNT, ["file", "new"]);
    },
  },
  {
    name: "what is begun here in a directory that was listed ahead is seen at once",
    async run(world) {
      await putAll(world);
      await namesIn(world.tree);
      await listRange(world, 0, LISTED_FIRST);
      const file = await world.tree.open(`${pathOf(LISTED_FIRST)}/new`, O_NEW);
      await listRange(world, LISTED_FIRST, LISTED_FIRST + 1, ["file", "new"]);
      await file.close();
    },
  },
  ...FAULTS.map(
    ({ what, fault }): Scenario => ({
      name: `a LIST ahead of the reader that ${what} fails no listing`,
      // Behind such a failure nothing is listed ahead for a while.
      alone: true,
      needs: ["faults"],
      async run(world) {
        await putAll(world);
        await namesIn(world.tree);
        const armed = await world.fail(fault);
        await listRange(world, 0, COUNT);
        expect(await armed.metCount()).toBe(1);
      },
    }),
  ),
];
