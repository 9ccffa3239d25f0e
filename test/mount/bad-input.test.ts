/**
 * Everything a person can get wrong about a mount: each time one line that names the value and the
 * remedy, the right exit status, and nothing left behind.
 */

import { once } from "node:events";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { freePort } from "../../bench/servers/free-port.ts";
import { run } from "../rigs/child.ts";
import { expectRefusal, type Refusal } from "../rigs/command-run.ts";
import { environmentFor, MountProcess, mountCommand } from "../rigs/mount-process.ts";
import { commandLine, repository } from "../rigs/paths.ts";
import { testAsRoot } from "../rigs/root.ts";
import { startGround } from "./ground.ts";

const BUCKET = "test-bucket";

const { scratch, sandbox } = await startGround({}, BUCKET);

interface Attempt {
  readonly bucket?: string;
  readonly directory?: string;
  readonly url?: string;
  readonly args?: readonly string[];
  /** `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
}

/** Mounts in the background, with one thing wrong, and fails unless that is refused as it must be. */
async function refuses(attempt: Attempt, refusal: Refusal): Promise<void> {
  const { url = sandbox.endpoint.url } = attempt;
  const args = mountCommand({
    endpoint: { ...sandbox.endpoint, url },
    bucket: attempt.bucket ?? BUCKET,
    directory: attempt.directory ?? scratch.makeDirectory("mount"),
    ...(attempt.args === undefined ? {} : { args: attempt.args }),
  });
  const env = { ...environmentFor(sandbox.endpoint), HOME: scratch.directory, ...attempt.env };
  const { timeoutMs = 60_000 } = attempt;
  await expectRefusal(scratch, { args, env, timeoutMs }, refusal);
}

/** Serves on a port of the loopback while `use` runs. */
async function listening(
  server: Server | HttpServer,
  use: (port: number) => Promise<void>,
): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    if ("closeAllConnections" in server) server.closeAllConnections();
    server.close();
  }
}

describe("the bucket", () => {
  test("that does not exist is named", async () => {
    await refuses(
      { bucket: "no-such-bucket-here" },
      {
        status: 1,
        says: ["no-such-bucket-here", /does not exist|no such bucket/i, /spelled|check|create/i],
      },
    );
  });

  test("that another account owns than was expected", async () => {
    await refuses(
      { args: ["--expected-bucket-owner=999999999999"] },
      { status: 1, says: [BUCKET, "999999999999", "--expected-bucket-owner"] },
    );
  });

  test("whose requests are to be paid for is mounted by who agrees only", async () => {
    await sandbox.turn({ requesterPays: true });
    await refuses({}, { status: 1, says: [BUCKET, /permission/] });
    const mount = await MountProcess.start({
      endpoint: sandbox.endpoint,
      bucket: BUCKET,
      directory: scratch.makeDirectory("mount"),
      args: ["--requester-pays"],
    });
    await mount.stop();
    await sandbox.turn({ requesterPays: false });
  });

  test("and the directory swapped is a usage error that says so", async () => {
    const directory = scratch.makeDirectory("mount");
    await refuses(
      { bucket: directory, directory: BUCKET },
      { status: 2, says: [directory, /bucket comes first|BUCKET DIRECTORY/] },
    );
  });
});

describe("credentials", () => {
  test("with a wrong key id are refused, and the id is said to be unknown", async () => {
    await refuses(
      { env: { AWS_ACCESS_KEY_ID: "AKIAWRONGWRONGWRONG" } },
      {
        status: 1,
        says: [BUCKET, /access key|credentials/i, /check/i],
        never: [sandbox.endpoint.secretAccessKey],
      },
    );
  });

  test("with a wrong secret are refused, and the secret is not printed", async () => {
    const secret = "not-the-right-secret-at-all";
    await refuses(
      { env: { AWS_SECRET_ACCESS_KEY: secret } },
      { status: 1, says: [BUCKET, /secret/i, /check/i], never: [secret] },
    );
  });

  test("that are not there at all are asked for", async () => {
    await refuses(
      { env: { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined } },
      { status: 1, says: [/no credentials/i, /AWS_ACCESS_KEY_ID|--profile|--no-sign-request/] },
    );
  });

  test("of a profile that does not exist are asked for", async () => {
    await refuses(
      { args: ["--profile=no-such-profile"] },
      { status: 1, says: ["no-such-profile", /profile/] },
    );
  });
});

