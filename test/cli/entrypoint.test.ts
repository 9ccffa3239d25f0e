/** What the entrypoint of the image calls the program with; test/container/ has the image itself. */

import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../rigs/child.ts";
import { Scratch } from "../rigs/scratch.ts";

let scratch: Scratch;

beforeAll(() => {
  scratch = new Scratch();
  const program = join(scratch.directory, "mount-s3-ts");
  writeFileSync(program, '#!/bin/sh\nprintf "<%s>" "$@"\n');
  chmodSync(program, 0o755);
});

afterAll(() => scratch.close());

async function called(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const path = `${scratch.directory}:${process.env["PATH"]}`;
  return run("sh", ["container/entrypoint.sh", ...args], { env: { PATH: path, ...env } });
}

test.each([
  [["bucket", "/a b", "--read-only"], "<bucket></a b><--read-only><--foreground>"],
  [["bucket", "/mnt", "-f", "--debug"], "<bucket></mnt><-f><--debug>"],
  [["--foreground", "bucket", "/mnt"], "<--foreground><bucket></mnt>"],
  [["exec", "bucket", "/mnt", "--", "tail", "-f"], "<exec><bucket></mnt><--><tail><-f>"],
  [["doctor"], "<doctor>"],
])("%j", async (args, expected) => {
  expect(await called(args)).toMatchObject({ code: 0, stdout: expected });
});

test("without arguments, what the variables say", async () => {
  const directory = join(scratch.directory, "made");
  const MOUNT_S3_OPTIONS = "ro,region=r";
  const env = { MOUNT_S3_BUCKET: "b", MOUNT_S3_DIRECTORY: directory, MOUNT_S3_OPTIONS };
  const { stdout } = await called([], env);
  expect(stdout).toBe(`<b><${directory}><-o><ro,region=r><--foreground>`);
  expect(await called([])).toMatchObject({ code: 2, stdout: "" });
});
