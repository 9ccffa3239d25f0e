/**
 * Scenarios: files and calls of every size at which something begins or ends: a page, a request of the
 * kernel, what is read first, a part.
 */

import { constants } from "node:fs";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { expectBytes, pattern } from "../rigs/bytes.ts";
import { type Scenario, withFile } from "./scenario.ts";
import { createWhole, readOn, readWhole } from "./whole-file.ts";

const { O_DIRECT, O_RDONLY } = constants;
const KIB = 1024;
const PART_BYTES = 8 * MIB;

const FILES: readonly (readonly [bytes: number, what: string])[] = [
  [1, "one byte"],
  [4 * KIB - 1, "a page less a byte"],
  [4 * KIB, "a page"],
  [4 * KIB + 1, "a page and a byte"],
  [128 * KIB, "128 KiB"],
  [MIB - 1, "1 MiB less a byte"],
  [MIB, "1 MiB"],
  [MIB + 1, "1 MiB and a byte"],
  [PART_BYTES - 1, "a part less a byte"],
  [PART_BYTES, "a part"],
  [PART_BYTES + 1, "a part and a byte"],
  [2 * PART_BYTES, "two parts"],
  [2 * PART_BYTES + 1, "two parts and a byte"],
];

/** The smaller the calls, the smaller the file, so that each scenario makes some hundreds of them. */
const READ_CALLS: readonly (readonly [callBytes: number, fileBytes: number])[] = [
  [1, 200],
  [511, 100_000],
  [4 * KIB, 2 * MIB],
  [4 * KIB + 1, 2 * MIB],
  [64 * KIB - 1, 9 * MIB],
  [128 * KIB, 9 * MIB],
  [MIB + 1, 20 * MIB],
  [3 * MIB, 20 * MIB],
];

const WRITE_CALLS: readonly (readonly [callBytes: number, fileBytes: number])[] = [
  [1, 200],
  [7, 2_000],
  [511, 100_000],
  [4 * KIB, MIB],
  [4 * KIB + 1, MIB],
  [64 * KIB - 1, 9 * MIB],
  [128 * KIB, 9 * MIB],
  [3 * MIB, 20 * MIB],
  [9 * MIB, 20 * MIB],
];

const DATA = pattern(701, 20 * MIB);

export const sizesScenarios: readonly Scenario[] = [
  ...FILES.map(
    ([bytes, what]): Scenario => ({
      name: `an object of ${what} has that size and reads whole`,
      async run({ tree, bucket }) {
        const data = DATA.subarray(0, bytes);
        await bucket.put("file", data);
        expect((await tree.stat("file")).sizeBytes).toBe(bytes);
        expectBytes(await readWhole(tree, "file"), data);
      },
    }),
  ),
  ...FILES.map(
    ([bytes, what]): Scenario => ({
      name: `a new file of ${what} is stored whole and has that size`,
      async run({ tree, bucket }) {
        const data = DATA.subarray(0, bytes);
        await createWhole(tree, "file", data);
        expectBytes(await bucket.get("file"), data);
        expect((await tree.stat("file")).sizeBytes).toBe(bytes);
        expect(await bucket.uploads()).toEqual([]);
      },
    }),
  ),
  ...READ_CALLS.flatMap(([callBytes, fileBytes]): readonly Scenario[] => [
    {
      name: `reads of ${callBytes} bytes read a file whole`,
      async run({ tree, bucket }) {
        const data = DATA.subarray(0, fileBytes);
        await bucket.put("file", data);
        expectBytes(await readWhole(tree, "file", callBytes), data);
      },
    },
    {
      name: `reads of ${callBytes} bytes past the page cache read a file whole`,
      async run({ tree, bucket }) {
        const data = DATA.subarray(0, fileBytes);
        await bucket.put("file", data);
        const opening = tree.open("file", O_RDONLY | O_DIRECT);
        const read = await withFile(opening, (file) => readOn(file, callBytes));
        expectBytes(read, data);
      },
    },
  ]),
  ...WRITE_CALLS.map(
    ([callBytes, fileBytes]): Scenario => ({
      name: `writes of ${callBytes} bytes store a file whole`,
      async run({ tree, bucket }) {
        const data = DATA.subarray(0, fileBytes);
        await createWhole(tree, "file", data, callBytes);
        expectBytes(await bucket.get("file"), data);
      },
    }),
  ),
];
