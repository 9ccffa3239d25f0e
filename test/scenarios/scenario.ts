/**
 * A scenario: a sentence about the mounted bucket, and the code that finds out whether it is true.
 * It is written once and runs on every rig that can run it. Scenarios that want the same flags share
 * one mount, each in a directory of its own.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { errnoName } from "../rigs/errno-names.ts";
import {
  CAPABILITIES,
  type Capability,
  type Mounted,
  type MountFlags,
  type OpenFile,
  type Rig,
  type World,
} from "../rigs/rig.ts";

export interface Scenario {
  /** A sentence. */
  readonly name: string;
  /** The flags of the mount; the program's defaults when absent. */
  readonly flags?: MountFlags;
  /** A mount for this scenario alone, which it may end, or whose log no other fills. */
  readonly alone?: boolean;
  /** What the rig must have. */
  readonly needs?: readonly Capability[];
  run(world: World): Promise<void>;
}

/**
 * Declares one test per scenario that the rig can run, and prints which it cannot, and why; `startRig`
 * is called once.
 */
export function declareScenarios(
  capabilities: readonly Capability[],
  startRig: () => Promise<Rig>,
  scenarios: readonly Scenario[],
): void {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig();
  });
  afterAll(async () => {
    await rig.close();
  });

  for (const line of omissions(capabilities, scenarios)) process.stdout.write(`${line}\n`);
  const possible = scenarios.filter((scenario) => canRun(capabilities, scenario));
  for (const [label, group] of groupByFlags(possible)) {
    describe(label, () => {
      let mounted: Mounted;
      beforeAll(async () => {
        mounted = await rig.mount(group[0]?.flags ?? {});
      });
      afterAll(async () => {
        await mounted.close();
      });
      for (const [index, scenario] of group.entries()) {
        test(scenario.name, async () => {
          await scenario.run(await mounted.world(`scenario-${index}`));
        });
      }
    });
  }
}

export function canRun(capabilities: readonly Capability[], scenario: Scenario): boolean {
  return lackOf(capabilities, scenario) === undefined;
}

function lackOf(
  capabilities: readonly Capability[],
  { needs = [] }: Scenario,
): Capability | undefined {
  return needs.find((need) => !capabilities.includes(need));
}

/** One line for each thing that a rig lacks: how many scenarios need it, what it is, and which. */
export function* omissions(
  capabilities: readonly Capability[],
  scenarios: readonly Scenario[],
): Generator<string> {
  for (const [capability, reason] of Object.entries(CAPABILITIES)) {
    const names = scenarios
      .filter((scenario) => lackOf(capabilities, scenario) === capability)
      .map(({ name }) => name);
    if (names.length === 0) continue;
    yield `${names.length} scenarios do not run here: they need ${reason}: ${names.join("; ")}`;
  }
}

function groupByFlags(scenarios: readonly Scenario[]): ReadonlyMap<string, readonly Scenario[]> {
  const groups = new Map<string, Scenario[]>();
  for (const scenario of scenarios) {
    const flags = Object.entries(scenario.flags ?? {}).map(([name, value]) => `${name}=${value}`);
    const shared = flags.length === 0 ? "with no flags" : `with ${flags.sort().join(" ")}`;
    const label = scenario.alone === true ? `alone, ${shared}: ${scenario.name}` : shared;
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [scenario]);
    else group.push(scenario);
  }
  return groups;
}

/** Fails unless `call` fails with exactly this errno. */
export async function expectErrno(code: string, call: Promise<unknown>): Promise<void> {
  expect(await outcomeOf(call)).toBe(code);
}

/** "success", or the name of the errno; any other failure fails. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "success";
  } catch (error) {
    const errno = error instanceof Error && "errno" in error ? error.errno : undefined;
    if (typeof errno !== "number") throw error;
    // Node has no name for some of them, ESTALE among others.
    return errnoName(-errno);
  }
}

/** Opens, hands the file to `use`, and closes it whatever happens; a failing close fails. */
export async function withFile<T>(
  opening: Promise<OpenFile>,
  use: (file: OpenFile) => Promise<T>,
): Promise<T> {
  const file = await opening;
  let result: T;
  try {
    result = await use(file);
  } catch (error) {
    await file.close().catch(() => {});
    throw error;
  }
  await file.close();
  return result;
}
