/**
 * mount(8) and /etc/fstab: the program as the helper that they start. Needs root, as mount(8) does, and
 * puts a link into /sbin for as long as the tests run, under a type of file system of its own.
 */

import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { run, succeed } from "../rigs/child.ts";
import { environmentFor } from "../rigs/mount-process.ts";
import { commandLine } from "../rigs/paths.ts";
import { testAsRoot } from "../rigs/root.ts";
import { startGround } from "./ground.ts";

const BUCKET = "test-bucket";
const TYPE = `mount-s3-ts-test-${process.pid}`;
const HELPER = `/sbin/mount.${TYPE}`;

const rootTest = testAsRoot("mount(8)");

const { scratch, sandbox, bucket } = await startGround({ "a, b/file": "content" }, BUCKET);

beforeAll(async () => {
  symlinkSync(commandLine, HELPER);
});

afterAll(async () => {
  rmSync(HELPER, { force: true });
});

function options(more: string): string {
  return `region=us-east-1,endpoint-url=${sandbox.endpoint.url},force-path-style,_netdev,${more}`;
}

function mount(...args: readonly string[]) {
  return run("mount", args, { env: environmentFor(sandbox.endpoint) });
}

async function optionsAt(directory: string): Promise<readonly string[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  const fields = lines.find((line) => line.split(" ")[4] === directory)?.split(" ") ?? [];
  return fields[5]?.split(",") ?? [];
}

async function unmount(directory: string): Promise<void> {
  await succeed("umount", [directory]);
  await expect.poll(() => scratch.processes()).toEqual([]);
}

rootTest("mount -t mounts in the background, with the options behind -o", async () => {
  const directory = scratch.makeDirectory("mount");
  const list = options(String.raw`ro,noauto,user,x-systemd.automount,prefix=a\, b/`);
  const { code, stdout, stderr } = await mount("-t", TYPE, BUCKET, directory, "-o", list);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe(`prefix a, b/ of bucket ${BUCKET} is mounted at ${directory}\n`);
  expect(await succeed("cat", [join(directory, "file")])).toBe("content");
  expect(await optionsAt(directory)).toEqual(expect.arrayContaining(["ro", "noexec", "nosuid"]));
  await unmount(directory);
});

rootTest("a line of fstab mounts, and its options hold", async () => {
  const directory = scratch.makeDirectory("mount");
  const fstab = join(scratch.makeDirectory("etc"), "fstab");
  const list = options("noauto,nofail,uid=1234,file-mode=0640,allow-delete");
  const uri = String.raw`s3://${BUCKET}/a,\040b/`;
  writeFileSync(fstab, `${uri} ${directory} ${TYPE} ${list} 0 0\n`);
  expect(await mount("--fstab", fstab, directory)).toMatchObject({ code: 0, stderr: "" });
  const file = join(directory, "file");
  expect(await succeed("stat", ["-c", "%u %a", file])).toBe("1234 640\n");
  await succeed("rm", [file]);
  expect(await bucket.get("a, b/file")).toBeUndefined();
  expect(await optionsAt(directory)).toEqual(expect.arrayContaining(["rw", "nodev"]));
  await unmount(directory);
});

rootTest("mount -f only looks at the words", async () => {
  const directory = scratch.makeDirectory("mount");
  const args = ["-f", "-t", TYPE, BUCKET, directory, "-o"];
  expect(await mount(...args, options("rw"))).toMatchObject({ code: 0, stdout: "", stderr: "" });
  expect(scratch.mounts()).toEqual([]);
  const { code, stderr } = await mount(...args, options("alow-delete"));
  expect(code).toBe(2);
  expect(stderr).toMatch(/^mount-s3-ts: unknown option --alow-delete: did you mean/);
});

rootTest("what fails is told by the helper, and mount(8) fails", async () => {
  const directory = scratch.makeDirectory("mount");
  const { code, stderr } = await mount(
    "-t",
    TYPE,
    "no-such-bucket",
    directory,
    "-o",
    options("rw"),
  );
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/^mount-s3-ts: .*no-such-bucket/);
  expect(scratch.mounts()).toEqual([]);
});
