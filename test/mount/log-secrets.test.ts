/**
 * Nothing that signs a request comes out again: not in a log, at whatever verbosity, not in a message at
 * the shell, not in the list of processes; not even when the server quotes all that it was sent.
 */

import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run, succeed } from "../rigs/child.ts";
import { DatagramReceiver } from "../rigs/datagram-receiver.ts";
import { KernelTree } from "../rigs/kernel-tree.ts";
import { environmentFor, MountProcess, mountCommand } from "../rigs/mount-process.ts";
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
let server: Server;
let answersListings = true;
/** Of every request that came. */
const signatures = new Set<string>();

const FILE =
  '<Contents><Key>file</Key><Size>7</Size><ETag>"e"</ETag>' +
  "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>";

/** One object is there to be found, and nothing can be done with it nor anything else. */
function answerTo(request: IncomingMessage): readonly [status: number, body: string] {
  const { method, url = "" } = request;
  if (answersListings && method === "HEAD") return [404, ""];
  if (!answersListings || !url.includes("list-type=2")) return [403, quoting(request)];
  const listed = /[?&]prefix=(?:&|$)/.test(url) ? FILE : "";
  return [200, `<ListBucketResult><IsTruncated>false</IsTruncated>${listed}</ListBucketResult>`];
}

/** As SignatureDoesNotMatch of S3, and worse: the message has it all too. */
function quoting({ headers, method, url }: IncomingMessage): string {
  const { authorization = "" } = headers;
  const [, signature = ""] = /Signature=(\w+)/.exec(authorization) ?? [];
  const token = headers["x-amz-security-token"];
  return (
    "<Error><Code>SignatureDoesNotMatch</Code>" +
    `<Message>The signature ${signature} does not match: ${authorization}, ${String(token)}</Message>` +
    `<AWSAccessKeyId>${ENDPOINT_KEYS.accessKeyId}</AWSAccessKeyId>` +
    `<StringToSign>AWS4-HMAC-SHA256 ${method} ${url}</StringToSign>` +
    `<SignatureProvided>${signature}</SignatureProvided></Error>`
  );
}

beforeAll(async () => {
  scratch = new Scratch();
  server = createServer((request, response) => {
    const [, signature] = /Signature=(\w+)/.exec(request.headers.authorization ?? "") ?? [];
    if (signature !== undefined) signatures.add(signature);
    const [status, body] = answerTo(request);
    request.resume().on("end", () => {
      response.writeHead(status, { "x-amz-request-id": "R1", "x-amz-id-2": "H1" }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await scratch.close();
});

function request(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    endpoint: { url, ...ENDPOINT_KEYS },
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
  expect(signatures.size).toBeGreaterThan(0);
  for (const secret of [...SECRETS, ...signatures]) expect(text).not.toContain(secret);
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
  answersListings = false;
  const mount = request(args);
  const env = { ...environmentFor(mount.endpoint), ...mount.env };
  const { code, stderr, stdout } = await run(process.execPath, mountCommand(mount), { env });
  answersListings = true;
  expect(code).toBe(1);
  expect(stderr).toContain("SignatureDoesNotMatch");
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
