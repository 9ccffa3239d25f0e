/** A directory of many pages, read through a kernel mount while several pages are asked for at one time. */

import { mkdirSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { sorted } from "../rigs/bytes.ts";
import { Child, run } from "../rigs/child.ts";
import { environmentFor, mountCommand } from "../rigs/mount-process.ts";
import { SandboxProcess } from "../rigs/sandbox-process.ts";
import { Scratch } from "../rigs/scratch.ts";

const BUCKET = "test-bucket";
const PAGE_KEYS = 100;
const FILES = 3000;
const PAGES = FILES / PAGE_KEYS;
/** Much longer than the reader needs for a page. */
const FIRST_BYTE_MS = 100;

const scratch = new Scratch();
let sandbox: SandboxProcess;
let mount: Child;
let directory: string;
let files: string[];
/** Where pages end or begin: a directory, one that hides a file, and one that only this mount has. */
const others = [`${numbered(1499)}-d`, numbered(999), numbered(1600), `${numbered(1999)}.here`];

function numbered(index: number): string {
  return `n-${String(index).padStart(6, "0")}`;
}

beforeAll(async () => {
  sandbox = await SandboxProcess.start();
  await new BucketView(clientOf(sandbox.endpoint), BUCKET).create();
  files = Array.from({ length: FILES }, (_, index) => numbered(index));
  const keys = [...files, ...others.slice(0, 3).map((name) => `${name}/file`)];
  await sandbox.store(
    BUCKET,
    keys.map((key) => ({ key: `many/${key}`, sizeBytes: 1 })),
  );
  const root = scratch.makeDirectory("mount");
  const request = { endpoint: sandbox.endpoint, bucket: BUCKET, directory: root };
  const command = mountCommand({ ...request, args: ["--foreground"] });
  mount = new Child(process.execPath, command, {
    env: { ...environmentFor(sandbox.endpoint), AWS_MAX_ATTEMPTS: "1" },
  });
  await mount.waitForOutput(/ is mounted at .*\n/);
  directory = join(root, "many");
  mkdirSync(join(directory, others[3] ?? ""));
  await sandbox.turn({ maxKeysPerPage: PAGE_KEYS, firstByteMs: FIRST_BYTE_MS });
});

afterAll(async () => {
  await run("umount", [join(directory, "..")]);
  expect(await mount.exitWithin(30_000)).toMatchObject({ code: 0 });
  await sandbox.stop();
  await scratch.close();
});

function expected(): readonly string[] {
  return sorted([...new Set([...files, ...others])]);
}

test("shows every name once, though pages are asked for from several names on", async () => {
  await sandbox.clearRequests();
  const names = await readdir(directory);
  expect(names).toHaveLength(expected().length);
  expect(sorted(names)).toEqual(expected());
  const lists = await sandbox.requests();
  expect(lists.length).toBeLessThan(PAGES + 20);
  const guessed = lists.filter(({ query }) => query.includes("start-after="));
  expect(guessed.length).toBeGreaterThan(3);
});

test("is whole again once a server that failed has recovered", async () => {
  // Among the pages that are asked for at one time.
  const fault = { kind: "status", status: 500, operation: "ListObjectsV2" } as const;
  const armed = await sandbox.addFault({ ...fault, after: 10, times: 4 });
  const outcomes: (readonly string[])[] = [];
  for (let attempt = 0; attempt < 5 && outcomes.length === 0; attempt++) {
    await readdir(directory).then(
      (names) => outcomes.push(sorted(names)),
      (error: unknown) => expect(error).toMatchObject({ code: "EIO" }),
    );
  }
  expect(await armed.metCount()).toBe(4);
  expect(outcomes).toEqual([expected()]);
});

test("shows every name to readers at one time", async () => {
  const results = await Promise.all([1, 2, 3].map(() => readdir(directory)));
  for (const names of results) expect(sorted(names)).toEqual(expected());
});
