/** Scenarios: objects in archive classes are seen, and read once they have been restored. */

import { constants } from "node:fs";
import type { StorageClass, Tier } from "@aws-sdk/client-s3";
import { expect } from "vitest";
import type { World } from "../rigs/rig.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { createWhole, namesIn, readWhole } from "./whole-file.ts";

const { O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;
const needs = ["storage-classes"] as const;

const READABLE = [
  "STANDARD",
  "STANDARD_IA",
  "ONEZONE_IA",
  "INTELLIGENT_TIERING",
  "GLACIER_IR",
  "REDUCED_REDUNDANCY",
] as const;

const ARCHIVED = ["GLACIER", "DEEP_ARCHIVE"] as const;

async function store({ bucket }: World, storageClass: StorageClass, tier?: Tier): Promise<void> {
  await bucket.put("file", "content", { storageClass });
  if (tier !== undefined) await bucket.restore("file", tier);
}

export const archivedScenarios: readonly Scenario[] = [
  ...READABLE.map(
    (storageClass): Scenario => ({
      name: `an object in ${storageClass} is read as any other`,
      needs,
      async run(world) {
        await store(world, storageClass);
        expect((await world.tree.stat("file")).mode).toBe(0o644);
        expect((await readWhole(world.tree, "file")).toString()).toBe("content");
      },
    }),
  ),
  ...ARCHIVED.flatMap((storageClass): readonly Scenario[] => [
    {
      name: `an object in ${storageClass} has mode 000, its size, and opening it is EACCES`,
      needs,
      async run(world) {
        await store(world, storageClass);
        expect(await world.tree.stat("file")).toMatchObject({ mode: 0, sizeBytes: 7 });
        await expectErrno("EACCES", world.tree.open("file", O_RDONLY));
        await expectErrno("EACCES", world.tree.open("file", O_RDWR));
      },
    },
    {
      name: `an object in ${storageClass} that a listing brought has mode 000 and is EACCES`,
      needs,
      async run(world) {
        await store(world, storageClass);
        expect(await namesIn(world.tree)).toEqual(["file"]);
        expect((await world.tree.stat("file")).mode).toBe(0);
        await expectErrno("EACCES", world.tree.open("file", O_RDONLY));
      },
    },
    {
      name: `an object in ${storageClass} that is being restored is EACCES still`,
      needs,
      async run(world) {
        await store(world, storageClass, "Standard");
        expect((await world.tree.stat("file")).mode).toBe(0);
        await expectErrno("EACCES", world.tree.open("file", O_RDONLY));
      },
    },
    {
      name: `an object in ${storageClass} that was restored has its mode and is read`,
      needs,
      async run(world) {
        await store(world, storageClass, "Expedited");
        expect((await world.tree.stat("file")).mode).toBe(0o644);
        expect((await readWhole(world.tree, "file")).toString()).toBe("content");
      },
    },
    {
      name: `an object in ${storageClass} that was restored and listed is read`,
      needs,
      async run(world) {
        await store(world, storageClass, "Expedited");
        expect(await namesIn(world.tree)).toEqual(["file"]);
        expect((await world.tree.stat("file")).mode).toBe(0o644);
        expect((await readWhole(world.tree, "file")).toString()).toBe("content");
      },
    },
  ]),
  {
    name: "an archived object is read as soon as its restoration is done, without a new mount",
    needs,
    async run(world) {
      await store(world, "GLACIER");
      await expectErrno("EACCES", world.tree.open("file", O_RDONLY));
      await world.bucket.restore("file", "Expedited");
      const read = async (): Promise<string> => (await readWhole(world.tree, "file")).toString();
      await expect.poll(() => read().catch(String)).toBe("content");
    },
  },
  {
    name: "the log says of an archived object that it has to be restored",
    alone: true,
    needs: [...needs, "root"],
    async run(world) {
      await store(world, "DEEP_ARCHIVE");
      await expectErrno("EACCES", world.tree.open("file", O_RDONLY));
      const line = `${world.bucket.prefix}file" fails with EACCES: the object is archived as DEEP_ARCHIVE`;
      await expect.poll(() => world.log()).toContain(line);
    },
  },
  {
    name: "an archived object is deleted like any other",
    flags: { allowDelete: true },
    needs,
    async run(world) {
      await store(world, "GLACIER");
      await world.tree.unlink("file");
      expect(await world.bucket.keys()).toEqual([]);
    },
  },
  {
    name: "an archived object is overwritten by one that can be read",
    flags: { allowOverwrite: true },
    needs: [...needs, "root"],
    async run(world) {
      await store(world, "GLACIER");
      await withFile(world.tree.open("file", O_WRONLY | O_TRUNC), (file) =>
        file.write(Buffer.from("new"), 0),
      );
      expect((await world.tree.stat("file")).mode).toBe(0o644);
      expect((await readWhole(world.tree, "file")).toString()).toBe("new");
    },
  },
  {
    name: "an archived object does not hide the files beside it",
    needs,
    async run(world) {
      await store(world, "GLACIER");
      await world.bucket.put("beside", "warm");
      await createWhole(world.tree, "new", Buffer.from("new"));
      expect(await namesIn(world.tree)).toEqual(["beside", "file", "new"]);
      expect((await readWhole(world.tree, "beside")).toString()).toBe("warm");
    },
  },
];
