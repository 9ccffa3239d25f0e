/** A mount in the background: the command returns when it answers, and the daemon ends with it. */

import { readdirSync, readFileSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { run, succeed } from "../rigs/child.ts";
import { environmentFor, mountCommand } from "../rigs/mount-process.ts";
import { startGround } from "./ground.ts";

const { scratch, sandbox, bucket } = await startGround({ "photos/cat": "meow" });

// Every test unmounts what it mounts, so nothing may run between tests.
afterEach(async () => {
  await expect.poll(() => scratch.processes()).toEqual([]);
  expect(scratch.mounts()).toEqual([]);
});

/** Mounts as a person does, and returns what was printed. */
async function mountAt(
  directory: string,
  { name = bucket.name, args = [] }: { name?: string; args?: readonly string[] } = {},
): Promise<string> {
  const command = mountCommand({ endpoint: sandbox.endpoint, bucket: name, directory, args });
  return succeed(process.execPath, command, { env: environmentFor(sandbox.endpoint) });
}

/** The one process that serves `directory`. */
function daemonOf(directory: string): number {
  // Beside it, there may be a fusermount3 that waits for its end.
  const serving = scratch.processes().filter((pid) => {
    const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return line.startsWith("mount-s3-ts") && line.includes(directory);
  });
  expect(serving).toHaveLength(1);
  return serving[0] ?? 0;
}

test("the command prints one line and returns; the mount works; umount ends the daemon", async () => {
  const directory = scratch.makeDirectory("mount");
  expect(await mountAt(directory)).toBe(`bucket ${bucket.name} is mounted at ${directory}\n`);
  expect(await readFile(join(directory, "photos/cat"), "utf8")).toBe("meow");
  await writeFile(join(directory, "written"), "from the mount");
  expect((await bucket.get("written"))?.toString()).toBe("from the mount");
  await bucket.delete("written");
  await succeed("umount", [directory]);
});

test("a prefix is named in the line, and is the root of the mount", async () => {
  const directory = scratch.makeDirectory("mount");
  expect(await mountAt(directory, { args: ["--prefix=photos/"] })).toBe(
    `prefix photos/ of bucket ${bucket.name} is mounted at ${directory}\n`,
  );
  expect(await readdir(directory)).toEqual(["cat"]);
  await succeed("umount", [directory]);
  const uri = `s3://${bucket.name}/photos/`;
  expect(await mountAt(directory, { name: uri })).toContain("prefix photos/ of bucket");
  expect(await readdir(directory)).toEqual(["cat"]);
  await succeed("umount", [directory]);
});

test("fusermount3 -u ends the daemon, too", async () => {
  const directory = scratch.makeDirectory("mount");
  await mountAt(directory);
  await succeed("fusermount3", ["-u", directory]);
});

test.each(["SIGINT", "SIGTERM"] as const)("%s to the daemon unmounts", async (signal) => {
  const directory = scratch.makeDirectory("mount");
  await mountAt(directory);
  process.kill(daemonOf(directory), signal);
  await expect.poll(() => scratch.mounts()).toEqual([]);
});

test("one bucket is mounted twice, and each mount sees what the other wrote", async () => {
  const [one, two] = [scratch.makeDirectory("mount"), scratch.makeDirectory("mount")];
  await mountAt(one);
  await mountAt(two);
  await writeFile(join(one, "shared"), "from one");
  expect(await readFile(join(two, "shared"), "utf8")).toBe("from one");
  await succeed("umount", [one, two]);
  await bucket.delete("shared");
});

test("a directory with a space and a name that is not ASCII can be mounted at", async () => {
  const directory = scratch.makeDirectory("mönt point");
  expect(await mountAt(directory)).toBe(`bucket ${bucket.name} is mounted at ${directory}\n`);
  expect(await readdir(directory)).toEqual(["photos"]);
  await succeed("umount", [directory]);
});

test("--log-directory holds the log, without a secret", async () => {
  const directory = scratch.makeDirectory("mount");
  const logs = scratch.makeDirectory("logs");
  await mountAt(directory, { args: ["--log-directory", logs, "--debug"] });
  expect((await run("rm", ["-f", join(directory, "photos/cat")])).stderr).toContain(
    "not permitted",
  );
  await succeed("umount", [directory]);
  await expect.poll(() => scratch.processes()).toEqual([]);
  const names = readdirSync(logs);
  expect(names).toHaveLength(1);
  const text = readFileSync(join(logs, names[0] ?? ""), "utf8");
  expect(text).toContain(`bucket ${bucket.name} is mounted at ${directory}`);
  expect(text).toMatch(/photos\/cat.*--allow-delete/);
  expect(text).not.toContain(sandbox.endpoint.secretAccessKey);
});

test("--auto-unmount clears the mount of a daemon that was killed", async () => {
  const directory = scratch.makeDirectory("mount");
  await mountAt(directory, { args: ["--auto-unmount"] });
  expect(await readdir(directory)).toEqual(["photos"]);
  process.kill(daemonOf(directory), "SIGKILL");
  await expect.poll(() => scratch.mounts()).toEqual([]);
});
