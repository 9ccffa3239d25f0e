/** A server that goes away, whole or in part, and comes back: the mount outlives it. */

import { constants } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { DeleteBucketCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { clientOf } from "../rigs/bucket-view.ts";
import { expectBytes, pattern } from "../rigs/bytes.ts";
import { outcomeOf, withFile } from "../scenarios/scenario.ts";
import { createWhole, namesIn, readOn, readWhole, writeOn } from "../scenarios/whole-file.ts";
import { Weather } from "./weather.ts";

const LARGE = pattern(701, 32 * MIB);
const SMALL = pattern(702, 300_000);
const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

let weather: Weather;

beforeAll(async () => {
  weather = await Weather.start({ durable: true });
});

afterAll(async () => {
  await weather.close();
});

test("reads and writes wait for a server that is down and comes back", async () => {
  await weather.bucket.put("read", LARGE);
  await weather.bucket.put("found", SMALL);
  await withFile(weather.tree.open("read", constants.O_RDONLY), (reader) =>
    withFile(weather.tree.open("written", O_NEW), async (writer) => {
      const start = await reader.read(0, MIB);
      await writer.write(LARGE.subarray(0, MIB), 0);
      const work: Promise<unknown>[] = [];
      await weather.whileServerIsDown(async () => {
        const reading = readOn(reader);
        work.push(
          reading.then((data) => expectBytes(data, LARGE)),
          writeOn(writer, LARGE.subarray(MIB), { offset: MIB }),
          readWhole(weather.tree, "found").then((data) => expectBytes(data, SMALL)),
        );
        // Awaited below: a rejection meanwhile is not unhandled.
        for (const piece of work) piece.catch(() => {});
        await delay(3_000);
      });
      await Promise.all(work);
      expect(start.equals(LARGE.subarray(0, MIB))).toBe(true);
    }),
  );
  expectBytes(await weather.bucket.get("written"), LARGE);
}, 90_000);

test("a file is closed over an outage, and what was acknowledged is there", async () => {
  const file = await weather.tree.open("closed", O_NEW);
  await file.write(SMALL, 0);
  let closing: Promise<void> = Promise.resolve();
  await weather.whileServerIsDown(async () => {
    closing = file.close();
    closing.catch(() => {});
    await delay(2_000);
  });
  await closing;
  expectBytes(await weather.bucket.get("closed"), SMALL);
}, 90_000);

test("a bucket that disappears is an error, and when it is back the mount works again", async () => {
  for (const key of await weather.bucket.keys()) await weather.bucket.delete(key);
  await clientOf(weather.sandbox.endpoint).send(
    new DeleteBucketCommand({ Bucket: weather.bucket.name }),
  );
  const outcomes = await Promise.all([
    outcomeOf(readWhole(weather.tree, "read")),
    outcomeOf(namesIn(weather.tree)),
    outcomeOf(createWhole(weather.tree, "new", SMALL)),
  ]);
  for (const outcome of outcomes) expect(["EIO", "ENOENT"]).toContain(outcome);
  await weather.bucket.create();
  await weather.bucket.put("back", SMALL);
  expect(await namesIn(weather.tree)).toEqual(["back"]);
  expectBytes(await readWhole(weather.tree, "back"), SMALL);
  await createWhole(weather.tree, "new", SMALL);
  expectBytes(await weather.bucket.get("new"), SMALL);
}, 60_000);
