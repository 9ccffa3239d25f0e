/** Mounts by the second back end, from its start to every kind of end, and what it needs to start. */

import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { type FileHandle, open, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { ESTALE } from "../../src/base/errno.ts";
import { MIB } from "../../src/base/sizes.ts";
import { expectBytes, pattern } from "../rigs/bytes.ts";
import { Child, run, succeed } from "../rigs/child.ts";
import { expectRefusal } from "../rigs/command-run.ts";
import { environmentFor, MountProcess, mountCommand } from "../rigs/mount-process.ts";
import { commandLine, repository } from "../rigs/paths.ts";
import { testAsRoot } from "../rigs/root.ts";
import { startGround } from "./ground.ts";

const BACKEND = "--fuse-backend=fuse-native";
const EXIT_TIMEOUT_MS = 20_000;
const LARGE = pattern(902, 20 * MIB + 7);

const rootTest = testAsRoot(
  "machines without libfuse 2, and directories that only root mounts over",
);

const { scratch, sandbox, bucket } = await startGround({ "photos/cat": "meow", large: LARGE });

// Every test unmounts what it mounts, so nothing may run between tests.
afterEach(async () => {
  await expect.poll(() => scratch.processes()).toEqual([]);
  expect(scratch.mounts()).toEqual([]);
});

function request(directory: string, args: readonly string[] = []) {
  const { endpoint } = sandbox;
  return { endpoint, bucket: bucket.name, directory, args: [BACKEND, ...args] };
}

async function mountInForeground(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<MountProcess> {
  return MountProcess.start({ ...request(scratch.makeDirectory("mount"), args), env });
}

test.each(["SIGINT", "SIGTERM"] as const)("%s unmounts and ends with 0", async (signal) => {
  const mount = await mountInForeground();
  expect(await readFile(join(mount.directory, "photos/cat"), "utf8")).toBe("meow");
  mount.child.signal(signal);
  expect((await mount.child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
});

test("an unmount from outside ends it with 0, and nothing is left", async () => {
  const mount = await mountInForeground(["--debug"]);
  expect(await readdir(mount.directory)).toEqual(["large", "photos"]);
  await writeFile(join(mount.directory, "written"), "from the mount");
  expect((await bucket.get("written"))?.toString()).toBe("from the mount");
  await bucket.delete("written");
  await mount.stop();
  expect(mount.child.stdout).toMatch(
    /left at the end: .*"pendingRequests":0,"keptInodes":0,"handles":0,"directoryHandles":0,"inodes":0/,
  );
});

test("in the background the command returns, and the daemon ends with the mount", async () => {
  const directory = scratch.makeDirectory("mount");
  const env = environmentFor(sandbox.endpoint);
  const printed = await succeed(process.execPath, mountCommand(request(directory)), { env });
  expect(printed).toBe(`bucket ${bucket.name} is mounted at ${directory}\n`);
  expect(await readFile(join(directory, "photos/cat"), "utf8")).toBe("meow");
  await succeed("fusermount3", ["-u", directory]);
});

test("what is read and written by many at once arrives whole", async () => {
  const mount = await mountInForeground();
  const numbers = Array.from({ length: 24 }, (_, index) => index);
  await Promise.all(
    numbers.map(async (number) => {
      const path = join(mount.directory, `many-${number}`);
      await writeFile(path, LARGE.subarray(number, number + 6 * MIB));
      expectBytes(await readFile(path), LARGE.subarray(number, number + 6 * MIB));
      expectBytes(await readFile(join(mount.directory, "large")), LARGE);
    }),
  );
  await mount.stop();
  for (const number of numbers) await bucket.delete(`many-${number}`);
}, 60_000);

test("two versions of one object are never mixed, though libfuse takes them for one file", async () => {
  const [before, after] = [pattern(903, 20 * MIB), pattern(904, 9 * MIB)];
  await bucket.put("replaced", before);
  const mount = await mountInForeground();
  const path = join(mount.directory, "replaced");
  const old = await open(path);
  expect((await old.read(Buffer.alloc(MIB), 0, MIB, 0)).bytesRead).toBe(MIB);
  await bucket.put("replaced", after);
  // Longer than what was seen of the old one may be believed.
  await expect.poll(async () => (await stat(path)).size).toBe(after.length);
  expectBytes(await readFile(path), after);
  const rest: Buffer[] = [];
  const outcome = await readOn(old, rest).catch((error: NodeJS.ErrnoException) => error.errno);
  expect(outcome).toBe(-ESTALE);
  expect(Buffer.concat(rest).equals(before.subarray(0, Buffer.concat(rest).length))).toBe(true);
  await old.close();
  await mount.stop();
  await bucket.delete("replaced");
});

/** Reads from the start into `pieces`. */
async function readOn(file: FileHandle, pieces: Buffer[]): Promise<string> {
  for (let offset = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MIB), 0, MIB, offset);
    if (bytesRead === 0) return "end of file";
    pieces.push(buffer.subarray(0, bytesRead));
    offset += bytesRead;
  }
}

test("kill -9 leaves a dead mount, which --auto-unmount clears", async () => {
  const dead = await mountInForeground();
  dead.child.signal("SIGKILL");
  await dead.child.exited;
  await expect(stat(dead.directory)).rejects.toMatchObject({ code: "ENOTCONN" });
  await succeed("umount", ["-l", dead.directory]);

  const guarded = await mountInForeground(["--auto-unmount"]);
  guarded.child.signal("SIGKILL");
  await guarded.child.exited;
  await expect.poll(() => scratch.mounts()).toEqual([]);
});

test("a mount that is detached serves whoever has a file open, to the end", async () => {
  const mount = await mountInForeground();
  const path = join(mount.directory, "detached");
  const file = await open(path, "wx");
  // Nothing is written before: to start a program closes its copies of descriptors, and who closes
  // what fuse-native does not tell.
  await succeed("umount", ["-l", mount.directory]);
  await file.write(LARGE, 0, LARGE.length, 0);
  await file.close();
  expectBytes(await bucket.get("detached"), LARGE);
  expect((await mount.child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
  await bucket.delete("detached");
});

test("without the addon, everything goes its way", async () => {
  const empty = scratch.makeDirectory("no-prebuilds");
  const mount = await mountInForeground([], { MOUNT_S3_TS_PREBUILD: empty });
  expectBytes(await readFile(join(mount.directory, "large")), LARGE);
  await writeFile(join(mount.directory, "written"), LARGE);
  expectBytes(await bucket.get("written"), LARGE);
  await mount.stop();
  await bucket.delete("written");
});

test("without the addon, it mounts in the background, is listed and is unmounted", async () => {
  const directory = scratch.makeDirectory("mount");
  const syslog = join(scratch.makeDirectory("syslog"), "log");
  writeFileSync(syslog, "");
  const env = {
    ...environmentFor(sandbox.endpoint),
    MOUNT_S3_TS_PREBUILD: scratch.makeDirectory("no-prebuilds"),
    MOUNT_S3_TS_SYSLOG: syslog,
  };
  const words = mountCommand(request(directory, ["--debug"]));
  const mounted = await run(process.execPath, words, { env });
  expect(mounted).toMatchObject({ code: 0, stderr: expect.stringContaining("--log-directory") });
  const listed = await succeed(process.execPath, [commandLine, "list"], { env });
  expect(listed).toContain(`${directory} `);
  const inside = await open(directory);
  const unmounting = new Child(process.execPath, [commandLine, "unmount", directory], { env });
  await expect.poll(() => unmounting.stderr).toContain("is busy");
  await inside.close();
  expect((await unmounting.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
  expect(unmounting.stdout).toBe(`${directory} is unmounted\n`);
});

test("without the addon, the other back end names this one as a way out", async () => {
  const { args: _, ...plain } = request(scratch.makeDirectory("mount"));
  const empty = scratch.makeDirectory("no-prebuilds");
  await expectRefusal(
    scratch,
    {
      args: mountCommand(plain),
      env: { ...environmentFor(sandbox.endpoint), MOUNT_S3_TS_PREBUILD: empty },
    },
    { status: 1, says: [/native addon/, "--fuse-backend fuse-native"] },
  );
});

/** Runs the mount with `source` in the place of `target`, for it alone. */
async function expectRefusalWith(
  source: string,
  target: string,
  says: readonly (string | RegExp)[],
) {
  const script = `mount --bind "${source}" "${target}"\nexec "$@"`;
  const command = mountCommand(request(scratch.makeDirectory("mount")));
  await expectRefusal(
    scratch,
    {
      command: "unshare",
      args: ["--mount", "sh", "-ec", script, "sh", process.execPath, ...command],
      env: environmentFor(sandbox.endpoint),
    },
    { status: 1, says },
  );
}

rootTest("without the package, one message says what to install", async () => {
  const empty = scratch.makeDirectory("empty");
  await expectRefusalWith(empty, join(repository, "node_modules/fuse-native"), [
    "npm install fuse-native@2.2.6",
    "apt-get install -y libfuse2",
  ]);
});

rootTest("without libfuse 2, one message says what to install", async () => {
  const cache = await succeed("/sbin/ldconfig", ["-p"]);
  const library = /libfuse\.so\.2 .*=> (.*)/.exec(cache)?.[1] ?? "";
  const broken = join(scratch.makeDirectory("broken"), "libfuse.so.2");
  writeFileSync(broken, "");
  await expectRefusalWith(broken, realpathSync(library), [
    "libfuse 2 is not installed",
    "apt-get install -y libfuse2",
  ]);
});

test("an inherited descriptor is refused, since libfuse 2 mounts by itself", async () => {
  const directory = "/dev/fd/3";
  const args = mountCommand(request(directory));
  const script = 'exec 3<> /dev/fuse; exec "$@"';
  await expectRefusal(
    scratch,
    {
      command: "sh",
      args: ["-c", script, "sh", process.execPath, ...args],
      env: environmentFor(sandbox.endpoint),
    },
    { status: 1, says: [directory, "--fuse-backend native"] },
  );
});

rootTest("root mounts over a directory with something in it", async () => {
  const directory = scratch.makeDirectory("mount");
  mkdirSync(join(directory, "below"));
  const mount = await MountProcess.start(request(directory));
  expect(await readdir(directory)).toEqual(["large", "photos"]);
  await mount.stop();
  expect(await readdir(directory)).toEqual(["below"]);
});

test("df and mount show what it is", async () => {
  const mount = await mountInForeground(["--read-only"]);
  const line = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .find((text) => text.includes(mount.directory));
  expect(line).toMatch(/^mount-s3-ts \S+ fuse\.mount-s3-ts ro,nosuid,nodev,noatime,/);
  await expect(writeFile(join(mount.directory, "new"), "")).rejects.toMatchObject({
    code: "EROFS",
  });
  await mount.stop();
});
