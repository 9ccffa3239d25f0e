/**
 * Checks a property of the model as often as is wanted, and says of a failure what it takes to see it
 * again: the shortest sequence, the seed, and the command. What to check comes from the environment,
 * as scripts/model.mjs sets it.
 */

import { randomInt } from "node:crypto";
import fc from "fast-check";
import { expect } from "vitest";
import { tally } from "./commands.ts";
import type { TreeModel } from "./tree-model.ts";

const { MODEL_SEED, MODEL_PATH, MODEL_ONLY } = process.env;
/** Whether one sequence is to be seen again. */
export const isReplay = MODEL_PATH !== undefined;
/** For the last failure to be told before the test itself runs out of time. */
const TELLING_MS = 20_000;

export interface Check {
  /** The name of the variant. */
  readonly name: string;
  /** What else the replay needs besides seed, path and variant. */
  readonly options: string;
  readonly runs: number;
  /** Added to the seed, for those that run beside one another. */
  readonly seedOffset?: number;
  /** What to run if not what the environment says. */
  readonly seed?: number;
  readonly path?: string;
  /** Of the test. */
  readonly timeoutMs: number;
}

/** Those variants that are wanted: all of them, the one that is named, or those whose names begin so. */
export function chosen<T extends { readonly name: string }>(variants: readonly T[]): readonly T[] {
  if (MODEL_ONLY === undefined) return variants;
  const named = variants.filter(({ name }) => name === MODEL_ONLY);
  if (named.length > 0) return named;
  const found = variants.filter(({ name }) => name.startsWith(`${MODEL_ONLY},`));
  if (found.length > 0) return found;
  const names = variants.map(({ name }) => JSON.stringify(name)).join(", ");
  throw new Error(`no variant is named ${JSON.stringify(MODEL_ONLY)}; there are ${names}`);
}

export async function check<T>(property: fc.IAsyncProperty<T>, how: Check): Promise<void> {
  const { seed = seedOf(how.seedOffset), path = MODEL_PATH } = how;
  await fc.assert(property, {
    seed,
    // The sequence that is seen again is the shortest already: looking for shorter ones takes minutes on a mount.
    ...(path === undefined ? {} : { path, endOnFailure: true }),
    numRuns: path === undefined ? how.runs : 1,
    interruptAfterTimeLimit: how.timeoutMs - TELLING_MS,
    reporter: (details) => {
      if (details.failed) throw new Error(reportOf(details, how));
    },
  });
}

/** One that the command line of `npm run model` takes, too. */
function seedOf(offset = 0): number {
  return MODEL_SEED === undefined ? randomInt(2 ** 31) : Number(MODEL_SEED) + offset;
}

/**
 * Runs `work` with other seeds, told by their round, until it has made as many steps: how long random
 * sequences are is left to chance. One sequence that is seen again is run once.
 */
export async function making(
  stepsMin: number,
  work: (round: number) => Promise<void>,
): Promise<void> {
  const stepsWanted = tally.steps + stepsMin;
  let round = 0;
  do {
    const stepsBefore = tally.steps;
    await work(round++);
    if (isReplay) return;
    expect(tally.steps, "the steps made").toBeGreaterThan(stepsBefore);
  } while (tally.steps < stepsWanted);
}

function reportOf<T>(details: fc.RunDetails<T>, { name, options }: Check): string {
  const { counterexamplePath, errorInstance, numRuns, numShrinks, seed } = details;
  const path = counterexamplePath ?? "0";
  const told = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return [
    `sequence ${numRuns} of "${name}" went otherwise than the model says; the shortest of ${numShrinks + 1} that do:`,
    told,
    `To see it again: npm run model -- ${options}--seed ${seed} --path ${path} --only "${name}"`,
  ].join("\n");
}

/** Runs a sequence; a failure names the steps that led to it. */
export async function tellingSteps(
  model: TreeModel,
  setting: string,
  run: () => Promise<void>,
): Promise<void> {
  const keys = [...model.keys].map(([key, content]) => `${quote(key)}: ${quote(content)}`);
  try {
    await run();
  } catch (error) {
    const steps = model.trace.map((step, index) => `  ${index + 1}. ${step}`);
    const before = `  in a bucket with {${keys.join(", ")}}${setting}`;
    throw new Error([before, ...steps, `  ${describe(error)}`].join("\n"), { cause: error });
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { actual, expected } = error as { readonly actual?: unknown; readonly expected?: unknown };
  if (actual === undefined && expected === undefined) return error.stack ?? error.message;
  return `${error.message}\n  seen ${quote(actual)}, expected ${quote(expected)}`;
}

const quote = (value: unknown): string => `${JSON.stringify(value)}`;
