/** The program from outside: what it prints where, how it exits, and how the daemon lives and dies. */

import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mountInBackground } from "../../src/cli/background.ts";
import { parseCommand } from "../../src/cli/command.ts";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { Child, run, succeed } from "../rigs/child.ts";
import { environmentFor, mountCommand, optionsFor } from "../rigs/mount-process.ts";
import { commandLine } from "../rigs/paths.ts";
import { SandboxProcess } from "../rigs/sandbox-process.ts";
import { Scratch } from "../rigs/scratch.ts";

const BUCKET = "test-bucket";

let scratch: Scratch;
let sandbox: SandboxProcess;
/** Takes connections and never answers. */
let mute: Server;
let muteEndpoint = "";

beforeAll(async () => {
  scratch = new Scratch();
  sandbox = await SandboxProcess.start();
  await new BucketView(clientOf(sandbox.endpoint), BUCKET).create();
  mute = createServer();
  mute.listen(0, "127.0.0.1");
  await once(mute, "listening");
  muteEndpoint = `http://127.0.0.1:${(mute.address() as AddressInfo).port}`;
});

afterAll(async () => {
  mute.close();
  await sandbox.stop();
  await scratch.close();
});

function program(...args: readonly string[]) {
  return run(process.execPath, [commandLine, ...args], {
    env: environmentFor(sandbox.endpoint),
    cwd: scratch.directory,
  });
}

function daemonGone(): Promise<void> {
  return expect.poll(() => scratch.processes()).toEqual([]);
}

describe("output and exit status", () => {
  test("the help goes to standard output", async () => {
    const { code, stdout, stderr } = await program("--help");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^Usage: mount-s3-ts BUCKET DIRECTORY/);
  });

  test("a command whose output nobody reads does its work", async () => {
    const env = environmentFor(sandbox.endpoint);
    const server = [`--endpoint-url=${sandbox.endpoint.url}`, "--force-path-style"];
    const words = [commandLine, "doctor", BUCKET, "--region=us-east-1", ...server];
    const child = new Child(process.execPath, words, { env });
    child.process.stdout?.destroy();
    expect((await child.exitWithin(20_000)).code).toBe(0);
    expect(child.stderr).toBe("");
  });

  test("it works where its directory was removed", async () => {
    const script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$@"';
    const words = ["-c", script, process.execPath, commandLine, "list"];
    const finished = await run("sh", words, {
      env: environmentFor(sandbox.endpoint),
      cwd: scratch.directory,
    });
    expect(finished).toMatchObject({ code: 0, stderr: "" });
  });

  test("the version is the package's", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(await program("-V")).toMatchObject({ code: 0, stdout: `mount-s3-ts ${version}\n` });
  });

  test("a usage error is one line on standard error, and status 2", async () => {
    expect(await program("bucket")).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/^mount-s3-ts: no directory [^\n]+\n$/),
    });
  });

  test("a failure is one line on standard error, and status 1", async () => {
    expect(await program("bucket", "missing")).toMatchObject({
      code: 1,
      stdout: "",
      stderr: `mount-s3-ts: mount point ${scratch.directory}/missing does not exist: create it first (mkdir -p ${scratch.directory}/missing)\n`,
    });
  });

  test("a directory on which anything is mounted is refused", async () => {
    const { code, stderr } = await program("bucket", "/proc");
    expect(code).toBe(1);
    expect(stderr).toContain("mount point /proc is already mounted");
  });
});

describe("in the background", () => {
  test("a mount outlives its command, shows its name and logs until it is unmounted", async () => {
    const directory = scratch.makeDirectory("mount");
    const logs = join(scratch.directory, "new", "logs");
    const request = { endpoint: sandbox.endpoint, bucket: BUCKET, directory };
    const printed = await succeed(
      process.execPath,
      mountCommand({ ...request, args: ["--log-directory", logs] }),
      optionsFor(request),
    );
    expect(printed).toBe(`bucket ${BUCKET} is mounted at ${directory}\n`);

    const [daemon = 0, ...others] = scratch.processes();
    expect(others).toEqual([]);
    const title = readFileSync(`/proc/${daemon}/cmdline`, "utf8").replaceAll("\0", "");
    expect(title).toBe(`mount-s3-ts ${BUCKET} ${directory}`);
    expect(readFileSync(`/proc/${daemon}/environ`, "utf8")).not.toContain("--endpoint-url");

    await succeed("umount", [directory]);
    await daemonGone();
    const [log = "", ...moreLogs] = readdirSync(logs);
    expect(moreLogs).toEqual([]);
    const lines = readFileSync(join(logs, log), "utf8");
    expect(lines).toContain(` INFO cli: bucket ${BUCKET} is mounted at ${directory}\n`);
    expect(lines).toContain(` INFO cli: ${directory} is unmounted\n`);
    expect(lines).not.toContain(sandbox.endpoint.secretAccessKey);
  });

  test("SIGTERM to the daemon unmounts", async () => {
    const directory = scratch.makeDirectory("mount");
    const request = { endpoint: sandbox.endpoint, bucket: BUCKET, directory };
    await succeed(process.execPath, mountCommand(request), optionsFor(request));
    for (const pid of scratch.processes()) process.kill(pid, "SIGTERM");
    await daemonGone();
    expect(scratch.mounts()).toEqual([]);
  });

  test("a daemon that does not answer in time is ended, with nothing left", async () => {
    const directory = scratch.makeDirectory("mount");
    const args = [BUCKET, directory, "--endpoint-url", muteEndpoint, "--force-path-style"];
    const command = parseCommand(args, { workingDirectory: "/", uid: 0, gid: 0 });
    if (command.kind !== "mount") throw new Error(`parsed as ${command.kind}`);
    const mounting = mountInBackground(command, {
      environment: environmentFor(sandbox.endpoint),
      readyTimeoutMs: 1000,
    });
    await expect(mounting).rejects.toThrow(
      "timeout after 1 seconds while waiting for the mount process to be ready",
    );
    expect(scratch.processes()).toEqual([]);
    expect(scratch.mounts()).toEqual([]);
  });

  /** Starts a mount that hangs; resolves when both its processes are there. */
  async function startHanging(): Promise<Child> {
    const directory = scratch.makeDirectory("mount");
    const endpoint = { ...sandbox.endpoint, url: muteEndpoint };
    const connected = once(mute, "connection");
    const request = { endpoint, bucket: BUCKET, directory };
    const child = new Child(process.execPath, mountCommand(request), optionsFor(request));
    await connected;
    return child;
  }

  test("Ctrl-C while the command waits ends the daemon too", async () => {
    const child = await startHanging();
    child.signal("SIGINT");
    const { code } = await child.exitWithin(10_000);
    expect(code).toBe(1);
    expect(child.stderr).toContain("got SIGINT before the mount was ready");
    expect(scratch.processes()).toEqual([]);
  });

  test("a daemon whose command was killed before the answer ends by itself", async () => {
    const child = await startHanging();
    child.signal("SIGKILL");
    await child.exited;
    await daemonGone();
    expect(scratch.mounts()).toEqual([]);
  });
});

