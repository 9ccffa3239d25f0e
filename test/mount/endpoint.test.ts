/**
 * How a mount reaches its server: the bucket in the host name, TLS with an authority of one's own, and
 * what requests say of themselves. A relay in front of a MinIO shows what is really sent.
 */

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import net, { type AddressInfo, type Server, type Socket } from "node:net";
import { join } from "node:path";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { expectBytes, pattern } from "../rigs/bytes.ts";
import { type Certificates, makeCertificates } from "../rigs/certificates.ts";
import { Child, succeed } from "../rigs/child.ts";
import { expectRefusal } from "../rigs/command-run.ts";
import { MinioProcess } from "../rigs/minio-process.ts";
import { environmentFor } from "../rigs/mount-process.ts";
import { commandLine } from "../rigs/paths.ts";
import { Scratch } from "../rigs/scratch.ts";

const BUCKET = "test-bucket";
const EXIT_TIMEOUT_MS = 20_000;
const LARGE = pattern(17, 20 * MIB + 5);

let scratch: Scratch;
let certificates: Certificates;
let minio: MinioProcess;
let bucket: BucketView;
const relays: Relay[] = [];

/** Passes bytes on to the MinIO, and keeps what the client sent. */
class Relay {
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();
  sent = "";

  private constructor(secure: boolean) {
    const onConnection = (client: Socket): void => {
      const upstream = net.connect(Number(new URL(minio.endpoint.url).port), "127.0.0.1");
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        socket
          .on("error", () => upstream.destroy())
          .on("close", () => this.#sockets.delete(socket));
      }
      client.on("data", (chunk: Buffer) => {
        this.sent += chunk.toString("latin1", 0, 2000);
      });
      client.pipe(upstream).pipe(client);
    };
    this.#server = secure
      ? tls.createServer(certificates.server, onConnection).on("tlsClientError", () => {})
      : net.createServer(onConnection);
  }

