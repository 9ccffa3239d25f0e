import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import type { ObjectClient } from "../../src/s3/index.ts";
import { proxyFor } from "../../src/s3/proxy.ts";
import { makeCertificates } from "../rigs/certificates.ts";
import { clientFor, describeBoth, MemorySink, patternBytes } from "./client-under-test.ts";
import {
  answering,
  type RawRequest,
  type RawServer,
  rangeResponse,
  response,
  type Script,
  startRawServer,
} from "./raw-server.ts";

const OBJECT = patternBytes(3_000_000);

let directory = "";
let tlsOptions = { key: "", cert: "" };
let caBundle = "";
const servers: RawServer[] = [];
let client: ObjectClient | undefined;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "s3-test-"));
  const certificates = makeCertificates(directory);
  tlsOptions = certificates.server;
  caBundle = certificates.authority;
});

afterAll(() => rmSync(directory, { recursive: true }));

afterEach(async () => {
  client?.close();
  client = undefined;
  for (const server of servers.splice(0)) await server.close();
});

async function start(script: Script, secure = false): Promise<RawServer> {
  const server = await startRawServer(script, secure ? tlsOptions : undefined);
  servers.push(server);
  return server;
}

async function readObject(client: ObjectClient): Promise<void> {
  const sink = new MemorySink(100_000);
  await client.get({
    key: "k",
    etag: '"e1"',
    offset: 5,
    byteCount: 2_900_000,
    objectBytes: OBJECT.length,
    sink,
  });
  expect(sink.bytes.equals(OBJECT.subarray(5, 2_900_005))).toBe(true);
}

/** Opens tunnels, as `CONNECT` asks, to where they lead. */
function tunnelling(requests: RawRequest[]): Script {
  return async (peer) => {
    const request = await peer.requestHead();
    if (request === undefined) return;
    requests.push(request);
    peer.socket.removeAllListeners("data");
    const upstream = net.connect(Number(request.path.split(":")[1]), "127.0.0.1");
    upstream.on("error", () => peer.socket.destroy());
    upstream.on("close", () => peer.socket.destroy());
    peer.socket.on("close", () => upstream.destroy());
    await peer.send("HTTP/1.1 200 Connection established\r\n\r\n");
    peer.socket.pipe(upstream).pipe(peer.socket);
  };
}

describeBoth("TLS", () => {
  test("serves reads and writes over one connection, by address and by name", async () => {
    const server = await start(
      answering((request) =>
        request.method === "GET"
          ? rangeResponse(OBJECT, request)
          : response(200, { etag: String(request.body.equals(OBJECT)) }),
      ),
      true,
    );
    for (const url of [server.url, `https://localhost:${server.port}`]) {
      const opened = clientFor(url, { caBundle });
      client = opened;
      await readObject(opened);
      const body = [OBJECT.subarray(0, 1_000_000), OBJECT.subarray(1_000_000)];
      expect(await opened.put({ key: "k", body, checksum: undefined })).toEqual({ etag: "true" });
      opened.close();
    }
    expect(server.accepted).toBe(2);
  });

  test("with a certificate that nobody vouches for is a network error that says so", async () => {
    const server = await start(
      answering(() => response(200, {})),
      true,
    );
    client = clientFor(server.url, { retry: { attemptsMax: 1 } });
    await expect(client.head("k")).rejects.toMatchObject({ kind: "network" });
    await expect(client.head("k")).rejects.toThrow(/certificate/);
  });

  test("with a plain server is a network error", async () => {
    const server = await start(answering(() => "HTTP/1.1 400 Bad Request\r\n\r\n"));
    client = clientFor(server.url.replace("http:", "https:"), {
      retry: { attemptsMax: 1 },
      timeouts: { connectMs: 300 },
    });
    const error = await client.head("k").catch((error: { kind: string }) => error);
    expect(["network", "timeout"]).toContain((error as { kind: string }).kind);
  });
});

describeBoth("a proxy", () => {
  test("gets the whole URL of a plain request, and its own credentials", async () => {
    const requests: RawRequest[] = [];
    const proxy = await start(
      answering((request) => {
        requests.push(request);
        return rangeResponse(OBJECT, request);
      }),
    );
    client = clientFor("http://storage.example.com:8080", {
      proxy: { http_proxy: `http://us%20er:pa%3Ass@127.0.0.1:${proxy.port}` },
    });
    await readObject(client);
    expect(requests[0]?.path).toBe("http://storage.example.com:8080/bucket/k");
    expect(requests[0]?.headers["host"]).toBe("storage.example.com:8080");
    const authorization = requests[0]?.headers["proxy-authorization"] ?? "";
    expect(Buffer.from(authorization.replace("Basic ", ""), "base64").toString()).toBe(
      "us er:pa:ss",
    );
  });

  test("opens a tunnel for a secure request, and sees nothing inside", async () => {
    const requests: RawRequest[] = [];
    const server = await start(
      answering((request) => rangeResponse(OBJECT, request)),
      true,
    );
    const proxy = await start(tunnelling(requests));
    client = clientFor(`https://localhost:${server.port}`, {
      caBundle,
      proxy: { HTTPS_PROXY: `127.0.0.1:${proxy.port}` },
    });
    await readObject(client);
    await readObject(client);
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `CONNECT localhost:${server.port}`,
    ]);
  });

  test("that refuses a tunnel fails the request and names itself", async () => {
    const proxy = await start(answering(() => response(407, {})));
    client = clientFor("https://localhost:1", {
      proxy: { https_proxy: `http://127.0.0.1:${proxy.port}` },
      retry: { attemptsMax: 1 },
    });
    await expect(client.head("k")).rejects.toMatchObject({ kind: "network" });
    await expect(client.head("k")).rejects.toThrow(
      `through the proxy 127.0.0.1:${proxy.port}: the proxy answered CONNECT with HTTP 407`,
    );
  });

  test("that never answers is a timeout", async () => {
    const proxy = await start(async (peer) => peer.closed());
    client = clientFor("https://localhost:1", {
      proxy: { https_proxy: `http://127.0.0.1:${proxy.port}` },
      retry: { attemptsMax: 1 },
      timeouts: { connectMs: 100 },
    });
    await expect(client.head("k")).rejects.toMatchObject({ kind: "timeout" });
  });

  const https = { secure: true, host: "s3.example.com", port: 443 };
  test.each([
    [{}, undefined],
    [{ HTTPS_PROXY: "http://p:1" }, "p:1"],
    [{ HTTP_PROXY: "http://p:1" }, undefined],
    [{ https_proxy: "http://q:2", HTTPS_PROXY: "http://p:1" }, "q:2"],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: "*" }, undefined],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: "a.com, example.com" }, undefined],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: ".example.com" }, undefined],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: "S3.example.com:443" }, undefined],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: "s3.example.com:444" }, "p:1"],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: "ample.com,," }, "p:1"],
    [{ HTTPS_PROXY: "" }, undefined],
  ])("chosen by %j is %s", (environment, host) => {
    expect(proxyFor(https, environment)?.host).toBe(host);
  });

  test.each(["socks5://u:secret@p:1", "http://u:secret@@p:port", "http://u:secret%er@p:1"])(
    "that is no http URL is refused, and not repeated: %s",
    (value) => {
      const refused = () => proxyFor(https, { HTTPS_PROXY: value });
      expect(refused).toThrow(/^Proxy failed: what HTTPS_PROXY holds is no proxy .*HOST:PORT/);
      expect(refused).not.toThrow(/secret/);
    },
  );
});
