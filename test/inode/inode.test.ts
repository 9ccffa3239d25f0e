/** How inodes are kept: numbers, times and marks that take little memory and lose nothing. */

import { describe, expect, test } from "vitest";

import { DirectoryInode, FileInode, RemoteState, ROOT_INO } from "../../src/inode/inode.ts";
import { InodeNumbers } from "../../src/inode/inode-numbers.ts";

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;

const parent = new DirectoryInode(ROOT_INO, { root: "" });

function newFile(ino: number, lastModifiedMs = 0): FileInode {
  const version = { sizeBytes: 1, etag: '"e"', lastModifiedMs, storageClass: undefined };
  const state = new RemoteState({ ...version, restored: undefined });
  return new FileInode(ino, { parent, name: `file-${ino}` }, state);
}

describe("a time", () => {
  const nowMs = Date.now();
  test.each([
    ["never", 0],
    ["long ago", 1],
    ["in another test's past", 1_700_000_000_000],
    ["now", nowMs],
    ["between two milliseconds", nowMs + 0.5],
    ["soon", nowMs + HOUR_MS],
    ["in a month, for which small integers are too small", nowMs + 30 * 24 * HOUR_MS],
    ["in many years", nowMs + 40 * YEAR_MS],
  ])("%s is kept as it is", (_, timeMs) => {
    const file = newFile(2);
    file.validUntilMs = timeMs;
    file.openableUntilMs = timeMs;
    expect(file.validUntilMs).toBe(timeMs);
    expect(file.openableUntilMs).toBe(timeMs);
  });

  test("in a hundred years is in about a hundred years", () => {
    const file = newFile(2);
    file.validUntilMs = nowMs + 100 * YEAR_MS;
    expect(Math.abs(file.validUntilMs - nowMs - 100 * YEAR_MS)).toBeLessThan(YEAR_MS);
  });

  test.each([0, 1, 999, 1_700_000_000_000, 1_700_000_000_123, -1, 4_102_444_800_001])(
    "%d at which an object was stored is kept as it is",
    (lastModifiedMs) => {
      expect(newFile(2, lastModifiedMs).state).toMatchObject({ lastModifiedMs, status: "remote" });
    },
  );
});

test("marks are kept apart", () => {
  const file = newFile(2);
  const marks = (): unknown => [file.unasked, file.replaces, file.made];
  expect(marks()).toEqual([false, false, false]);
  file.replaces = true;
  expect(marks()).toEqual([false, true, false]);
  file.unasked = true;
  file.made = true;
  file.replaces = false;
  expect(marks()).toEqual([true, false, true]);
});

describe("numbers", () => {
  test("each stand for one inode until it is deleted, however large and far apart", () => {
    const numbers = new InodeNumbers();
    const inos = [1, 2, 15, 16, 17, 31, 32, 1000, 2 ** 31, 2 ** 32 + 1, 2 ** 52 + 3];
    const files = new Map(inos.map((ino) => [ino, newFile(ino)]));
    for (const [ino, file] of files) {
      numbers.set(ino, file);
      numbers.set(ino, file);
    }
    expect(numbers.size).toBe(inos.length);
    for (const [ino, file] of files) expect(numbers.get(ino)).toBe(file);
    expect(numbers.get(3)).toBeUndefined();
    expect(numbers.get(10_000)).toBeUndefined();

    for (const [count, ino] of inos.entries()) {
      numbers.delete(ino);
      numbers.delete(ino);
      expect(numbers.get(ino)).toBeUndefined();
      expect(numbers.size).toBe(inos.length - count - 1);
    }
  });
});
