/**
 * Random trees and random sequences of operations, in the mount and behind its back, each step
 * compared with a model. `npm run model` runs many more of them; a failure prints the shortest
 * sequence, and how to run it again.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { MetadataTtl } from "../../src/mount/index.ts";
import { check, chosen, making, tellingSteps } from "./checking.ts";
import { closeHandle, type Step } from "./commands.ts";
import { InMemorySubject } from "./in-memory-subject.ts";
import { sequences, keys as someKeys } from "./sequences.ts";
import { TreeModel } from "./tree-model.ts";

const STEPS_WANTED = Number(process.env["MODEL_STEPS"] ?? 10_000);
const STEPS_MAX = 60;
/** Sequences that make at least as many steps as wanted. */
const RUNS_PER_STEP = 1 / 12;

interface Variant {
  readonly name: string;
  readonly sequence: "alone" | "shared";
  readonly ttl: MetadataTtl;
  readonly directoryMs: number;
  readonly allowDelete: boolean;
  readonly allowOverwrite: boolean;
}

const MINIMAL = { ttl: { kind: "minimal" }, directoryMs: 1000 } as const;
const SECONDS = { ttl: { kind: "seconds", seconds: 60 }, directoryMs: 60_000 } as const;
const FREE = { allowDelete: true, allowOverwrite: true };
const STRICT = { allowDelete: false, allowOverwrite: false };

const VARIANTS: readonly Variant[] = [
  { name: "shared with others", sequence: "shared", ...MINIMAL, ...FREE },
  { name: "shared with others, by default", sequence: "shared", ...MINIMAL, ...STRICT },
  { name: "alone", sequence: "alone", ...MINIMAL, ...FREE },
  { name: "alone, believing for a minute", sequence: "alone", ...SECONDS, ...FREE },
  {
    name: "alone, replacing but not deleting",
    sequence: "alone",
    ...MINIMAL,
    allowDelete: false,
    allowOverwrite: true,
  },
];

describe("the mount shows what the model shows, whatever happens", () => {
  const variants = chosen(VARIANTS);
  const stepsMin = Math.ceil(STEPS_WANTED / variants.length);
  const runs = Math.ceil(stepsMin * RUNS_PER_STEP);
  const timeoutMs = 60_000 + STEPS_WANTED * 20;

  test.each(variants)("$name", { timeout: timeoutMs }, async (variant) => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      someKeys,
      sequences[variant.sequence]({ stepsMax: STEPS_MAX, truncates: true }),
      (pageKeysMax, keys, steps) => runOne(variant, { pageKeysMax, keys, steps }),
    );
    const { name } = variant;
    await making(stepsMin, () =>
      check(property, { name, options: "--mounted 0 ", runs, timeoutMs }),
    );
  });
});

async function runOne(
  { allowDelete, allowOverwrite, directoryMs, ttl }: Variant,
  drawn: {
    readonly pageKeysMax: number;
    readonly keys: readonly (readonly [key: string, content: string])[];
    readonly steps: Iterable<Step>;
  },
): Promise<void> {
  const { keys, pageKeysMax, steps } = drawn;
  const subject = new InMemorySubject(
    { allowDelete, allowOverwrite, metadataTtl: ttl },
    { pageKeysMax },
  );
  const model = new TreeModel({ allowDelete, allowOverwrite, directoryMs }, keys);
  await tellingSteps(model, `, listed by ${pageKeysMax}`, async () => {
    for (const [key, content] of keys) await subject.store(key, content);
    await fc.asyncModelRun(() => ({ model, real: subject }), steps);

    for (const [number, handle] of [...model.handles]) {
      await closeHandle(model, subject, number, handle);
    }
    const gauges = await subject.end();
    expect(gauges).toMatchObject({ handles: 0, directoryHandles: 0, uploads: 0 });
    expect(gauges.rememberedInodes).toBe(0);
    if (model.localDirectories.size === 0) expect(gauges.inodes).toBe(0);
  });
}
