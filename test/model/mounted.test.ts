/**
 * The model against kernel mounts over the embedded endpoint, in many directories at once, so that
 * waiting for the kernel to forget does not take long.
 */

import fc from "fast-check";
import { afterAll, beforeAll, describe, test } from "vitest";
import { KernelRig } from "../rigs/kernel-rig.ts";
import type { Mounted } from "../rigs/rig.ts";
import { SandboxProcess } from "../rigs/sandbox-process.ts";
import { Scratch } from "../rigs/scratch.ts";
import { closeHandle } from "./commands.ts";
import { MountedSubject } from "./mounted-subject.ts";
import { sequences, keys as someKeys } from "./sequences.ts";
import { TreeModel } from "./tree-model.ts";

const DIRECTORIES = 12;
const STEPS_MAX = 40;
const FREE = { allowDelete: true, allowOverwrite: true };

const VARIANTS = [
  { name: "alone, believing for an hour", sequence: "alone", ttl: 3600, runs: 6 },
  { name: "shared with others", sequence: "shared", ttl: "minimal", runs: 2 },
] as const;

describe("a kernel mount shows what the model shows, whatever happens", () => {
  let rig: KernelRig;
  beforeAll(async () => {
    rig = await KernelRig.start(new Scratch(), await SandboxProcess.start());
  });
  afterAll(async () => {
    await rig.close();
  });

  for (const variant of VARIANTS) {
    test(variant.name, { timeout: 180_000 }, async () => {
      const mounted = await rig.mount({ ...FREE, metadataTtl: variant.ttl });
      try {
        await Promise.all(
          Array.from({ length: DIRECTORIES }, (_, index) => runIn(mounted, `${index}`, variant)),
        );
      } finally {
        await mounted.close();
      }
    });
  }
});

async function runIn(
  mounted: Mounted,
  directory: string,
  { sequence, ttl, runs }: (typeof VARIANTS)[number],
): Promise<void> {
  let run = 0;
  const directoryMs = ttl === "minimal" ? 1000 : ttl * 1000;
  const property = fc.asyncProperty(
    someKeys,
    sequences[sequence]({ stepsMax: STEPS_MAX, truncates: false }),
    async (keys, steps) => {
      const world = await mounted.world(`${directory}-${run++}`);
      const subject = new MountedSubject(world, { believes: ttl !== "minimal" });
      const model = new TreeModel({ ...FREE, directoryMs }, keys);
      await Promise.all(keys.map(([key, content]) => subject.store(key, content)));
      try {
        await fc.asyncModelRun(() => ({ model, real: subject }), steps);
        for (const [number, handle] of [...model.handles]) {
          await closeHandle(model, subject, number, handle);
        }
      } finally {
        for (const file of subject.files.values()) await file.close().catch(() => {});
      }
    },
  );
  await fc.assert(property, { numRuns: runs });
}
