/**
 * The model against kernel mounts over the embedded endpoint, in many directories at once, so that
 * waiting for the kernel to forget does not take long.
 */

import fc from "fast-check";
import { describe, onTestFinished, test } from "vitest";
import { KernelRig } from "../rigs/kernel-rig.ts";
import type { Mounted } from "../rigs/rig.ts";
import { SandboxProcess } from "../rigs/sandbox-process.ts";
import { Scratch } from "../rigs/scratch.ts";
import { DIRECTORY_BUCKET } from "../scenarios/rigs.ts";
import { check, chosen, isReplay, making, tellingSteps } from "./checking.ts";
import { closeHandle } from "./commands.ts";
import { MountedSubject } from "./mounted-subject.ts";
import { sequences, keys as someKeys } from "./sequences.ts";
import { LATER_MS } from "./subject.ts";
import { TreeModel } from "./tree-model.ts";

const STEPS_WANTED = Number(process.env["MODEL_MOUNTED_STEPS"] ?? 600);
/** Directories that are worked in at once. */
const DIRECTORIES = isReplay ? 1 : Math.min(Math.max(12, Math.ceil(STEPS_WANTED / 100)), 48);
const STEPS_MAX = 40;
/** Sequences that make about as many steps as wanted. */
const RUNS_PER_STEP = 1 / 6;
const FREE = { allowDelete: true, allowOverwrite: true, readOnly: false };

/** Of the sessions of a directory bucket, so that many end while the model runs. */
const SESSION_MS = 3000;

interface Variant {
  readonly name: string;
  readonly isDirectoryBucket: boolean;
  readonly appends?: true;
  readonly sequence: "alone" | "shared";
  readonly ttl: "minimal" | number;
  /** Of the steps that are wanted; where others are at work, each takes more than a second. */
  readonly share: number;
}

const VARIANTS: readonly Variant[] = [
  {
    name: "alone, believing for an hour",
    isDirectoryBucket: false,
    sequence: "alone",
    ttl: 3600,
    share: 1 / 2,
  },
  {
    name: "shared with others",
    isDirectoryBucket: false,
    sequence: "shared",
    ttl: "minimal",
    share: 1 / 12,
  },
  {
    name: "a directory bucket, alone, believing for an hour",
    isDirectoryBucket: true,
    sequence: "alone",
    ttl: 3600,
    share: 3 / 16,
  },
  {
    name: "a directory bucket, alone, appending, believing for an hour",
    isDirectoryBucket: true,
    appends: true,
    sequence: "alone",
    ttl: 3600,
    share: 3 / 16,
  },
  {
    name: "a directory bucket, shared with others",
    isDirectoryBucket: true,
    sequence: "shared",
    ttl: "minimal",
    share: 1 / 24,
  },
];

async function startRig({ isDirectoryBucket }: Variant): Promise<KernelRig> {
  if (!isDirectoryBucket) return KernelRig.start(new Scratch(), await SandboxProcess.start());
  const sandbox = await SandboxProcess.start({ buckets: [DIRECTORY_BUCKET] });
  await sandbox.turn({ sessionMs: SESSION_MS });
  return KernelRig.start(new Scratch(), sandbox, [], DIRECTORY_BUCKET);
}

describe("a kernel mount shows what the model shows, whatever happens", () => {
  const timeoutMs = 180_000 + STEPS_WANTED * 100;
  test.each(chosen(VARIANTS))("$name", { timeout: timeoutMs }, async (variant) => {
    const stepsMin = Math.ceil(STEPS_WANTED * variant.share);
    const runs = Math.ceil((stepsMin / DIRECTORIES) * RUNS_PER_STEP);
    const rig = await startRig(variant);
    onTestFinished(() => rig.close());
    const { appends: incrementalUpload = false, ttl } = variant;
    const mounted = await rig.mount({ ...FREE, metadataTtl: ttl, incrementalUpload });
    try {
      await making(stepsMin, async (round) => {
        const checks = Array.from({ length: DIRECTORIES }, (_, index) =>
          check(propertyIn(mounted, `${round}-${index}`, variant), {
            name: variant.name,
            options: "--commands 0 ",
            runs,
            timeoutMs,
            seedOffset: round * DIRECTORIES + index,
          }),
        );
        // All of them end before the mount does.
        await Promise.allSettled(checks);
        await Promise.all(checks);
      });
    } finally {
      await mounted.close();
    }
  });
});

/** In `directory` of the mount, so that many run at once. */
function propertyIn(mounted: Mounted, directory: string, variant: Variant) {
  const { appends = false, isDirectoryBucket, sequence, ttl } = variant;
  let run = 0;
  const directoryMs = ttl === "minimal" ? 1000 : ttl * 1000;
  const rules = { ...FREE, isDirectoryBucket, appends, directoryMs, laterMs: LATER_MS };
  return fc.asyncProperty(
    someKeys,
    sequences[sequence]({ stepsMax: STEPS_MAX, ownsProcess: false }),
    async (keys, steps) => {
      const world = await mounted.world(`${directory}-${run++}`);
      const subject = new MountedSubject(world, { believes: ttl !== "minimal" });
      const model = new TreeModel(rules, keys);
      await Promise.all(keys.map(([key, content]) => subject.store(key, content)));
      try {
        await tellingSteps(model, "", async () => {
          await fc.asyncModelRun(() => ({ model, real: subject }), steps);
          for (const [number, handle] of [...model.handles]) {
            await closeHandle(model, subject, number, handle);
          }
        });
      } finally {
        for (const file of subject.files.values()) await file.close().catch(() => {});
      }
    },
  );
}
