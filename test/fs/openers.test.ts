/** Who counts as one of several that read at one time. */

import { expect, test } from "vitest";
import { Openers } from "../../src/fs/openers.ts";

test("threads that open one file after the other count, and those that open one do not", () => {
  const openers = new Openers();
  for (let pid = 1; pid <= 20; pid++) openers.note(pid, 0);
  expect(openers.count).toBe(0);
  for (const pid of [3, 4, 4, 5]) openers.note(pid, 40);
  expect(openers.count).toBe(3);
});

test("they count in the 50 ms that follow, and no longer", () => {
  const openers = new Openers();
  for (const pid of [1, 1, 2, 2]) openers.note(pid, 0);
  openers.note(9, 60);
  expect(openers.count).toBe(2);
  openers.note(9, 115);
  expect(openers.count).toBe(0);
});

test("nobody counts behind a pause", () => {
  const openers = new Openers();
  for (const pid of [1, 1, 2, 2]) openers.note(pid, 0);
  openers.note(1, 1000);
  expect(openers.count).toBe(0);
});