describe("in the foreground", () => {
  test("the log is on standard output, behind the line that says what is mounted", async () => {
    const directory = scratch.makeDirectory("mount");
    const request = { endpoint: sandbox.endpoint, bucket: BUCKET, directory, args: ["-f"] };
    const child = new Child(process.execPath, mountCommand(request), optionsFor(request));
    await child.waitForOutput(/ INFO .* is mounted at .*\n/);
    expect(child.stdout).toContain(`bucket ${BUCKET} is mounted at ${directory}\n`);
    child.signal("SIGTERM");
    expect((await child.exitWithin(20_000)).code).toBe(0);
    expect(child.stdout).toContain(`got SIGTERM: unmounting ${directory}`);
    expect(scratch.mounts()).toEqual([]);
  });

  test("it lives on when nobody reads its output any more", async () => {
    const directory = scratch.makeDirectory("mount");
    const request = { endpoint: sandbox.endpoint, bucket: BUCKET, directory, args: ["-f"] };
    const child = new Child(process.execPath, mountCommand(request), optionsFor(request));
    child.process.stdout?.destroy();
    await expect.poll(() => scratch.mounts()).toEqual([directory]);
    expect(readdirSync(directory)).toEqual([]);
    child.signal("SIGTERM");
    expect((await child.exitWithin(20_000)).code).toBe(0);
    expect(child.stderr).toBe("");
  });

  test("--no-log leaves only that line", async () => {
    const directory = scratch.makeDirectory("mount");
    const args = ["-f", "--no-log", "--prefix", "a/"];
    const request = { endpoint: sandbox.endpoint, bucket: BUCKET, directory, args };
    const child = new Child(process.execPath, mountCommand(request), optionsFor(request));
    await child.waitForOutput(/ is mounted at .*\n/);
    await succeed("umount", [directory]);
    expect((await child.exitWithin(20_000)).code).toBe(0);
    expect(child.stdout).toBe(`prefix a/ of bucket ${BUCKET} is mounted at ${directory}\n`);
  });
});

describe("the sandbox", () => {
  test("says how to use it, works like that, and ends with Ctrl-C", async () => {
    const args = [commandLine, "sandbox", "--bucket", "one-bucket"];
    const child = new Child(process.execPath, args, {
      env: { PATH: process.env["PATH"] },
    });
    await child.waitForOutput(/Ctrl-C ends it\.\n/);
    const exported = Object.fromEntries(
      [...child.stdout.matchAll(/export (\w+)=(.*)/g)].map(([, name, value]) => [name, value]),
    );
    const view = new BucketView(
      clientOf({
        url: String(exported["AWS_ENDPOINT_URL"]),
        accessKeyId: String(exported["AWS_ACCESS_KEY_ID"]),
        secretAccessKey: String(exported["AWS_SECRET_ACCESS_KEY"]),
      }),
      "one-bucket",
    );
    await view.put("key", "content");
    expect((await view.get("key"))?.toString()).toBe("content");
    child.signal("SIGINT");
    expect((await child.exitWithin(10_000)).code).toBe(0);
  });

  test("takes its keys from the environment and does not print them", async () => {
    const child = new Child(process.execPath, [commandLine, "sandbox"], {
      env: { AWS_ACCESS_KEY_ID: "the-key", AWS_SECRET_ACCESS_KEY: "the-secret" },
    });
    await child.waitForOutput(/Ctrl-C ends it\.\n/);
    child.signal("SIGTERM");
    await child.exited;
    expect(child.stdout).not.toMatch(/the-key|the-secret/);
  });

  test("names a port that is taken", async () => {
    const { port } = mute.address() as AddressInfo;
    expect(await program("sandbox", "--port", String(port))).toMatchObject({
      code: 1,
      stderr: `mount-s3-ts: port ${port} of 127.0.0.1 is taken: choose another with --port, or leave it out\n`,
    });
  });

  test("names a bucket that cannot be made", async () => {
    const { code, stderr } = await program("sandbox", "--bucket", "Not_A_Bucket");
    expect(code).toBe(1);
    expect(stderr).toContain("--bucket Not_A_Bucket cannot be made");
  });
});
