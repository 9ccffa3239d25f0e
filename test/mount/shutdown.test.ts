/** The end of a mount, asked for or not: what was acknowledged is stored, and nothing half is. */

import { constants } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findMount } from "../../src/base/mountinfo.ts";
import { MIB } from "../../src/base/sizes.ts";
import { pattern, sha256 } from "../rigs/bytes.ts";
import { Child, run, succeed } from "../rigs/child.ts";
import { MountProcess } from "../rigs/mount-process.ts";
import { processesSeeing } from "../rigs/namespaces.ts";
import { testAsRoot } from "../rigs/root.ts";
import { createWhole, readOn, writeOn } from "../scenarios/whole-file.ts";
import { Weather } from "./weather.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const LARGE = pattern(901, 20 * MIB + 7);
const EXIT_TIMEOUT_MS = 20_000;

let weather: Weather;

beforeEach(async () => {
  weather = await Weather.start();
});

afterEach(async () => {
  await weather.close();
});

async function contentOf(key: string): Promise<string> {
  const stored = await weather.bucket.get(key);
  return stored === undefined ? "no object" : sha256(stored);
}

test.each(["SIGINT", "SIGTERM"] as const)("%s unmounts and ends with 0", async (signal) => {
  await weather.bucket.put("file", "content");
  expect((await weather.tree.stat("file")).sizeBytes).toBe(7);
  weather.mount.child.signal(signal);
  expect((await weather.mount.child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
  expect(weather.scratch.mounts()).toEqual([]);
});

test("SIGTERM while a close is on its way: it ends well, and the file is stored", async () => {
  await weather.sandbox.addFault({ kind: "slow", ms: 1_500, operation: "CompleteMultipartUpload" });
  const closing = createWhole(weather.tree, "file", LARGE);
  await expect
    .poll(async () => (await weather.sandbox.requests()).at(-1)?.operation)
    .toBe("CompleteMultipartUpload");
  weather.mount.child.signal("SIGTERM");
  expect((await weather.mount.child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
  // The descriptor outlives its mount: its close may learn nothing any more.
  await closing.catch(() => {});
  expect(await contentOf("file")).toBe(sha256(LARGE));
});

test("SIGTERM stores a file that a child closed and that waits for its owner", async () => {
  const file = await weather.tree.open("file", O_NEW);
  await file.write(Buffer.from("content"), 0);
  await file.closeCopyOfChild();
  weather.mount.child.signal("SIGTERM");
  expect((await weather.mount.child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
  await file.close().catch(() => {});
  expect((await weather.bucket.get("file"))?.toString()).toBe("content");
});

test("SIGTERM stores an empty file that was just made", async () => {
  await createWhole(weather.tree, "empty", Buffer.alloc(0));
  weather.mount.child.signal("SIGTERM");
  expect((await weather.mount.child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
  expect(await weather.bucket.sizeOf("empty")).toBe(0);
});

test("SIGTERM in the middle of a write leaves the whole of what was written, or nothing", async () => {
  const file = await weather.tree.open("file", O_NEW);
  await writeOn(file, LARGE);
  weather.mount.child.signal("SIGTERM");
  await weather.mount.child.exitWithin(EXIT_TIMEOUT_MS);
  await file.close().catch(() => {});
  expect(["no object", sha256(LARGE)]).toContain(await contentOf("file"));
  expect(await weather.bucket.uploads()).toEqual([]);
});

test("a mount with an open file is busy; detached, it serves the writer to the end", async () => {
  const file = await weather.tree.open("file", O_NEW);
  await writeOn(file, LARGE.subarray(0, 10 * MIB));
  expect((await run("umount", [weather.mount.directory])).stderr).toContain("busy");
  await succeed("umount", ["-l", weather.mount.directory]);
  await writeOn(file, LARGE.subarray(10 * MIB), { offset: 10 * MIB });
  await file.close();
  expect(await contentOf("file")).toBe(sha256(LARGE));
  expect((await weather.mount.child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
});

test("the next mount at the directory stays, though the process of the last one still stores", async () => {
  const { sandbox, bucket, mount } = weather;
  await sandbox.addFault({ kind: "slow", ms: 2_000, operation: "PutObject", key: "empty" });
  // A file whose last writer was a child is stored when its owner closes it, or at the end.
  await succeed("sh", ["-c", `: > "${mount.directory}/empty"`]);
  await succeed("umount", [mount.directory]);
  // As a rule the kernel gives it the number of the device that was.
  const { directory } = mount;
  const request = { endpoint: sandbox.endpoint, bucket: bucket.name, directory };
  const next = await MountProcess.start(request);
  await mount.ended();
  expect((await weather.tree.stat("empty")).sizeBytes).toBe(0);
  await next.stop();
});

testAsRoot("aborting a connection")(
  "a mount whose connection is aborted ends, and is not left behind dead",
  async () => {
    const { mount, scratch } = weather;
    await weather.tree.readdir("");
    const [, minor = ""] = findMount(mount.directory)?.device.split(":") ?? [];
    const control = scratch.makeDirectory("control");
    const script = 'mount -t fusectl none "$1" && echo 1 > "$1/$2/abort"';
    await succeed("unshare", ["--mount", "sh", "-ec", script, "sh", control, minor]);
    await mount.child.exitWithin(EXIT_TIMEOUT_MS);
    expect(scratch.mounts()).toEqual([]);
  },
);

testAsRoot("mounts in other namespaces")(
  "a mount that a container has of its own serves it to its end, and ends behind it",
  async () => {
    await weather.bucket.put("file", "content");
    const { child, directory } = weather.mount;
    const device = findMount(directory)?.device ?? "";
    const script = 'echo there; read -r line; cat "$1/file"';
    const container = new Child(
      "unshare",
      ["--mount", "--propagation", "private", "sh", "-c", script, "sh", directory],
      { stdio: ["pipe", "pipe", "pipe"] },
    );
    await container.waitForOutput(/there/);
    await succeed("umount", [directory]);
    expect(weather.scratch.mounts()).toEqual([]);
    expect(processesSeeing(device)).toContain(container.pid);
    expect(child.running).toBe(true);
    container.process.stdin?.end("\n");
    expect((await container.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
    expect(container.stdout).toBe("there\ncontent");
    expect((await child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
  },
);

test("kill -9 in the middle of an upload leaves no object, and readers an error", async () => {
  await weather.bucket.put("read", LARGE);
  const reader = await weather.tree.open("read", constants.O_RDONLY);
  const file = await weather.tree.open("file", O_NEW);
  await writeOn(file, LARGE);
  await expect.poll(() => weather.bucket.uploads()).toEqual(["file"]);
  await weather.mount.kill();
  await expect(file.write(Buffer.alloc(1), LARGE.length)).rejects.toThrow();
  await expect(readOn(reader)).rejects.toThrow();
  await file.close().catch(() => {});
  await reader.close().catch(() => {});
  expect(await contentOf("file")).toBe("no object");
  expect(await weather.bucket.keys()).toEqual(["read"]);
  // Nobody was left to abort it; a lifecycle rule of the bucket would.
  await weather.bucket.abortUploads();
});
