/** What others take of the machine: all that is at work, less the harness and what it has started. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { isBusy, partOfOthers, readLoad } from "../../bench/machine.ts";

const load = (atMs: number, allSeconds: number, ownSeconds: number) => ({
  ...{ atMs, allSeconds, ownSeconds },
});

test("is what is neither idle nor ours, of all processors", () => {
  expect(partOfOthers(load(0, 10, 5), load(2000, 13, 7), 2)).toBe(0.25);
  expect(partOfOthers(load(0, 10, 5), load(2000, 12, 7), 2)).toBe(0);
});

test("is never less than nothing, nor more than all", () => {
  expect(partOfOthers(load(0, 0, 0), load(1000, 1, 1.5), 2)).toBe(0);
  expect(partOfOthers(load(0, 0, 0), load(1000, 9, 0), 2)).toBe(1);
  expect(partOfOthers(load(0, 0, 0), load(0, 0, 0), 2)).toBe(0);
});

test("more than a tenth is busy", () => {
  expect(isBusy(0.05)).toBe(false);
  expect(isBusy(0.2)).toBe(true);
});

test("counts what a child used as ours, also when it has ended", async () => {
  const before = readLoad();
  const script = "while (process.cpuUsage().user < 300_000) {}";
  await once(spawn(process.execPath, ["-e", script]), "exit");
  const after = readLoad();
  expect(after.ownSeconds - before.ownSeconds).toBeGreaterThanOrEqual(0.25);
  expect(after.allSeconds - before.allSeconds).toBeGreaterThanOrEqual(0.25);
});
