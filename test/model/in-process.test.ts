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
import { LATER_MS } from "./subject.ts";
import { type Rules, TreeModel } from "./tree-model.ts";

const STEPS_WANTED = Number(process.env["MODEL_STEPS"] ?? 10_000);
const STEPS_MAX = 60;
/** Sequences that make at least as many steps as wanted. */
const RUNS_PER_STEP = 1 / 12;
/** The first sequences are short. */
const RUNS_MIN = 20;

interface Variant {
  readonly name: string;
  readonly sequence: "alone" | "shared";
  readonly ttl: MetadataTtl;
  readonly rules: Rules;
}

const FREE = {
  readOnly: false,
  allowDelete: true,
  allowOverwrite: true,
  isDirectoryBucket: false,
  appends: false,
};
const STRICT = { ...FREE, allowDelete: false, allowOverwrite: false };
const EXPRESS = { ...FREE, isDirectoryBucket: true };
const APPENDING = { ...EXPRESS, appends: true };

const MINIMAL = { directoryMs: 1000, laterMs: LATER_MS };
const MINUTE = { directoryMs: 60_000, laterMs: 120_000 };
const minimal: MetadataTtl = { kind: "minimal" };
const minute: MetadataTtl = { kind: "seconds", seconds: 60 };

const VARIANTS: readonly Variant[] = [
  {
    name: "shared with others",
    sequence: "shared",
    ttl: minimal,
    rules: { ...MINIMAL, ...FREE },
  },
  {
    name: "shared with others by default",
    sequence: "shared",
    ttl: minimal,
    rules: { ...MINIMAL, ...STRICT },
  },
  {
    name: "shared with others, each change a while ago, believing for a minute",
    sequence: "shared",
    ttl: minute,
    rules: { ...MINUTE, ...FREE },
  },
  { name: "alone", sequence: "alone", ttl: minimal, rules: { ...MINIMAL, ...FREE } },
  {
    name: "alone, believing for a minute",
    sequence: "alone",
    ttl: minute,
    rules: { ...MINUTE, ...FREE },
  },
  {
    name: "alone, replacing but not deleting",
    sequence: "alone",
    ttl: minimal,
    rules: { ...MINIMAL, ...FREE, allowDelete: false },
  },
  {
    name: "read-only, shared with others",
    sequence: "shared",
    ttl: minimal,
    rules: { ...MINIMAL, ...FREE, readOnly: true },
  },
  {
    name: "a directory bucket, alone",
    sequence: "alone",
    ttl: minimal,
    rules: { ...MINIMAL, ...EXPRESS },
  },
  {
    name: "a directory bucket, alone, believing for a minute",
    sequence: "alone",
    ttl: minute,
    rules: { ...MINUTE, ...EXPRESS },
  },
  {
    name: "a directory bucket, alone, replacing nothing",
    sequence: "alone",
    ttl: minimal,
    rules: { ...MINIMAL, ...EXPRESS, allowOverwrite: false },
  },
  {
    name: "a directory bucket, alone, appending",
    sequence: "alone",
    ttl: minimal,
    rules: { ...MINIMAL, ...APPENDING },
  },
  {
    name: "a directory bucket, alone, appending, believing for a minute",
    sequence: "alone",
    ttl: minute,
    rules: { ...MINUTE, ...APPENDING },
  },
  {
    name: "a directory bucket, shared with others",
    sequence: "shared",
    ttl: minimal,
    rules: { ...MINIMAL, ...EXPRESS },
  },
  {
    name: "a directory bucket, shared with others, each change a while ago, believing for a minute",
    sequence: "shared",
    ttl: minute,
    rules: { ...MINUTE, ...EXPRESS },
  },
];

describe("the mount shows what the model shows, whatever happens", () => {
  const variants = chosen(VARIANTS);
  const stepsMin = Math.ceil(STEPS_WANTED / variants.length);
  const runs = RUNS_MIN + Math.ceil(stepsMin * RUNS_PER_STEP);
  const timeoutMs = 60_000 + STEPS_WANTED * 20;

  test.each(variants)("$name", { timeout: timeoutMs }, async (variant) => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      someKeys,
      sequences[variant.sequence]({ stepsMax: STEPS_MAX, ownsProcess: true }),
      (pageKeysMax, keys, steps) => runOne(variant, { pageKeysMax, keys, steps }),
    );
    const { name } = variant;
    await making(stepsMin, (round) =>
      check(property, { name, options: "--mounted 0 ", runs, timeoutMs, seedOffset: round }),
    );
  });
});

async function runOne(
  { rules, ttl }: Variant,
  drawn: {
    readonly pageKeysMax: number;
    readonly keys: readonly (readonly [key: string, content: string])[];
    readonly steps: Iterable<Step>;
  },
): Promise<void> {
  const { keys, pageKeysMax, steps } = drawn;
  const { allowDelete, allowOverwrite, appends, isDirectoryBucket, readOnly } = rules;
  const subject = new InMemorySubject(
    { allowDelete, allowOverwrite, readOnly, incrementalUpload: appends, metadataTtl: ttl },
    { pageKeysMax, isDirectoryBucket },
  );
  const model = new TreeModel(rules, keys);
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
