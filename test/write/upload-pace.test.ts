/** How many parts may be under way, by how long they take, with a clock that is moved by hand. */

import { expect, test } from "vitest";
import { deferred } from "../../src/base/deferred.ts";
import { MIB } from "../../src/base/sizes.ts";
import { PacedFiles, UploadPace } from "../../src/write/upload-pace.ts";

const PART_BYTES = 8 * MIB;

/** A pace whose parts take as long as they are said to. */
class Timed {
  nowMs = 0;
  readonly files = new PacedFiles();
  readonly pace: UploadPace = this.another();

  another(): UploadPace {
    return new UploadPace(this.files, () => this.nowMs);
  }

  async upload(partMs: readonly number[], byteCount = PART_BYTES): Promise<void> {
    for (const ms of partMs) {
      await this.pace.time(byteCount, Promise.resolve(), async () => {
        this.nowMs += ms;
      });
    }
  }

  /** With so many files at once. */
  async mostOf(fileCount: number): Promise<number> {
    const end = deferred<void>();
    end.promise.catch(() => {});
    const others = Array.from({ length: fileCount - 1 }, () => this.another());
    const parts = others.map((pace) => pace.time(PART_BYTES, end.promise, () => Promise.resolve()));
    const most = this.pace.partsInFlightMax;
    end.reject(new Error("refused"));
    await Promise.allSettled(parts);
    for (const pace of others) pace.end();
    return most;
  }

  async mostOfEach(fileCounts: readonly number[]): Promise<number[]> {
    const most: number[] = [];
    for (const count of fileCounts) most.push(await this.mostOf(count));
    return most;
  }
}

const times = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms);

async function paceAfter(...partMs: readonly number[]): Promise<number> {
  const timed = new Timed();
  await timed.upload(partMs);
  return timed.pace.partsInFlightMax;
}

test("two parts are under way before any has come back, and to a server nearby", async () => {
  expect(await paceAfter()).toBe(2);
  expect(await paceAfter(20, 60, 90, 30)).toBe(2);
});

test("three or four are under way to a server in between", async () => {
  expect(await paceAfter(...times(10, 60))).toBe(3);
  expect(await paceAfter(...times(10, 90))).toBe(4);
});

test("eight are under way to a server from which parts take long to come back", async () => {
  expect(await paceAfter(150, 150, 150, 150, 150)).toBe(8);
});

test("one slow part is not taken for a distant server, and a server that got faster is noticed", async () => {
  expect(await paceAfter(20, 20, 300)).toBe(4);
  expect(await paceAfter(500, 500, 20, 20, 20, 20, 20, 20, 20, 20)).toBe(2);
});

test("a part that fails says nothing of the distance", async () => {
  let nowMs = 0;
  const pace = new UploadPace(new PacedFiles(), () => nowMs);
  const failing = pace.time(PART_BYTES, Promise.resolve(), async () => {
    nowMs += 100_000;
    throw new Error("refused");
  });
  await expect(failing).rejects.toThrow("refused");
  expect(pace.partsInFlightMax).toBe(2);
});

test("files that are written at the same time share eight parts, and each has two at least", async () => {
  const timed = new Timed();
  await timed.upload([1000]);
  expect(await timed.mostOfEach([1, 2, 3, 4, 6, 16])).toEqual([8, 4, 3, 2, 2, 2]);
});

test("they share twelve when two dozen parts have shown that the server is distant", async () => {
  const timed = new Timed();
  await timed.upload(times(23, 110));
  expect(await timed.mostOf(4)).toBe(2);
  await timed.upload([110]);
  expect(await timed.mostOfEach([1, 2, 3, 4, 6, 16])).toEqual([8, 6, 4, 3, 2, 2]);
});

test("parts that wait for each other are not taken for a distant server", async () => {
  const timed = new Timed();
  const aTurn = [100, 45, 160, 230, 90, 110, 130, 280];
  for (let turn = 0; turn < 20; turn += 1) await timed.upload(aTurn);
  expect(await timed.mostOf(4)).toBe(2);
});

test("a busy server is not taken for a distant one, however slow, until it is less busy", async () => {
  const timed = new Timed();
  for (let turn = 0; turn < 20; turn += 1) await timed.upload([120, 300, 250, 400]);
  expect(await timed.mostOf(4)).toBe(2);
  await timed.upload(times(24, 130));
  expect(await timed.mostOf(4)).toBe(3);
});

test("the short end of a file does not make a distant server near", async () => {
  const timed = new Timed();
  await timed.upload(times(24, 150));
  await timed.upload([20], MIB);
  expect(await timed.mostOf(4)).toBe(3);
});

test("a server that went away is distant after a while", async () => {
  const timed = new Timed();
  await timed.upload(times(24, 50));
  await timed.upload(times(24, 150));
  expect(await timed.mostOf(4)).toBe(2);
  await timed.upload(times(800, 150));
  expect(await timed.mostOf(4)).toBe(3);
});

test("a file counts from its first part, before its upload is begun, to its end", async () => {
  const timed = new Timed();
  await timed.upload([1000]);
  const other = timed.another();
  const begun = deferred<void>();
  const part = other.time(PART_BYTES, begun.promise, () => Promise.resolve());
  expect(timed.pace.partsInFlightMax).toBe(4);
  begun.resolve();
  await part;
  expect(timed.pace.partsInFlightMax).toBe(4);
  other.end();
  expect(timed.pace.partsInFlightMax).toBe(8);
});

test("a file that stays open and is not written does not count", async () => {
  const timed = new Timed();
  await timed.upload([1000]);
  await timed.another().time(PART_BYTES, Promise.resolve(), () => Promise.resolve());
  expect(timed.pace.partsInFlightMax).toBe(4);
  timed.nowMs += 1000;
  expect(timed.pace.partsInFlightMax).toBe(8);
});