  static async start(secure: boolean): Promise<Relay> {
    const relay = new Relay(secure);
    relays.push(relay);
    relay.#server.listen(0, "localhost");
    await once(relay.#server, "listening");
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  header(name: string): readonly string[] {
    const lines = this.sent.matchAll(new RegExp(`^${name}: (.*)\\r$`, "gim"));
    return [...new Set([...lines].map(([, value = ""]) => value))];
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

beforeAll(async () => {
  scratch = new Scratch();
  certificates = makeCertificates(scratch.makeDirectory("certificates"), `${BUCKET}.localhost`);
  minio = await MinioProcess.start(scratch, { domain: "localhost" });
  bucket = new BucketView(clientOf(minio.endpoint), BUCKET);
  await bucket.create();
  await bucket.put("file", "content");
  await bucket.put("large", LARGE);
});

afterAll(async () => {
  for (const relay of relays) relay.close();
  await minio.stop();
  await scratch.close();
});

interface Request {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

function invocation(directory: string, { args, env }: Request) {
  return {
    args: [commandLine, BUCKET, directory, "--region=us-east-1", ...args],
    env: { ...environmentFor(minio.endpoint), ...env },
  };
}

async function mounted(
  request: Request,
  use: (directory: string, child: Child) => Promise<void>,
): Promise<void> {
  const directory = scratch.makeDirectory("mount");
  const { args, env } = invocation(directory, request);
  const child = new Child(process.execPath, [...args, "-f"], { env });
  await child.waitForOutput(/ is mounted at .*\n/);
  try {
    await use(directory, child);
  } finally {
    await succeed("umount", [directory]);
    expect((await child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
  }
}

async function refused(request: Request, says: readonly (RegExp | string)[]): Promise<void> {
  const directory = scratch.makeDirectory("mount");
  await expectRefusal(scratch, invocation(directory, request), { status: 1, says });
}

async function readAndWrite(directory: string): Promise<void> {
  expect((await readdir(directory)).sort()).toEqual(["file", "large"]);
  expect(await readFile(join(directory, "file"), "utf8")).toBe("content");
  expectBytes(await readFile(join(directory, "large")), LARGE);
  for (const [name, content] of [
    ["ünd & so+", Buffer.from("small")],
    ["multipart", LARGE],
  ] as const) {
    await writeFile(join(directory, name), content);
    expectBytes(await bucket.get(name), content);
    await succeed("rm", [join(directory, name)]);
    expect(await bucket.get(name)).toBeUndefined();
  }
}

describe("the bucket in the host name", () => {
  test.each([
    ["over HTTP", false],
    ["over TLS", true],
  ])("serves everything %s", async (_, secure) => {
    const relay = await Relay.start(secure);
    const url = `${secure ? "https" : "http"}://localhost:${relay.port}`;
    const trust = secure ? [`--ca-bundle=${certificates.authorityPath}`] : [];
    await mounted({ args: [`--endpoint-url=${url}`, "--allow-delete", ...trust] }, readAndWrite);
    expect(relay.header("host")).toEqual([`${BUCKET}.localhost:${relay.port}`]);
  });

  test("gives way to the path with --force-path-style", async () => {
    const relay = await Relay.start(false);
    const args = [`--endpoint-url=http://localhost:${relay.port}`, "--force-path-style"];
    await mounted({ args }, async (directory) => {
      expect(await readFile(join(directory, "file"), "utf8")).toBe("content");
    });
    expect(relay.header("host")).toEqual([`localhost:${relay.port}`]);
    expect(relay.sent).toContain(`GET /${BUCKET}/file HTTP/1.1`);
  });
});

describe("certificates", () => {
  let endpoint = "";
  let empty = "";

  beforeAll(async () => {
    endpoint = `--endpoint-url=https://localhost:${(await Relay.start(true)).port}`;
    empty = join(scratch.makeDirectory("pem"), "empty.pem");
    writeFileSync(empty, "no certificate\n");
  });

  test("AWS_CA_BUNDLE is trusted as --ca-bundle is, which comes first", async () => {
    const read = async (directory: string): Promise<void> => {
      expect(await readFile(join(directory, "file"), "utf8")).toBe("content");
    };
    const bundle = certificates.authorityPath;
    await mounted({ args: [endpoint], env: { AWS_CA_BUNDLE: bundle } }, read);
    const env = { AWS_CA_BUNDLE: "/nowhere" };
    await mounted({ args: [endpoint, `--ca-bundle=${bundle}`], env }, read);
  });

  test("a server that nobody vouches for is refused, with the remedy", async () => {
    await refused({ args: [endpoint] }, [/certificate/, /--ca-bundle/]);
  });

  test("a server whose certificate is for another name is refused, with the remedy", async () => {
    const trust = `--ca-bundle=${certificates.authorityPath}`;
    await expectRefusal(
      scratch,
      {
        args: [commandLine, "other-bucket", scratch.makeDirectory("mount"), endpoint, trust],
        env: environmentFor(minio.endpoint),
      },
      { status: 1, says: ["other-bucket.localhost", "--force-path-style"] },
    );
  });

  test("a bundle that cannot be used is named, and by whom", async () => {
    await refused({ args: [endpoint, "--ca-bundle=missing.pem"] }, [
      `--ca-bundle names, ${scratch.directory}/missing.pem`,
      "ENOENT",
    ]);
    await refused({ args: [endpoint], env: { AWS_CA_BUNDLE: empty } }, [
      `AWS_CA_BUNDLE names, ${empty}`,
      "there is no certificate in it",
    ]);
    const broken = join(scratch.makeDirectory("pem"), "broken.pem");
    const [first = "", ...lines] = certificates.authority.split("\n");
    writeFileSync(broken, certificates.authority + [first, ...lines.slice(3)].join("\n"));
    await refused({ args: [endpoint, `--ca-bundle=${broken}`] }, [
      broken,
      "certificate 2 of 2 cannot be read",
    ]);
  });
});

describe("requests", () => {
  test("say what sends them, behind what the user puts first", async () => {
    const relay = await Relay.start(false);
    const { version } = JSON.parse(await readFile("package.json", "utf8"));
    const args = [
      `--endpoint-url=http://localhost:${relay.port}`,
      "--user-agent-prefix=csi/1.2 pod",
      "--read-only",
    ];
    await mounted({ args }, async (directory) => {
      expect(await readFile(join(directory, "file"), "utf8")).toBe("content");
    });
    const [agent = "", ...others] = relay.header("user-agent");
    expect(others).toEqual([]);
    expect(agent).toContain(`csi/1.2 pod mount-s3-ts/${version} os/linux#`);
    expect(agent).toContain(`md/nodejs#${process.versions.node} md/mp-readonly`);
  });

  test("go where AWS_ENDPOINT_URL says, signed for a region that is told to be assumed", async () => {
    const relay = await Relay.start(false);
    const directory = scratch.makeDirectory("mount");
    const env = {
      ...environmentFor(minio.endpoint),
      AWS_ENDPOINT_URL: `http://localhost:${relay.port}`,
      AWS_CONFIG_FILE: "/nowhere",
      AWS_SHARED_CREDENTIALS_FILE: "/nowhere",
    };
    const child = new Child(process.execPath, [commandLine, BUCKET, directory, "-f"], { env });
    await child.waitForOutput(/ is mounted at .*\n/);
    await child.waitForOutput(/WARN.*no region was given for http:.*us-east-1/);
    expect(await readFile(join(directory, "file"), "utf8")).toBe("content");
    await succeed("umount", [directory]);
    expect((await child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
    expect(relay.header("host")).toEqual([`${BUCKET}.localhost:${relay.port}`]);
  });
});
