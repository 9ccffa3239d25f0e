/**
 * Nothing that signs a request comes out again: not in a log, at whatever verbosity, not in a message at
 * the shell, not in the list of processes; not even when the server quotes all that it was sent.
 */

import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run, succeed } from "../rigs/child.ts";
import { DatagramReceiver } from "../rigs/datagram-receiver.ts";
import { KernelTree } from "../rigs/kernel-tree.ts";
import { environmentFor, MountProcess, mountCommand } from "../rigs/mount-process.ts";
import { QuotingServer } from "../rigs/quoting-server.ts";
import { Scratch } from "../rigs/scratch.ts";
import { python } from "../rigs/system-call.ts";
import { outcomeOf } from "../scenarios/scenario.ts";
import { createWhole, namesIn } from "../scenarios/whole-file.ts";

const ENDPOINT_KEYS = {
  accessKeyId: "ASIAQWERTYUIOP123456",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYdistinctive",
};
const SESSION_TOKEN = "FwoGZXIvYXdzEBYaDdistinctive//session+token==";
const SECRETS = [ENDPOINT_KEYS.accessKeyId, ENDPOINT_KEYS.secretAccessKey, SESSION_TOKEN];

let scratch: Scratch;
let server: QuotingServer;

beforeAll(async () => {
  scratch = new Scratch();
  server = await QuotingServer.start();
});

afterAll(async () => {
  await server.stop();
  await scratch.close();
});

function request(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return {
    endpoint: { url: server.url, ...ENDPOINT_KEYS },
    bucket: "test-bucket",
    directory: scratch.makeDirectory("mount"),
    args,
    env: { AWS_SESSION_TOKEN: SESSION_TOKEN, MOUNTPOINT_LOG: "trace", ...env },
  };
}

/** More than one part, so that the upload begins while it is written. */
const WRITE_PARTS = [
  "fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL)",
  "for _ in range(400): os.write(fd, bytes(65536))",
].join("\n");

/** Reads and writes, all of which the server refuses. */
async function provoke(directory: string): Promise<void> {
  const tree = new KernelTree(directory);
  expect(await namesIn(tree)).toEqual(["file"]);
  const outcomes = await Promise.all([
    outcomeOf(readFile(join(directory, "file"))),
    outcomeOf(createWhole(tree, "new", Buffer.from("content"))),
    outcomeOf(python("write", WRITE_PARTS, [join(directory, "large")])),
  ]);
  expect(outcomes).toEqual(["EACCES", "EACCES", "EACCES"]);
}

function expectClean(text: string): void {
  expect(server.signatures.size).toBeGreaterThan(0);
  for (const secret of [...SECRETS, ...server.signatures]) expect(text).not.toContain(secret);
  expect(text).not.toMatch(/Signature=(?!\*)/i);
}

/** The command lines of every process that serves something below the test's directory. */
function commandLines(): string {
  const lines = scratch.processes().map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8"));
  expect(lines.length).toBeGreaterThan(0);
  return lines.join("\n");
}

test.each(["text", "json"])("not on standard output nor in a file, as %s", async (format) => {
  const logs = join(scratch.directory, `logs-${format}`);
  const flags = ["--log-format", format, "--log-directory", logs];
  const mount = await MountProcess.start(request(flags));
  await provoke(mount.directory);
  expectClean(commandLines());
  await mount.stop();
  const [name = ""] = await readdir(logs);
  const file = await readFile(join(logs, name), "utf8");
  for (const text of [file, mount.child.stdout, mount.child.stderr]) expectClean(text);
  for (const text of [file, mount.child.stdout]) {
    expect(text).toContain("SignatureDoesNotMatch");
    expect(text).toContain("ends in 3456");
    expect(text).toMatch(/The signature \*\*\* does not match/);
  }
});

test("not in the system log", async () => {
  const path = join(scratch.makeDirectory("syslog"), "log");
  const log = await DatagramReceiver.start(path);
  log.read();
  const mount = request([], { MOUNT_S3_TS_SYSLOG: path });
  const env = { ...environmentFor(mount.endpoint), ...mount.env };
  const stdout = await succeed(process.execPath, mountCommand(mount), { env });
  await provoke(mount.directory);
  expectClean(commandLines());
  await succeed("umount", [mount.directory]);
  await log.waitFor(/is unmounted$/);
  expectClean(stdout + log.messages.join("\n"));
  expect(log.messages.join("\n")).toContain("SignatureDoesNotMatch");
  await log.stop();
});

test.each([
  ["the foreground", ["-f"]],
  ["the background", []],
])("not at the shell when a mount in %s is refused", async (_, args) => {
  server.answersListings = false;
  const mount = request(args);
  const env = { ...environmentFor(mount.endpoint), ...mount.env };
  const { code, stderr, stdout } = await run(process.execPath, mountCommand(mount), { env });
  server.answersListings = true;
  expect(code).toBe(1);
  expect(stderr).toContain("SignatureDoesNotMatch");
  expectClean(stdout + stderr);
});

test("not by the doctor, who is refused everything and whose credentials STS does not know", async () => {
  server.answersListings = false;
  const { args: _, ...mount } = request([], { AWS_ENDPOINT_URL_STS: server.url });
  const [program = "", ...rest] = mountCommand(mount);
  const env = { ...environmentFor(mount.endpoint), ...mount.env };
  const { code, stderr, stdout } = await run(process.execPath, [program, "doctor", ...rest], {
    env,
  });
  server.answersListings = true;
  expect(code).toBe(1);
  expect(stdout).toMatch(/identity: .*SignatureDoesNotMatch/);
  expect(stdout).toMatch(/s3:ListBucket: .*SignatureDoesNotMatch/);
  expectClean(stdout + stderr);
});

test("nor the password of a proxy", async () => {
  const proxy = "http://someone:pr0xy-pa55word@127.0.0.1:9";
  const mount = request(["-f"], { http_proxy: proxy, AWS_MAX_ATTEMPTS: "1" });
  const env = { ...environmentFor(mount.endpoint), ...mount.env };
  const { code, stderr, stdout } = await run(process.execPath, mountCommand(mount), { env });
  expect(code).toBe(1);
  expect(stderr).toContain("through the proxy 127.0.0.1:9");
  for (const text of [stdout, stderr]) {
    expect(text).not.toContain("pr0xy-pa55word");
    expect(text).not.toContain(Buffer.from("someone:pr0xy-pa55word").toString("base64"));
  }
});
