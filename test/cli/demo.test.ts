/** The demo checks itself; here it is run to its end, and stopped on its way. */

import { readdirSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Child } from "../rigs/child.ts";
import { commandLine } from "../rigs/paths.ts";
import { Scratch } from "../rigs/scratch.ts";

let scratch: Scratch;

beforeAll(() => {
  scratch = new Scratch();
});

afterAll(() => scratch.close());

/** Its mount, its data and its log lie below the scratch directory, where a leak is found. */
function startDemo(): Child {
  return new Child(process.execPath, [commandLine, "demo"], {
    env: { ...process.env, TMPDIR: scratch.directory },
  });
}

test("the demo finds everything right, and shows it in plain lines on a pipe", async () => {
  const demo = startDemo();
  const { code } = await demo.exitWithin(120_000);
  expect(code, demo.stdout).toBe(0);
  expect(demo.stdout).toMatch(/✓ everything is right, in [\d.]+ s\n$/);
  expect(demo.stdout).not.toContain("✗");
  for (const control of ["\u001b", "\r"]) expect(demo.stdout).not.toContain(control);
  expect(readdirSync(scratch.directory)).toEqual([]);
}, 130_000);

test("Ctrl-C ends the demo with nothing left", async () => {
  const demo = startDemo();
  await demo.waitForOutput(/▸ Reading\n/);
  demo.signal("SIGINT");
  const { code } = await demo.exitWithin(30_000);
  expect(code).toBe(1);
  expect(demo.stdout).toMatch(/✗ interrupted\n$/);
  expect(scratch.mounts()).toEqual([]);
  expect(readdirSync(scratch.directory)).toEqual([]);
}, 60_000);
