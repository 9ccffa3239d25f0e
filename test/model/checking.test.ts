/** The model test can fail, and says then what it takes to see the failure again. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { check, tellingSteps } from "./checking.ts";
import { InMemorySubject } from "./in-memory-subject.ts";
import { sequences, keys as someKeys } from "./sequences.ts";
import { LATER_MS } from "./subject.ts";
import { TreeModel } from "./tree-model.ts";

const MOUNT = { allowDelete: false, allowOverwrite: true, readOnly: false };
const RULES = { directoryMs: 1000, laterMs: LATER_MS, isDirectoryBucket: false, appends: false };

/** A model of a mount on which files can be deleted, beside a mount on which they cannot. */
function wrong(seen: string[][]) {
  return fc.asyncProperty(
    someKeys,
    sequences.alone({ stepsMax: 60, ownsProcess: true }),
    async (keys, steps) => {
      const subject = new InMemorySubject(MOUNT, { pageKeysMax: 5 });
      const model = new TreeModel({ ...MOUNT, ...RULES, allowDelete: true }, keys);
      seen.push(model.trace);
      await tellingSteps(model, "", async () => {
        for (const [key, content] of keys) await subject.store(key, content);
        await fc.asyncModelRun(() => ({ model, real: subject }), steps);
      });
    },
  );
}

async function failureOf(work: Promise<void>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error("there is no failure");
}

test("a difference is told as its shortest sequence, and can be seen again", async () => {
  const how = { name: "alone", options: "", runs: 200, timeoutMs: 60_000 };
  const told = await failureOf(check(wrong([]), { ...how, seed: 7 }));
  // What leads to the unlink, and nothing else.
  const steps = told.split("\n").filter((line) => /^ {2}\d+\. /.test(line));
  expect(steps.length).toBeLessThanOrEqual(4);
  expect(steps.at(-1)).toMatch(/\. unlink /);
  expect(told).toContain(`seen "EPERM", expected "ok"`);

  const path = /npm run model -- --seed 7 --path (\S+) --only "alone"$/.exec(told)?.[1] ?? "none";
  expect(path).toContain(":");
  const again: string[][] = [];
  const toldAgain = await failureOf(check(wrong(again), { ...how, seed: 7, path }));
  expect(toldAgain.split("\n").slice(1)).toEqual(told.split("\n").slice(1));
  // Nothing else is tried.
  expect(again.length).toBe(1);
});
