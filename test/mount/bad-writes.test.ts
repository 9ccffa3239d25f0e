/**
 * A server that misbehaves while somebody writes: what close or fsync acknowledged is in the bucket,
 * byte for byte; what failed says so and leaves nothing.
 */

import { constants } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import type { Fault } from "../../src/sandbox/index.ts";
import { expectBytes, pattern } from "../rigs/bytes.ts";
import { expectErrno, outcomeOf } from "../scenarios/scenario.ts";
import { createWhole, readWhole, writeOn } from "../scenarios/whole-file.ts";
import { Weather } from "./weather.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const LARGE = pattern(601, 20 * MIB + 7);
const SMALL = pattern(602, 300_000);
const ALWAYS = Number.POSITIVE_INFINITY;

let weather: Weather;
let count = 0;

beforeAll(async () => {
  weather = await Weather.start({ attempts: 4 });
});

afterAll(async () => {
  await weather.close();
});

function newName(): string {
  count += 1;
  return `file-${count}`;
}

async function expectStored(name: string, data: Uint8Array): Promise<void> {
  const stored = await weather.bucket.get(name);
  expectBytes(stored, data);
  expectBytes(await readWhole(weather.tree, name), data);
  expect(await weather.bucket.uploads()).toEqual([]);
}

async function expectNothing(name: string): Promise<void> {
  await expectErrno("ENOENT", weather.tree.stat(name));
  expect(await weather.bucket.sizeOf(name)).toBe(undefined);
  await expect.poll(() => weather.bucket.uploads()).toEqual([]);
}

const passing: readonly (readonly [string, Uint8Array, Fault])[] = [
  [
    "refuses PUTs with 503",
    SMALL,
    { kind: "status", status: 503, operation: "PutObject", times: 2 },
  ],
  [
    "resets a PUT in mid-body",
    SMALL,
    { kind: "drop-upload", afterBytes: 100_000, operation: "PutObject", times: 2 },
  ],
  ["loses the reply to a PUT", SMALL, { kind: "lost-reply", operation: "PutObject" }],
  [
    "refuses to begin an upload with 503",
    LARGE,
    { kind: "status", status: 503, operation: "CreateMultipartUpload", times: 2 },
  ],
  [
    "refuses parts with 503",
    LARGE,
    { kind: "status", status: 503, operation: "UploadPart", times: 2 },
  ],
  [
    "resets parts in mid-body",
    LARGE,
    { kind: "drop-upload", afterBytes: 2 * MIB, operation: "UploadPart", times: 3 },
  ],
  ["loses the reply to a part", LARGE, { kind: "lost-reply", operation: "UploadPart" }],
  [
    "refuses a completion with 503",
    LARGE,
    { kind: "status", status: 503, operation: "CompleteMultipartUpload", times: 2 },
  ],
  [
    "loses the reply to a completion",
    LARGE,
    { kind: "lost-reply", operation: "CompleteMultipartUpload" },
  ],
];

describe("a server that", () => {
  test.each(passing)("%s does not keep a file from being stored", async (_, data, fault) => {
    const name = newName();
    const armed = await weather.sandbox.addFault({ ...fault, key: name });
    await createWhole(weather.tree, name, data);
    await expectStored(name, data);
    expect(await armed.metCount()).toBe(fault.times ?? 1);
  });

  test("thinks for a while before it completes an upload is waited for", async () => {
    const name = newName();
    await weather.sandbox.turn({ completeKeepAliveMs: 1_500 });
    await createWhole(weather.tree, name, LARGE);
    await weather.sandbox.turn({ completeKeepAliveMs: 0 });
    await expectStored(name, LARGE);
  });
});

const failing: readonly (readonly [string, string, Uint8Array, Fault])[] = [
  [
    "refuses every PUT with 503",
    "EIO",
    SMALL,
    { kind: "status", status: 503, operation: "PutObject" },
  ],
  ["denies PUTs", "EACCES", SMALL, { kind: "status", status: 403, operation: "PutObject" }],
  [
    "refuses to begin an upload",
    "EIO",
    LARGE,
    { kind: "status", status: 500, operation: "CreateMultipartUpload" },
  ],
  ["refuses parts", "EIO", LARGE, { kind: "status", status: 503, operation: "UploadPart" }],
  [
    "refuses the last part",
    "EIO",
    LARGE,
    { kind: "status", status: 503, operation: "UploadPart", after: 2 },
  ],
  [
    "refuses completion",
    "EIO",
    LARGE,
    { kind: "status", status: 500, operation: "CompleteMultipartUpload" },
  ],
  [
    "resets every part",
    "EIO",
    LARGE,
    { kind: "drop-upload", afterBytes: MIB, operation: "UploadPart" },
  ],
];

describe("a server that for good", () => {
  test.each(failing)(
    "%s: %s in the write or the close, and nothing is left",
    async (_, code, data, fault) => {
      const name = newName();
      const armed = await weather.sandbox.addFault({ ...fault, key: name, times: ALWAYS });
      const file = await weather.tree.open(name, O_NEW);
      const write = await outcomeOf(writeOn(file, data));
      // A failure that a write has told may or may not be told again.
      const close = await outcomeOf(file.close());
      expect(write === "success" ? close : write).toBe(code);
      await expectNothing(name);
      await armed.remove();
      await createWhole(weather.tree, name, data);
      await expectStored(name, data);
    },
  );

  test.each([
    ["small", SMALL],
    ["large", LARGE],
  ] as const)(
    "refuses to store a %s file: fsync fails with EIO, and so does close",
    async (_, data) => {
      const name = newName();
      for (const operation of ["PutObject", "CompleteMultipartUpload"]) {
        await weather.sandbox.addFault({
          kind: "status",
          status: 503,
          operation,
          key: name,
          times: ALWAYS,
        });
      }
      const file = await weather.tree.open(name, O_NEW);
      await writeOn(file, data);
      await expectErrno("EIO", file.sync());
      await expectErrno("EIO", file.write(Buffer.alloc(1), data.length));
      await expectErrno("EIO", file.close());
      await expectNothing(name);
    },
  );
});

test("an object that somebody else makes meanwhile is not overwritten unawares", async () => {
  const name = newName();
  await weather.tree.mkdir("made-here");
  const file = await weather.tree.open(`made-here/${name}`, O_NEW);
  await file.write(SMALL, 0);
  await weather.bucket.put(`made-here/${name}`, "somebody else's");
  const outcome = await outcomeOf(file.close());
  const stored = await weather.bucket.get(`made-here/${name}`);
  if (outcome === "success") expectBytes(stored ?? SMALL.subarray(1), SMALL);
  else expect([outcome, stored?.toString()]).toEqual(["EEXIST", "somebody else's"]);
});
