/** How many parts may be under way, by how long they take, with a clock that is moved by hand. */

import { expect, test } from "vitest";
import { UploadPace } from "../../src/write/upload-pace.ts";

async function paceAfter(...partMs: readonly number[]): Promise<number> {
  let nowMs = 0;
  const pace = new UploadPace(() => nowMs);
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
  const pace = new UploadPace(() => nowMs);
  const failing = pace.time(async () => {
    nowMs += 100_000;
    throw new Error("refused");
  });
  await expect(failing).rejects.toThrow("refused");
  expect(pace.partsInFlightMax).toBe(3);
});
