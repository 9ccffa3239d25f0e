/** A mount at /dev/fd/N: the test mounts, as a supervisor would, and passes the descriptor on. */

import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { addon } from "../../src/native/index.ts";
import { Child, succeed } from "../rigs/child.ts";
import { mountCommand, optionsFor } from "../rigs/mount-process.ts";
import { testAsRoot } from "../rigs/root.ts";
import { startGround } from "./ground.ts";

const [MS_NOSUID, MS_NODEV] = [2, 4];
const EXIT_TIMEOUT_MS = 20_000;
/** As no other process has it in its command line. */
const BUCKET = `passed-device-${process.pid}`;

const rootTest = testAsRoot("devices that were mounted with mount(2)");

const { scratch, sandbox, bucket } = await startGround({ file: "content" }, BUCKET);

function openDevice(): number {
  const fd = addon().openDevice();
  expect(fd).toBeGreaterThanOrEqual(0);
  return fd;
}

/** Mounts, and returns the directory, which nobody may touch before it is served. */
function mountDevice(fd: number): string {
  const directory = scratch.makeDirectory("mount");
  const data = `fd=${fd},rootmode=40000,user_id=0,group_id=0,default_permissions`;
  expect(addon().mount("passed", directory, "fuse", MS_NOSUID | MS_NODEV, data)).toBe(0);
  return directory;
}

/** Starts the program with `fd` as its descriptor `number`. */
function start(fd: number | "pipe", number: number, args: readonly string[] = []): Child {
  const request = {
    endpoint: sandbox.endpoint,
    bucket: BUCKET,
    directory: `/dev/fd/${number}`,
    args,
  };
  const stdio: (number | "ignore" | "pipe")[] = ["ignore", "pipe", "pipe"];
  while (stdio.length < number) stdio.push("ignore");
  stdio.push(fd);
  return new Child(process.execPath, mountCommand(request), { ...optionsFor(request), stdio });
}

function daemons(): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(BUCKET);
    } catch {
      return false;
    }
  });
}

rootTest("in the foreground, it is served until it is unmounted", async () => {
  const device = openDevice();
  const directory = mountDevice(device);
  const child = start(device, 3, ["-f"]);
  closeSync(device);
  await child.waitForOutput(/ is mounted at .*\n/);
  expect(child.stdout).toContain(`bucket ${BUCKET} is mounted at /dev/fd/3\n`);
  expect(await readFile(join(directory, "file"), "utf8")).toBe("content");
  await writeFile(join(directory, "new"), "written");
  expect((await bucket.get("new"))?.toString()).toBe("written");
  await succeed("umount", [directory]);
  expect((await child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
});

rootTest.each([3, 4, 9])(
  "in the background, the daemon takes over descriptor %d",
  async (number) => {
    const device = openDevice();
    const directory = mountDevice(device);
    const child = start(device, number);
    closeSync(device);
    expect(await child.exitWithin(EXIT_TIMEOUT_MS), child.stderr).toMatchObject({ code: 0 });
    expect(child.stdout).toBe(`bucket ${BUCKET} is mounted at /dev/fd/${number}\n`);
    expect(await readFile(join(directory, "file"), "utf8")).toBe("content");
    expect(daemons()).toHaveLength(1);
    await succeed("umount", [directory]);
    await expect.poll(daemons, { timeout: EXIT_TIMEOUT_MS }).toEqual([]);
  },
);

rootTest("SIGTERM ends it with 0, and leaves unmounting to whoever mounted", async () => {
  const device = openDevice();
  const directory = mountDevice(device);
  const child = start(device, 3, ["-f"]);
  closeSync(device);
  await child.waitForOutput(/ is mounted at .*\n/);
  child.signal("SIGTERM");
  expect((await child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
  expect(scratch.mounts()).toEqual([directory]);
  await expect(readFile(join(directory, "file"))).rejects.toMatchObject({ code: "ENOTCONN" });
  await succeed("umount", [directory]);
});

describe("is refused", () => {
  async function refusal(child: Child): Promise<string> {
    expect((await child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(1);
    expect(child.stdout).toBe("");
    expect(child.stderr).toMatch(/^mount-s3-ts: [^\n]+\n$/);
    expect(daemons()).toEqual([]);
    return child.stderr;
  }

  test.each([["-f"], []])("a pipe (%s)", async (...args) => {
    const message = await refusal(start("pipe", 3, args));
    // What Node makes as a pipe is a pair of sockets.
    expect(message).toContain(
      "expected mount point /dev/fd/3 to be a file descriptor of /dev/fuse",
    );
    expect(message).toContain("but got a socket");
  });

  test("a plain file, which is named", async () => {
    const fd = openSync("package.json", "r");
    const child = start(fd, 3);
    closeSync(fd);
    expect(await refusal(child)).toMatch(/of \/dev\/fuse, but got \/.*package\.json/);
  });

  test("a number that is not open", async () => {
    const request = {
      endpoint: sandbox.endpoint,
      bucket: BUCKET,
      directory: "/dev/fd/1000000",
    };
    const child = new Child(process.execPath, mountCommand(request), optionsFor(request));
    expect(await refusal(child)).toContain("/dev/fd/1000000 is not a valid file descriptor");
  });

  test.each([["-f"], []])("a device that nobody has mounted (%s)", async (...args) => {
    const device = openDevice();
    const child = start(device, 3, args);
    closeSync(device);
    expect(await refusal(child)).toContain(
      "mount point /dev/fd/3 has not been mounted: call mount(2)",
    );
  });
});