describe.concurrent("the endpoint", () => {
  test("that refuses connections is named", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    await refuses(
      { url },
      { status: 1, says: [url, /refused|connect/i, /reachable|check|running|--endpoint-url/i] },
    );
  });

  test("that takes connections and never answers is given up within 30 seconds", async () => {
    const mute = createTcpServer();
    await listening(mute, async (port) => {
      const url = `http://127.0.0.1:${port}`;
      const started = Date.now();
      await refuses(
        { url },
        { status: 1, says: [/time|answer|given up/i, /reachable|endpoint|--endpoint-url/i] },
      );
      expect(Date.now() - started).toBeLessThan(40_000);
    });
  }, 60_000);

  test("that answers with a web page is said not to be S3", async () => {
    const web = createServer((_, response) => {
      response.writeHead(200, { "Content-Type": "text/html" });
      response.end("<!doctype html><html><body><h1>It works!</h1></body></html>");
    });
    await listening(web, async (port) => {
      const url = `http://127.0.0.1:${port}`;
      await refuses({ url }, { status: 1, says: [url, /not.*S3/i, /check|--endpoint-url/i] });
    });
  });

  test("that answers with a web page of status 404 is said not to be S3", async () => {
    const web = createServer((_, response) => {
      response.writeHead(404, { "Content-Type": "text/html" });
      response.end("<html><body>Not Found</body></html>");
    });
    await listening(web, async (port) => {
      const url = `http://127.0.0.1:${port}`;
      await refuses(
        { url },
        { status: 1, says: [/not.*S3|does not exist/i, /check|--endpoint-url/i] },
      );
    });
  });

  test("that speaks no HTTP is said not to be S3", async () => {
    const ssh = createTcpServer((socket) => socket.on("error", () => {}).end("SSH-2.0-Test\r\n"));
    await listening(ssh, async (port) => {
      const url = `http://127.0.0.1:${port}`;
      await refuses(
        { url },
        { status: 1, says: [url, /not.*(S3|HTTP)/i, /check|--endpoint-url/i] },
      );
    });
  });

  test("that speaks no TLS where the URL says https is named", async () => {
    const url = sandbox.endpoint.url.replace("http:", "https:");
    await refuses(
      { url },
      { status: 1, says: [url, /TLS|SSL|https/i, /reachable|check|http:|--endpoint-url/i] },
    );
  });

  test("that is no URL is a usage error", async () => {
    await refuses({ url: "127.0.0.1:9000" }, { status: 2, says: ["127.0.0.1:9000", /http:\/\//] });
  });
});

describe("the directory", () => {
  test("that does not exist is named, with the command that makes it", async () => {
    const directory = join(scratch.directory, "missing");
    await refuses({ directory }, { status: 1, says: [directory, /does not exist/, /mkdir/] });
  });

  test("that is a file is named", async () => {
    const directory = join(scratch.makeDirectory("files"), "file");
    writeFileSync(directory, "");
    await refuses({ directory }, { status: 1, says: [directory, /not a directory/] });
  });

  test("that is a mount already is named, and the mount stays", async () => {
    const directory = scratch.makeDirectory("mount");
    const mount = await MountProcess.start({
      endpoint: sandbox.endpoint,
      bucket: BUCKET,
      directory,
    });
    await refuses({ directory }, { status: 1, says: [directory, /already mounted/, /umount/] });
    await mount.stop();
  });

  test("whose daemon has died comes with the command that clears it", async () => {
    const directory = scratch.makeDirectory("mount");
    const mount = await MountProcess.start({
      endpoint: sandbox.endpoint,
      bucket: BUCKET,
      directory,
    });
    mount.child.signal("SIGKILL");
    await mount.child.exited;
    await refuses(
      { directory },
      {
        status: 1,
        says: [directory, /Transport endpoint is not connected/, /mount-s3-ts unmount/],
      },
    );
    await run("umount", [directory]);
    const again = await MountProcess.start({
      endpoint: sandbox.endpoint,
      bucket: BUCKET,
      directory,
    });
    await again.stop();
  });
});

describe("the command line", () => {
  const wrong: readonly (readonly [string, readonly string[], readonly RegExp[]])[] = [
    ["an unknown flag", ["--allow-everything"], [/--allow-everything/, /--help/]],
    ["a misspelt flag", ["--alow-delete"], [/--alow-delete/, /--allow-delete/]],
    ["a flag without its value", ["--prefix"], [/--prefix/, /value/]],
    ["a mode that is not octal", ["--file-mode=0888"], [/--file-mode/, /0888/, /octal/]],
    ["a mode beyond permissions", ["--dir-mode=4755"], [/--dir-mode/, /4755/, /0777/]],
    ["a size with letters", ["--part-size=lots"], [/--part-size/, /lots/, /bytes/]],
    ["a part size below 5 MiB", ["--part-size=5242879"], [/--part-size/, /5242879/, /5 MiB/]],
    ["a part size above 5 GiB", ["--write-part-size=5368709121"], [/5368709121/, /5 GiB/]],
    ["a memory target below 512 MiB", ["--memory-target=511"], [/--memory-target/, /511/, /512/]],
    ["a prefix without its slash", ["--prefix=photos"], [/photos/, /photos\//]],
    ["a metadata TTL that is none", ["--metadata-ttl=soon"], [/soon/, /minimal/]],
    [
      "--allow-root with --allow-other",
      ["--allow-root", "--allow-other"],
      [/--allow-root/, /--allow-other/],
    ],
    ["one word too many", ["extra"], [/extra/]],
  ];
  test.each(wrong)("with %s is a usage error", async (_, args, says) => {
    await refuses({ args }, { status: 2, says });
  });

  test("without a directory says what to write", async () => {
    const env = environmentFor(sandbox.endpoint);
    await expectRefusal(
      scratch,
      { args: [commandLine, BUCKET], env },
      { status: 2, says: [BUCKET, /DIRECTORY/] },
    );
  });

  test("with a log directory that cannot be written names it", async () => {
    const file = join(scratch.makeDirectory("files"), "file");
    writeFileSync(file, "");
    for (const logDirectory of [file, join(file, "logs"), "/proc/logs"]) {
      await refuses(
        { args: ["--log-directory", logDirectory] },
        { status: 1, says: [logDirectory, /log directory/, /another|leave/] },
      );
    }
  });

  test("with a write part that exceeds the memory target says which to change", async () => {
    await refuses(
      { args: ["--memory-target=512", "--write-part-size=1073741824"] },
      { status: 1, says: [/write-part-size|part size/, /--memory-target|memory target/] },
    );
  });
});

describe("the machine", () => {
  const rootTest = testAsRoot("machines without /dev/fuse or the right to mount");

  /** Runs the program under a command that changes its surroundings. */
  async function refusesUnder(
    command: string,
    before: readonly string[],
    refusal: Refusal,
  ): Promise<void> {
    const directory = scratch.makeDirectory("mount");
    const args = mountCommand({ endpoint: sandbox.endpoint, bucket: BUCKET, directory });
    await expectRefusal(
      scratch,
      {
        command,
        args: [...before, process.execPath, ...args],
        env: environmentFor(sandbox.endpoint),
      },
      refusal,
    );
  }

  rootTest("without /dev/fuse is told how to get it", async () => {
    const devices = scratch.makeDirectory("dev");
    for (const name of ["null", "zero", "urandom", "random"])
      writeFileSync(join(devices, name), "");
    const script = [
      `for name in null zero urandom random; do mount --bind "/dev/$name" "${devices}/$name"; done`,
      `mount --rbind "${devices}" /dev`,
      'exec "$@"',
    ].join("\n");
    await refusesUnder("unshare", ["--mount", "sh", "-ec", script, "sh"], {
      status: 1,
      says: [/\/dev\/fuse/, /modprobe fuse|--device|load/],
    });
  });

  rootTest("whose /dev/fuse is something else is told so", async () => {
    const script = 'mount --bind /dev/null /dev/fuse\nexec "$@"';
    await refusesUnder("unshare", ["--mount", "sh", "-ec", script, "sh"], {
      status: 1,
      says: [/\/dev\/fuse|mount/],
    });
  });

  rootTest("that does not let us mount is told what is needed", async () => {
    await refusesUnder("setpriv", ["--bounding-set=-sys_admin", "--inh-caps=-sys_admin"], {
      status: 1,
      says: [/permi/i, /root|CAP_SYS_ADMIN|fusermount3|fuse/],
    });
  });

  test("for which there is no addon is told how to build it", async () => {
    const copy = scratch.makeDirectory("copy");
    cpSync(join(repository, "dist"), join(copy, "dist"), { recursive: true });
    cpSync(join(repository, "package.json"), join(copy, "package.json"));
    mkdirSync(join(copy, "native"));
    symlinkSync(join(repository, "node_modules"), join(copy, "node_modules"));
    const directory = scratch.makeDirectory("mount");
    const [, ...args] = mountCommand({ endpoint: sandbox.endpoint, bucket: BUCKET, directory });
    await expectRefusal(
      scratch,
      {
        args: [join(copy, "dist/program/main.js"), ...args],
        env: environmentFor(sandbox.endpoint),
      },
      {
        status: 1,
        says: [/addon/, new RegExp(`${process.platform}.${process.arch}`), /build|install/],
      },
    );
  });
});
