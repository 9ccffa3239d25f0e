/** The commands `list` and `unmount`, on mounts that live, are busy, lose data, or are dead. */

import { readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { ownIdentity } from "../../src/cli/mounts/process-identity.ts";
import { readRecords, type StoredRecord } from "../../src/cli/mounts/record.ts";
import { Child, type Finished, run, succeed } from "../rigs/child.ts";
import { environmentFor, MountProcess, mountCommand } from "../rigs/mount-process.ts";
import { commandLine } from "../rigs/paths.ts";
import { FOR_OTHERS, isRoot } from "../rigs/root.ts";
import { startGround } from "./ground.ts";

const BUCKET = "test-bucket";
const EXIT_TIMEOUT_MS = 20_000;

const { scratch, sandbox, bucket } = await startGround({ "photos/cat": "meow" }, BUCKET);
/** Where programs of this user keep what they know of their mounts. */
const records = join(isRoot ? "/run" : scratch.makeDirectory("runtime"), "mount-s3-ts");

afterEach(async () => {
  await expect.poll(() => scratch.processes()).toEqual([]);
  expect(scratch.mounts()).toEqual([]);
});

function environment(): NodeJS.ProcessEnv {
  return { ...environmentFor(sandbox.endpoint), XDG_RUNTIME_DIR: dirname(records) };
}

async function mount(args: readonly string[] = []): Promise<string> {
  const directory = scratch.makeDirectory("mount");
  const command = mountCommand({ endpoint: sandbox.endpoint, bucket: BUCKET, directory, args });
  await succeed(process.execPath, command, { env: environment() });
  return directory;
}

function program(args: readonly string[], cwd = "/"): Promise<Finished> {
  const env = environment();
  return run(process.execPath, [commandLine, ...args], { env, cwd });
}

interface Listed {
  readonly directory: string;
  readonly state: string;
}

/** What `list --json` says of `directory`. */
async function listed(directory: string): Promise<Listed | undefined> {
  const { code, stdout } = await program(["list", "--json"]);
  expect(code).toBe(0);
  const entries: readonly Listed[] = JSON.parse(stdout);
  return entries.find((entry) => entry.directory === directory);
}

async function lineOf(directory: string): Promise<string | undefined> {
  const { stdout } = await program(["list"]);
  return stdout.split("\n").find((line) => line.startsWith(`${directory} `));
}

/** The record of the mount at `directory`, among those of other tests, which come and go. */
function recordOf(directory: string): StoredRecord {
  const found = readRecords(process.getuid?.() ?? 0, environment()).find(
    (record) => record.directory === directory,
  );
  if (found === undefined) throw new Error(`there is no record of ${directory}`);
  return found;
}

function daemon(): number {
  // Beside it, there may be whoever uses the mount.
  const serving = scratch.processes().filter((pid) => {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("mount-s3-ts ");
  });
  expect(serving).toHaveLength(1);
  return serving[0] ?? 0;
}

/** Starts a shell that works in `directory` until it is let go. */
async function workIn(directory: string): Promise<Child> {
  const child = new Child("sh", ["-c", "echo there; read -r line"], {
    cwd: directory,
    stdio: ["pipe", "pipe", "pipe"],
  });
  await child.waitForOutput(/there\n/);
  return child;
}

describe("list", () => {
  test("shows what is mounted where, how, by which process and since when", async () => {
    const before = Date.now();
    const directory = await mount(["--prefix=photos/", "--read-only", ...FOR_OTHERS]);
    const entry = await listed(directory);
    expect(entry).toEqual({
      directory,
      state: "serving",
      readOnly: true,
      bucket: BUCKET,
      prefix: "photos/",
      since: expect.stringMatching(/^\d{4}-.*Z$/),
      pid: daemon(),
      options: [`--endpoint-url=${sandbox.endpoint.url}`, "--region=us-east-1", ...FOR_OTHERS],
    });
    const since = Date.parse(String(Reflect.get(entry ?? {}, "since")));
    expect(since).toBeGreaterThanOrEqual(before);
    expect(since).toBeLessThanOrEqual(Date.now());
    expect(await lineOf(directory)).toMatch(
      new RegExp(`s3://${BUCKET}/photos/ +read-only +20.* ${daemon()} .*${FOR_OTHERS.join()}`),
    );
    expect(await program(["unmount", directory])).toMatchObject({ code: 0, stderr: "" });
    expect(await listed(directory)).toBeUndefined();
  });

  test("shows what is mounted in the foreground, too", async () => {
    const directory = scratch.makeDirectory("mount");
    const env = { XDG_RUNTIME_DIR: dirname(records) };
    const request = { endpoint: sandbox.endpoint, bucket: BUCKET, directory, env };
    const mounted = await MountProcess.start(request);
    expect(await listed(directory)).toMatchObject({ state: "serving", pid: mounted.child.pid });
    await mounted.stop();
    expect(await listed(directory)).toBeUndefined();
  });

  test("knows a mount without its record, but less of it", async () => {
    const directory = await mount();
    rmSync(recordOf(directory).path);
    // Whoever had the device before, in another test, may just be ending.
    await expect
      .poll(() => listed(directory))
      .toMatchObject({ state: "unseen", bucket: null, pid: null });
    expect(await lineOf(directory)).toMatch(/ - +unseen/);
    const { code, stdout } = await program(["unmount", directory]);
    expect(code).toBe(0);
    expect(stdout).toContain("cannot be seen from here");
  });

  test("keeps its records to the user", async () => {
    const directory = await mount();
    expect(await succeed("stat", ["-c", "%a", records])).toBe("700\n");
    const modes = await succeed("sh", ["-c", `stat -c %a ${records}/*.json | sort -u`]);
    expect(modes).toBe("600\n");
    const text = readFileSync(recordOf(directory).path, "utf8");
    expect(text).not.toContain(sandbox.endpoint.secretAccessKey);
    await program(["unmount", directory]);
  });
});

describe("unmount", () => {
  test("waits until what was written is stored", async () => {
    const directory = await mount();
    await sandbox.addFault({ kind: "slow", ms: 1500, operation: "PutObject" });
    // A file whose last writer was a child is stored when its owner closes it, or at the end.
    await succeed("sh", ["-c", `: > "${directory}/empty"`]);
    const { code, stdout } = await program(["unmount", directory]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${directory} is unmounted\n` });
    expect(scratch.processes()).toEqual([]);
    expect(await bucket.sizeOf("empty")).toBe(0);
    await bucket.delete("empty");
  });

  test("by a relative path, through a link, from inside", async () => {
    const first = await mount();
    const link = join(scratch.makeDirectory("links"), "link");
    symlinkSync(first, link);
    expect(await program(["unmount", link])).toMatchObject({
      code: 0,
      stdout: `${first} is unmounted\n`,
    });
    const second = await mount();
    const script = `cd "$1" && exec "$2" "$3" unmount .`;
    const words = ["-c", script, "sh", second, process.execPath, commandLine];
    expect(await succeed("sh", words, { env: environment() })).toBe(`${second} is unmounted\n`);
  });

  test("says who keeps it busy, and unmounts as soon as they are gone", async () => {
    const directory = await mount();
    const worker = await workIn(join(directory, "photos"));
    const reader = new Child("tail", ["-f", join(directory, "photos/cat")]);
    await reader.waitForOutput(/meow/);
    const unmounting = new Child(process.execPath, [commandLine, "unmount", directory], {
      env: environment(),
    });
    await expect.poll(() => unmounting.stderr).toContain("\n");
    expect(unmounting.stderr).toContain(`${directory} is busy: `);
    expect(unmounting.stderr).toContain(`process ${worker.pid} (sh) works in it`);
    expect(unmounting.stderr).toContain(
      `process ${reader.pid} (tail) has ${directory}/photos/cat open`,
    );
    expect(unmounting.stderr).toContain("waiting up to 30 s");
    reader.signal("SIGTERM");
    worker.process.stdin?.end("go\n");
    await Promise.all([reader.exited, worker.exited]);
    expect((await unmounting.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
    expect(unmounting.stdout).toBe(`${directory} is unmounted\n`);
  });

  test("detaches what stays busy, and its writer goes on to the end", async () => {
    const directory = await mount();
    const writer = new Child(
      "sh",
      ["-c", `exec > "$1"; echo one; read -r line; echo two`, "sh", join(directory, "late")],
      {
        stdio: ["pipe", "pipe", "pipe"],
      },
    );
    await expect.poll(() => readdirSync(directory)).toContain("late");
    const { code, stdout, stderr } = await program(["unmount", directory, "--timeout", "0"]);
    expect(code).toBe(0);
    expect(stderr).toContain(`process ${writer.pid} (sh) has ${directory}/late open`);
    expect(stdout).toContain(`${directory} is detached; process ${daemon()} serves`);
    expect(await listed(directory)).toMatchObject({ state: "detached", pid: daemon() });
    writer.process.stdin?.end("go\n");
    await writer.exited;
    expect((await bucket.get("late"))?.toString()).toBe("one\ntwo\n");
    await bucket.delete("late");
  });

  test("--lazy waits for nobody", async () => {
    const directory = await mount();
    const worker = await workIn(directory);
    expect(await program(["unmount", "--lazy", directory])).toMatchObject({ code: 0, stderr: "" });
    expect(scratch.mounts()).toEqual([]);
    worker.process.stdin?.end("go\n");
    await worker.exited;
  });

  test("tells when something could not be stored", async () => {
    const directory = await mount(["--upload-timeout=1"]);
    const fault = await sandbox.addFault({
      kind: "hang",
      operation: "PutObject",
      times: Number.POSITIVE_INFINITY,
    });
    await succeed("sh", ["-c", `: > "${directory}/lost"`]);
    const { code, stderr } = await program(["unmount", directory]);
    await fault.remove();
    expect(code).toBe(1);
    expect(stderr).toContain("1 of the files written there could not be stored");
    expect(await bucket.keys()).toEqual(["photos/cat"]);
  });

  test("clears a dead mount at once, busy or not", async () => {
    const directory = await mount();
    const worker = await workIn(directory);
    process.kill(daemon(), "SIGKILL");
    await expect.poll(() => scratch.processes()).toEqual([]);
    // What the kernel has just dropped fails differently from what comes later.
    const failure = () => readFile(join(directory, "photos/cat")).catch(({ code }) => code);
    await expect.poll(failure).toBe("ENOTCONN");
    expect(await listed(directory)).toMatchObject({ state: "dead", bucket: BUCKET, pid: null });
    expect(await lineOf(directory)).toContain(`mount-s3-ts unmount ${directory}`);
    expect(await program(["unmount", directory])).toMatchObject({
      code: 0,
      stdout: `${directory} was a dead mount and is cleared\n`,
    });
    worker.process.stdin?.end("go\n");
    await worker.exited;
    expect(await listed(directory)).toBeUndefined();
  });

  test("a dead mount is told from one that had its device before and is still ending", async () => {
    const directory = await mount();
    process.kill(daemon(), "SIGKILL");
    await expect.poll(() => scratch.processes()).toEqual([]);
    const earlier = join(records, `earlier.${process.pid}.json`);
    const record = { ...recordOf(directory), directory: "/elsewhere", server: ownIdentity() };
    const write = (since: string) =>
      writeFileSync(earlier, JSON.stringify({ ...record, since }), { mode: 0o600 });
    try {
      write("2026-01-01T00:00:00.000Z");
      expect(await listed(directory)).toMatchObject({ state: "dead", bucket: BUCKET });
      // The next mount of this device, at two places.
      write("9999-01-01T00:00:00.000Z");
      expect(await listed(directory)).toMatchObject({ state: "serving", pid: process.pid });
    } finally {
      rmSync(earlier);
    }
    expect((await program(["unmount", directory])).code).toBe(0);
  });

  test("a dead mount is known without its record", async () => {
    const directory = await mount();
    process.kill(daemon(), "SIGKILL");
    rmSync(recordOf(directory).path);
    await expect.poll(() => scratch.processes()).toEqual([]);
    // As above.
    await expect.poll(() => listed(directory)).toMatchObject({ state: "dead", bucket: null });
    expect((await program(["unmount", directory])).code).toBe(0);
  });

  test("refuses what is not ours, and what is not mounted, in one line", async () => {
    const foreign = await program(["unmount", "/proc"]);
    expect(foreign).toMatchObject({ code: 1, stdout: "" });
    expect(foreign.stderr).toMatch(/^mount-s3-ts: cannot unmount \/proc: .* of type proc: .*\n$/);
    const missing = await program(["unmount", "missing"], scratch.directory);
    expect(missing).toMatchObject({ code: 1, stdout: "" });
    expect(missing.stderr).toContain(`${scratch.directory}/missing: nothing is mounted there`);
  });
});
