/**
 * A server that misbehaves while somebody reads: the bytes are right, or there is an error in time. Large
 * bodies and replies go through data threads here; the scenarios run without.
 */

import { constants } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import type { Fault } from "../../src/sandbox/index.ts";
import { expectBytes, pattern, sha256 } from "../rigs/bytes.ts";
import { expectErrno, outcomeOf, withFile } from "../scenarios/scenario.ts";
import { namesIn, readWhole } from "../scenarios/whole-file.ts";
import { Weather } from "./weather.ts";

const LARGE = pattern(501, 20 * MIB + 7);
const SMALL = pattern(502, 300_000);

let weather: Weather;
let count = 0;

beforeAll(async () => {
  weather = await Weather.start({ args: ["--data-threads", "2"] });
});

afterAll(async () => {
  await weather.close();
});

/** A new object, which no earlier test can have left in a cache. */
async function newObject(data: Uint8Array): Promise<string> {
  count += 1;
  await weather.bucket.put(`file-${count}`, data);
  return `file-${count}`;
}

const passing: readonly (readonly [string, Fault])[] = [
  ["refuses three GETs with 503", { kind: "status", status: 503, times: 3 }],
  ["refuses three GETs with 500", { kind: "status", status: 500, times: 3 }],
  ["takes half a second for each answer", { kind: "slow", ms: 500, times: 10 }],
  ["resets connections before the answer", { kind: "reset", times: 3 }],
  ["resets connections in mid-body", { kind: "reset", afterBytes: 700_001, times: 3 }],
  ["ends bodies too early", { kind: "truncate", afterBytes: 700_001, times: 3 }],
  ["ends bodies before their first byte", { kind: "truncate", afterBytes: 0, times: 3 }],
];

describe("a server that", () => {
  test.each(passing)("%s does not keep a large file from being read whole", async (_, fault) => {
    const name = await newObject(LARGE);
    const armed = await weather.sandbox.addFault({ ...fault, operation: "GetObject", key: name });
    expectBytes(await readWhole(weather.tree, name), LARGE);
    expect(await armed.metCount()).toBeGreaterThan(0);
  });

  test("refuses HEAD and LIST with 503 does not keep a file from being found", async () => {
    const name = await newObject(SMALL);
    await weather.sandbox.addFault({
      kind: "status",
      status: 503,
      operation: "HeadObject",
      times: 3,
    });
    await weather.sandbox.addFault({
      kind: "status",
      status: 503,
      operation: "ListObjectsV2",
      times: 3,
    });
    expect((await weather.tree.stat(name)).sizeBytes).toBe(SMALL.length);
    expect(await namesIn(weather.tree)).toContain(name);
  });

  test("corrupts a byte of a small object is asked again", async () => {
    const name = await newObject(SMALL);
    const armed = await weather.sandbox.addFault({
      kind: "corrupt-byte",
      position: 123_456,
      operation: "GetObject",
      key: name,
    });
    expectBytes(await readWhole(weather.tree, name), SMALL);
    expect(await armed.metCount()).toBe(1);
  });

  test("answers with another ETag than it was asked for gives no wrong bytes", async () => {
    const name = await newObject(SMALL);
    await weather.sandbox.addFault({ kind: "wrong-etag", operation: "GetObject", key: name });
    const outcome = await outcomeOf(
      readWhole(weather.tree, name).then((data) => expectBytes(data, SMALL)),
    );
    expect(["success", "ESTALE", "EIO"]).toContain(outcome);
    expectBytes(await readWhole(weather.tree, name), SMALL);
  });

  test("denies access to one object is EACCES there, and others can be read", async () => {
    const [denied, allowed] = [await newObject(SMALL), await newObject(SMALL)];
    await weather.sandbox.addFault({
      kind: "status",
      status: 403,
      operation: "GetObject",
      key: denied,
      times: Number.POSITIVE_INFINITY,
    });
    await expectErrno("EACCES", readWhole(weather.tree, denied));
    expectBytes(await readWhole(weather.tree, allowed), SMALL);
  });

  test("loses an object that is being read is EIO, and the mount goes on", async () => {
    const name = await newObject(LARGE);
    await withFile(weather.tree.open(name, constants.O_RDONLY), async (file) => {
      await file.read(0, 4096);
      await weather.bucket.delete(name);
      await expectErrno("EIO", file.read(19 * MIB, 4096));
    });
    const other = await newObject(SMALL);
    expectBytes(await readWhole(weather.tree, other), SMALL);
  });
});

test("readers that read on while their object is replaced see one version or ESTALE", async () => {
  const versions = [pattern(503, 24 * MIB), pattern(504, 24 * MIB)];
  await weather.bucket.put("replaced", versions[0] ?? "");
  for (let round = 1; round <= 6; round += 1) {
    const reading = withFile(weather.tree.open("replaced", constants.O_RDONLY), async (file) => {
      const pieces = [await file.read(0, MIB)];
      await weather.bucket.put("replaced", versions[round % 2] ?? "");
      for (let offset = MIB; offset < 24 * MIB; offset += MIB) {
        pieces.push(await file.read(offset, MIB));
      }
      expect(versions.map(sha256)).toContain(sha256(Buffer.concat(pieces)));
    });
    expect(["success", "ESTALE"]).toContain(await outcomeOf(reading));
  }
});
