/** Who has a file open: any number of readers, whichever of them closes it first, or one writer. */

import { expect, test } from "vitest";

import { EPERM } from "../../src/base/errno.ts";
import { CALLER, errnoFrom, O_RDONLY, O_TRUNC, O_WRONLY, ROOT, rig } from "./rig.ts";

const READERS = 4;

/** All orders in which 0 to `count` - 1 can be taken. */
function orders(count: number): readonly (readonly number[])[] {
  if (count === 0) return [[]];
  return orders(count - 1).flatMap((order) =>
    Array.from({ length: count }, (_, at) => order.toSpliced(at, 0, count - 1)),
  );
}

test.each(orders(READERS).map((order) => [order]))(
  "nobody writes before all have closed, in the order %j",
  async (order) => {
    const { bucket, fs } = rig({ allowOverwrite: true });
    bucket.store("file", "content");
    const { ino } = (await fs.lookup(ROOT, "file")).attributes;
    const readers: number[] = [];
    for (let count = 0; count < READERS; count += 1) {
      readers.push((await fs.open(ino, O_RDONLY, CALLER)).fh);
    }
    const write = async () => (await fs.open(ino, O_WRONLY | O_TRUNC, CALLER)).fh;
    for (const reader of order) {
      expect(await errnoFrom(write)).toBe(EPERM);
      await fs.release(readers[reader] ?? -1);
    }
    await fs.release(await write());
  },
);
