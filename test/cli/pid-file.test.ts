/** The file with the id of the serving process. */

import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { claimPidFile } from "../../src/cli/pid-file.ts";
import { Scratch } from "../rigs/scratch.ts";

const scratch = new Scratch();
let directory = "";
let path = "";

beforeEach(() => {
  directory = scratch.makeDirectory("run");
  path = join(directory, "mount.pid");
});

afterAll(() => scratch.close());

test("is readable by all while it is there, and nothing else is left", () => {
  const before = process.umask(0o077);
  const release = claimPidFile(path);
  process.umask(before);
  expect(readFileSync(path, "utf8")).toBe(`${process.pid}\n`);
  expect(statSync(path).mode & 0o777).toBe(0o644);
  expect(readdirSync(directory)).toEqual(["mount.pid"]);
  release();
  expect(readdirSync(directory)).toEqual([]);
});

test("takes the place of an older one, and of a link whose target stays as it is", () => {
  writeFileSync(path, "1\n");
  claimPidFile(path);
  expect(readFileSync(path, "utf8")).toBe(`${process.pid}\n`);

  const target = join(directory, "precious");
  const link = join(directory, "link.pid");
  writeFileSync(target, "kept");
  symlinkSync(target, link);
  const release = claimPidFile(link);
  expect(readFileSync(link, "utf8")).toBe(`${process.pid}\n`);
  release();
  expect(readFileSync(target, "utf8")).toBe("kept");
});

test("is left to whoever wrote it last", () => {
  const release = claimPidFile(path);
  writeFileSync(path, "1\n");
  release();
  expect(readFileSync(path, "utf8")).toBe("1\n");
});

test("that cannot be written is named", () => {
  expect(() => claimPidFile("/proc/mount.pid")).toThrow(
    /^the PID file \/proc\/mount\.pid cannot be written: .*: name a file in a directory/,
  );
});
