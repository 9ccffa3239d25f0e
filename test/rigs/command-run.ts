/** Runs of the program that are expected to fail, and what every such run must look like. */

import { expect } from "vitest";
import { type Finished, run } from "./child.ts";
import { mountsBelow, type Scratch } from "./scratch.ts";

export interface Refusal {
  /** 2 for a wrong command line, 1 for everything else. */
  readonly status: 1 | 2;
  /** What the message must say: the value at hand and the remedy. */
  readonly says: readonly (RegExp | string)[];
  /** What it must not say: secrets. */
  readonly never?: readonly string[];
}

export interface CommandLine {
  readonly command?: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

/**
 * Runs a command line and fails unless it ends with the right status, one line of message that says
 * what it must, nothing on standard output, and neither a mount nor a process of it remains.
 */
export async function expectRefusal(
  scratch: Scratch,
  { command = process.execPath, args, env, timeoutMs = 60_000 }: CommandLine,
  refusal: Refusal,
): Promise<Finished> {
  const mountsBefore = scratch.mounts();
  const finished = await run(command, args, { env, cwd: scratch.directory, timeoutMs });
  expect(finished.stderr).toMatch(/^mount-s3-ts: [^\n]+\n$/);
  for (const text of refusal.says) expect(finished.stderr).toMatch(text);
  for (const text of refusal.never ?? []) expect(finished.stderr).not.toContain(text);
  expect(finished.code, finished.stderr).toBe(refusal.status);
  expect(finished.stdout).toBe("");
  expect(mountsBelow(scratch.directory)).toEqual(mountsBefore);
  return finished;
}
