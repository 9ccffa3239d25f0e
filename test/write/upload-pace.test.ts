/** How many parts may be under way, by how long they take, with a clock that is moved by hand. */

import { expect, test } from "vitest";
import { deferred } from "../../src/base/deferred.ts";
import { UploadPace } from "../../src/write/upload-pace.ts";

async function paceAfter(...partMs: readonly number[]): Promise<number> {
  let nowMs = 0;
  const pace = new UploadPace({ count: 0 }, () => nowMs);
  for (const ms of partMs) {
    await pace.time(async () => {
      nowMs += ms;
    });
  }
  return pace.partsInFlightMax;
}

test("three parts are under way before any has come back, and to a server nearby", async () => {
  expect(await paceAfter()).toBe(3);
  expect(await paceAfter(20, 60, 90, 30)).toBe(3);
});

test("four are under way to a server in between", async () => {
  expect(await paceAfter(...Array.from({ length: 10 }, () => 90))).toBe(4);
});

test("eight are under way to a server from which parts take long to come back", async () => {
  expect(await paceAfter(150, 150, 150, 150, 150)).toBe(8);
});

test("one slow part is not taken for a distant server, and a server that got faster is noticed", async () => {
  expect(await paceAfter(20, 20, 300)).toBe(4);
  expect(await paceAfter(500, 500, 20, 20, 20, 20, 20, 20, 20, 20)).toBe(3);
});

test("a part that fails says nothing of the distance", async () => {
  let nowMs = 0;
  const pace = new UploadPace({ count: 0 }, () => nowMs);
  const failing = pace.time(async () => {
    nowMs += 100_000;
    throw new Error("refused");
  });
  await expect(failing).rejects.toThrow("refused");
  expect(pace.partsInFlightMax).toBe(3);
});

test("files that are written at the same time share twelve parts, and each has two at least", async () => {
  const files = { count: 0 };
  let nowMs = 0;
  const pace = new UploadPace(files, () => nowMs);
  await pace.time(async () => {
    nowMs += 1000;
  });
  expect(files.count).toBe(0);
  const most = [1, 2, 3, 4, 6, 16].map((count) => {
    files.count = count;
    return pace.partsInFlightMax;
  });
  expect(most).toEqual([8, 6, 4, 3, 2, 2]);
});

test("a file counts while it has parts under way, however they end", async () => {
  const files = { count: 0 };
  const pace = new UploadPace(files);
  const { promise, reject } = deferred<void>();
  const both = [pace.time(() => Promise.resolve()), pace.time(() => promise)] as const;
  expect(files.count).toBe(1);
  await both[0];
  expect(files.count).toBe(1);
  reject(new Error("refused"));
  await expect(both[1]).rejects.toThrow("refused");
  expect(files.count).toBe(0);
});
