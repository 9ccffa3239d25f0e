/** Where the log of a mount goes, in what form, and that the mount does not depend on it. */

import { constants, existsSync } from "node:fs";
import { readdir, readFile, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { run, succeed } from "../rigs/child.ts";
import { DatagramReceiver } from "../rigs/datagram-receiver.ts";
import { KernelTree } from "../rigs/kernel-tree.ts";
import { environmentFor, MountProcess, mountCommand } from "../rigs/mount-process.ts";
import { testAsRoot } from "../rigs/root.ts";
import { expectErrno, outcomeOf } from "../scenarios/scenario.ts";
import { startGround } from "./ground.ts";

const { scratch, sandbox, bucket } = await startGround({ file: "content" });

afterEach(async () => {
  await expect.poll(() => scratch.processes()).toEqual([]);
});

interface Wishes {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

async function mountInForeground({ args = [], env = {} }: Wishes = {}): Promise<MountProcess> {
  const directory = scratch.makeDirectory("mount");
  return MountProcess.start({
    endpoint: sandbox.endpoint,
    bucket: bucket.name,
    directory,
    args,
    env,
  });
}

/** Mounts in the background; resolves with the directory and what the command printed as errors. */
async function mountInBackground({ args = [], env = {} }: Wishes) {
  const directory = scratch.makeDirectory("mount");
  const words = mountCommand({ endpoint: sandbox.endpoint, bucket: bucket.name, directory, args });
  const options = { env: { ...environmentFor(sandbox.endpoint), ...env } };
  const { code, stderr } = await run(process.execPath, words, options);
  expect(code).toBe(0);
  return { directory, stderr };
}

test("in the background the log is the system's, under our name", async () => {
  const path = join(scratch.makeDirectory("syslog"), "log");
  const log = await DatagramReceiver.start(path);
  log.read();
  const { directory, stderr } = await mountInBackground({ env: { MOUNT_S3_TS_SYSLOG: path } });
  expect(stderr).toBe("");
  await expectErrno("EPERM", new KernelTree(directory).unlink("file"));
  await succeed("umount", [directory]);
  await log.waitFor(/is unmounted$/);
  const stamp = String.raw`[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d mount-s3-ts\[\d+\]: `;
  expect(log.messages).toEqual([
    expect.stringMatching(`^<14>${stamp}INFO cli: bucket ${bucket.name} is mounted at `),
    expect.stringMatching(
      `^<12>${stamp}WARN fs: unlink of "file" fails with EPERM: .*--allow-delete$`,
    ),
    expect.stringMatching(`^<14>${stamp}INFO cli: unmounted from outside: `),
    expect.stringMatching(`^<14>${stamp}INFO cli: ${directory} is unmounted$`),
  ]);
  await log.stop();
});

test("where there is no system log a mount works, and says so with --debug", async () => {
  const nowhere = join(scratch.makeDirectory("syslog"), "log");
  const env = { MOUNT_S3_TS_SYSLOG: nowhere };
  for (const args of [[], ["--debug"]]) {
    const { directory, stderr } = await mountInBackground({ args, env });
    expect(stderr).toBe(
      args.length === 0
        ? ""
        : `mount-s3-ts: there is no system log at ${nowhere}: nothing is logged until there is; --log-directory makes a log file\n`,
    );
    expect(await readFile(join(directory, "file"), "utf8")).toBe("content");
    await succeed("umount", [directory]);
    await expect.poll(() => scratch.processes()).toEqual([]);
  }
});

test("as JSON each line is an object with what a program looks for", async () => {
  const logs = join(scratch.directory, "json-logs");
  const args = ["--log-directory", logs, "--log-format", "json", "--debug"];
  const { directory } = await mountInBackground({ args });
  const armed = await sandbox.addFault({
    kind: "status",
    status: 403,
    operation: "PutObject",
    times: Number.POSITIVE_INFINITY,
  });
  expect(await outcomeOf(writeFile(join(directory, "a\n\u001b"), "content"))).toBe("EACCES");
  await armed.remove();
  expect(await readFile(join(directory, "file"), "utf8")).toBe("content");
  await succeed("umount", [directory]);
  await expect.poll(() => scratch.processes()).toEqual([]);

  const [name = ""] = await readdir(logs);
  const text = await readFile(join(logs, name), "utf8");
  const lines = text.trimEnd().split("\n");
  const objects: Record<string, unknown>[] = lines.map((line) => JSON.parse(line));
  for (const object of objects) {
    expect(object).toMatchObject({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      level: expect.stringMatching(/^(?:debug|info|warn|error)$/),
      target: expect.any(String),
      message: expect.any(String),
    });
  }
  expect(objects.find(({ level }) => level === "warn")).toMatchObject({
    target: "fs",
    operation: "close",
    key: "a\n\u001b",
    errno: "EACCES",
    s3Operation: "PutObject",
    status: 403,
    code: "AccessDenied",
    requestId: expect.any(String),
    extendedRequestId: expect.any(String),
    message: expect.stringContaining("s3:PutObject"),
  });
  expect(objects.find(({ operation }) => operation === "GetObject")).toMatchObject({
    level: "debug",
    target: "s3",
    method: "GET",
    key: "file",
    status: 200,
    ms: expect.any(Number),
    requestId: expect.any(String),
  });
  expect(text).toContain("got credentials from the environment: the access key that ends in");
});

test("SIGUSR2 goes through the verbosities, while the mount serves", async () => {
  const mount = await mountInForeground({ env: { MOUNTPOINT_LOG: "error" } });
  const { child, directory } = mount;
  const quiet = child.stdout;
  expect(quiet).toBe(`bucket ${bucket.name} is mounted at ${directory}\n`);

  async function nextVerbosity(expected: string): Promise<string> {
    const before = child.stdout.length;
    child.signal("SIGUSR2");
    await expect.poll(() => child.stdout.slice(before)).toContain(`verbosity is ${expected} now\n`);
    expect(await readFile(join(directory, "file"), "utf8")).toBe("content");
    await expectErrno("ENOENT", new KernelTree(directory).stat(`absent-${before}`));
    return child.stdout.slice(before);
  }

  await nextVerbosity("debug,wire=off");
  await child.waitForOutput(/DEBUG s3: GetObject "file"/);
  await nextVerbosity("debug");
  expect(child.stdout).not.toContain("TRACE");
  await nextVerbosity("trace,wire=off");
  await child.waitForOutput(/TRACE fuse: open #\d+ from \d+\n/);
  await nextVerbosity("trace");
  const silent = await nextVerbosity("error");
  expect(silent.split("now\n")[1]).toBe("");
  await mount.stop();
});

test("SIGUSR2 does the same to a mount in the background", async () => {
  const logs = join(scratch.directory, "signal-logs");
  const { directory } = await mountInBackground({ args: ["--log-directory", logs] });
  const [pid, ...others] = scratch.processes();
  if (pid === undefined) throw new Error("there is no daemon");
  expect(others).toEqual([]);
  process.kill(pid, "SIGUSR2");
  const [name = ""] = await readdir(logs);
  const text = (): Promise<string> => readFile(join(logs, name), "utf8");
  await expect.poll(text).toContain("verbosity is debug,wire=off now");
  expect(await readFile(join(directory, "file"), "utf8")).toBe("content");
  await expect.poll(text).toMatch(/DEBUG s3: GetObject "file": HTTP 200 in \d+ ms, request \w+/);
  await succeed("umount", [directory]);
});

test("with --debug-crt requests and connections are told", async () => {
  const mount = await mountInForeground({ args: ["--debug-crt"] });
  expect(await readFile(join(mount.directory, "file"), "utf8")).toBe("content");
  await mount.child.waitForOutput(/DEBUG wire: connected to http:\/\/127\.0\.0\.1:\d+: 1 open/);
  await mount.child.waitForOutput(/DEBUG s3: GetObject "file"/);
  expect(mount.child.stdout).not.toContain("DEBUG fs:");
  await mount.stop();
});

/** What is told of values. */
const HISTOGRAM = /n=\d+: min=\d+ p10=\d+ p50=\d+ avg=[\d.]+ p90=\d+ p99=\d+ p99\.9=\d+ max=\d+/;

/** Lines of metrics, without what every line of the log begins with. */
function metricsLines(output: string): string[] {
  return output.split("\n").flatMap((line) => / INFO metrics: (.*)/.exec(line)?.[1] ?? []);
}

test.each([
  ["--log-metrics", { args: ["--log-metrics"] }],
  ["a directive", { env: { MOUNTPOINT_LOG: "warn,mountpoint_s3_fs::metrics=info" } }],
])(
  "with %s what was measured is told while the mount serves, and at its end",
  async (_, wishes) => {
    const mount = await mountInForeground(wishes);
    const { child, directory } = mount;
    expect(await readFile(join(directory, "file"), "utf8")).toBe("content");
    await child.waitForOutput(/ metrics: fuse\.io_size/);
    await child.waitForOutput(/ metrics: s3\.request_total_latency\[s3_request=GetObject\].*\n/);
    await child.waitForOutput(
      / metrics: s3\.request_total_latency\[s3_request=ListObjectsV2\].*\n/,
    );
    const first = metricsLines(child.stdout);
    expect(first).toContainEqual(
      expect.stringMatching(/^fuse\.io_size\[fuse_request=read\]: n=1: min=7 .* max=7$/),
    );
    expect(first).toContain("fuse.total_bytes[fuse_request=read]: 7");
    for (const start of [
      "fuse.request_latency[fuse_request=lookup]: ",
      "fuse.request_latency[fuse_request=read]: ",
      "s3.request_first_byte_latency[s3_request=GetObject]: ",
      "s3.request_total_latency[s3_request=ListObjectsV2]: ",
    ]) {
      const line = first.find((text) => text.startsWith(start));
      expect(line?.slice(start.length), start).toMatch(HISTOGRAM);
    }
    expect(first).toContainEqual("s3.request_count[s3_request=GetObject]: 1");
    expect(first).toContainEqual(expect.stringMatching(/^process\.memory_usage: \d{7,}$/));
    expect(first.some((line) => line.startsWith("fuse.request_errors"))).toBe(false);

    await expectErrno("ENOENT", new KernelTree(directory).stat("absent"));
    await mount.stop();
    const last = metricsLines(child.stdout).slice(first.length);
    expect(last).toContain("fuse.request_errors[fuse_request=lookup]: 1");
    expect(last.some((line) => line.startsWith("fuse.io_size"))).toBe(false);
  },
);

test("without --log-metrics nothing is measured, however much is logged", async () => {
  const mount = await mountInForeground({ env: { MOUNTPOINT_LOG: "trace" } });
  expect(await readFile(join(mount.directory, "file"), "utf8")).toBe("content");
  await mount.stop();
  expect(mount.child.stdout).toContain("DEBUG s3: GetObject");
  expect(metricsLines(mount.child.stdout)).toEqual([]);
});

test("--no-log and directives that want nothing leave standard output to the one line", async () => {
  for (const wishes of [{ args: ["--no-log"] }, { env: { MOUNTPOINT_LOG: "off" } }]) {
    const mount = await mountInForeground(wishes);
    await expectErrno("EPERM", new KernelTree(mount.directory).unlink("file"));
    await mount.stop();
    expect(mount.child.stdout).toBe(`bucket ${bucket.name} is mounted at ${mount.directory}\n`);
  }
});

test.each([
  ["the foreground", ["-f"]],
  ["the background", []],
])("in %s a directive that is none is an error of the command line", async (_, args) => {
  const directory = scratch.makeDirectory("mount");
  const words = mountCommand({
    endpoint: sandbox.endpoint,
    bucket: bucket.name,
    directory,
    args,
  });
  const env = { ...environmentFor(sandbox.endpoint), MOUNTPOINT_LOG: "info,s3=loud" };
  const { code, stderr, stdout } = await run(process.execPath, words, { env });
  expect(code).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain('MOUNTPOINT_LOG is "info,s3=loud"');
  expect(stderr).toContain('there is no level "loud"');
  expect(scratch.mounts()).toEqual([]);
});

testAsRoot("a full disk")(
  "a log directory whose disk is full harms nothing but the log",
  async () => {
    const logs = scratch.makeDirectory("full");
    await succeed("mount", ["-t", "tmpfs", "-o", "size=1m", "none", logs]);
    const { directory } = await mountInBackground({
      args: ["--log-directory", logs, "--allow-overwrite", "--allow-delete"],
      env: { MOUNTPOINT_LOG: "trace" },
    });
    const free = async (): Promise<number> => (await statfs(logs)).bavail;
    const tree = new KernelTree(directory);
    for (let count = 0; (await free()) > 0; count++) {
      await Promise.all(
        Array.from({ length: 20 }, (_, n) => outcomeOf(tree.stat(`x${count}-${n}`))),
      );
    }
    for (let count = 0; count < 20; count++) {
      const path = join(directory, `written-${count}`);
      await writeFile(path, `content ${count}`);
      expect(await readFile(path, "utf8")).toBe(`content ${count}`);
      await tree.unlink(`written-${count}`);
    }
    await succeed("umount", [directory]);
    await expect.poll(() => scratch.processes()).toEqual([]);
    await succeed("umount", [logs]);
  },
  60_000,
);

test("a log file is appended to, so that it can be cut while the mount runs", async () => {
  const logs = join(scratch.directory, "cut-logs");
  const { directory } = await mountInBackground({ args: ["--log-directory", logs] });
  const [name = ""] = await readdir(logs);
  const path = join(logs, name);
  await expect.poll(() => readFile(path, "utf8")).toContain("is mounted at");
  await writeFile(path, "", { flag: constants.O_WRONLY | constants.O_TRUNC });
  await expectErrno("EPERM", new KernelTree(directory).unlink("file"));
  await expect.poll(() => readFile(path, "utf8")).toMatch(/^\S+Z WARN fs: unlink of "file"/);
  await succeed("umount", [directory]);
  expect(existsSync(path)).toBe(true);
});
