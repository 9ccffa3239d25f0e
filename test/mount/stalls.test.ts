/**
 * Servers that hold the line and say nothing. These tests take as long as the program waits (20 s for
 * the next byte, 30 s for an answer), so they all wait at the same time.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { expectBytes, pattern } from "../rigs/bytes.ts";
import { createWhole, readWhole } from "../scenarios/whole-file.ts";
import { Weather } from "./weather.ts";

const LARGE = pattern(801, 20 * MIB + 7);
const SMALL = pattern(802, 300_000);

let weather: Weather;

beforeAll(async () => {
  weather = await Weather.start();
  await weather.bucket.put("stalled", LARGE);
  await weather.bucket.put("unanswered", SMALL);
});

afterAll(async () => {
  await weather.close();
});

describe.concurrent("a server that", () => {
  test("stalls in mid-body is left, and the rest is read elsewhere", async () => {
    await weather.sandbox.addFault({
      kind: "stall",
      afterBytes: 700_001,
      operation: "GetObject",
      key: "stalled",
    });
    expectBytes(await readWhole(weather.tree, "stalled"), LARGE);
  });

  test("never answers a GET is asked again", async () => {
    await weather.sandbox.addFault({ kind: "hang", operation: "GetObject", key: "unanswered" });
    expectBytes(await readWhole(weather.tree, "unanswered"), SMALL);
  });

  test("never answers a part is sent it again", async () => {
    await weather.sandbox.addFault({ kind: "hang", operation: "UploadPart", key: "large" });
    await createWhole(weather.tree, "large", LARGE);
    expectBytes(await weather.bucket.get("large"), LARGE);
  });

  test("stalls does not hold up other files", async () => {
    await weather.bucket.put("quick", SMALL);
    const started = Date.now();
    expectBytes(await readWhole(weather.tree, "quick"), SMALL);
    expect(Date.now() - started).toBeLessThan(15_000);
  });
});
