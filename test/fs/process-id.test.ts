/** Which process a thread belongs to. */

import { expect, test } from "vitest";

import { rememberingTgids, tgidOf } from "../../src/fs/process-id.ts";

test("the process of a thread is found, and nothing for what is not there", () => {
  expect(tgidOf(process.pid)).toBe(process.pid);
  expect(tgidOf(0)).toBeUndefined();
  expect(tgidOf(2 ** 30)).toBeUndefined();
});

test("a thread is looked for once in a second, and again as long as it is not found", () => {
  let nowMs = 5000;
  const reads: number[] = [];
  const processes = new Map([
    [11, 10],
    [12, 10],
  ]);
  const read = (pid: number): number | undefined => {
    reads.push(pid);
    return processes.get(pid);
  };
  const remembering = rememberingTgids(() => nowMs, read);
  expect([11, 12, 11, 13, 13].map(remembering)).toEqual([10, 10, 10, undefined, undefined]);
  expect(reads).toEqual([11, 12, 13, 13]);
  nowMs += 999;
  expect(remembering(12)).toBe(10);
  expect(reads.length).toBe(4);
  nowMs += 1;
  processes.set(12, 12);
  expect(remembering(12)).toBe(12);
});
