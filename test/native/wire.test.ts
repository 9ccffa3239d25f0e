/** A wire over TCP and TLS to servers of Node in the same process: bytes both ways, and every end. */

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import net, { type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls, { type TlsOptions } from "node:tls";

import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { deferred } from "../../src/base/deferred.ts";
import { EAGAIN, EBADF, EPROTO } from "../../src/base/errno.ts";
import { MIB } from "../../src/base/sizes.ts";
import { addon, type TlsContext, type Wire } from "../../src/native/index.ts";

const SUITES = "TLS_AES_128_GCM_SHA256";
const CIPHERS = "ECDHE-ECDSA-AES128-GCM-SHA256";

let directory = "";
let certificate = { key: "", cert: "" };
let context: TlsContext | undefined;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "wire-test-"));
  const pair = ["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=Test", "-days", "2"];
  const names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...pair, ...names], {
    cwd: directory,
    stdio: "pipe",
  });
  const read = (name: string): string => readFileSync(join(directory, name), "utf8");
  certificate = { key: read("key.pem"), cert: read("cert.pem") };
  context = addon().openTlsContext([certificate.cert], false, SUITES, CIPHERS);
});

afterAll(() => rmSync(directory, { recursive: true }));

/** A wire, what it calls, and the server's end of it. */
interface Line {
  readonly wire: Wire;
  readonly peer: Socket;
  /** Resolves at the next event of the wire, with whether it is the last. */
  event(): Promise<boolean>;
}

const cleanUps: (() => void)[] = [];

afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

async function openLine(peer: Promise<Socket>, port: number): Promise<Line> {
  const socket = net.connect(port, "127.0.0.1").pause();
  await once(socket, "connect");
  const handle: unknown = Reflect.get(socket, "_handle");
  const fd = Number(Reflect.get(handle as object, "fd"));
  let next = deferred<boolean>();
  const wire = addon().openWire(fd, (hungUp) => {
    const due = next;
    next = deferred<boolean>();
    due.resolve(hungUp);
  });
  socket.destroy();
  cleanUps.push(() => wire.close());
  return { wire, peer: await peer, event: () => next.promise };
}

function keep(socket: Socket): Socket {
  socket.on("error", () => {});
  cleanUps.push(() => socket.destroy());
  return socket;
}

async function plainLine(): Promise<Line> {
  const server = net.createServer().listen(0, "127.0.0.1");
  cleanUps.push(() => server.close());
  await once(server, "listening");
  const peer = once(server, "connection").then(([socket]) => keep(socket));
  return openLine(peer, (server.address() as AddressInfo).port);
}

/** Connects again and again to one TLS server; `secured` resolves with what speaks through the line. */
async function tlsServer(options: TlsOptions = {}) {
  const server = tls.createServer({ ...certificate, ...options }).listen(0, "127.0.0.1");
  server.on("tlsClientError", () => {});
  cleanUps.push(() => server.close());
  await once(server, "listening");
  return async () => {
    const secured = once(server, "secureConnection").then(([socket]) => {
      keep(socket);
      return socket as tls.TLSSocket;
    });
    const peer = once(server, "connection").then(([socket]) => keep(socket));
    return { ...(await openLine(peer, (server.address() as AddressInfo).port)), secured };
  };
}

async function tlsLine(options?: TlsOptions) {
  const connect = await tlsServer(options);
  return connect();
}

/** The result of the handshake with `host`: 0 or -errno. */
async function handshake(line: Line, host: string, with_ = context): Promise<number> {
  if (with_ === undefined) throw new Error("this Node lends no OpenSSL");
  expect(line.wire.secure(with_, host)).toBe(0);
  for (;;) {
    const event = line.event();
    const result = line.wire.handshake();
    if (result !== -EAGAIN) return result;
    await event;
  }
}

/** Reads until `byteCount` bytes are there or the wire says something else, which is thrown. */
async function readAll(line: Line, byteCount: number): Promise<Buffer> {
  const bytes = Buffer.alloc(byteCount);
  let filled = 0;
  while (filled < byteCount) {
    const event = line.event();
    const count = line.wire.read(bytes.subarray(filled));
    if (count > 0) filled += count;
    else if (count === -EAGAIN) await event;
    else throw new Error(`read: ${count}`);
  }
  return bytes;
}

async function writeAll(line: Line, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const event = line.event();
    const count = line.wire.write(bytes.subarray(at), false);
    if (count > 0) at += count;
    else if (count !== -EAGAIN) throw new Error(`write: ${count}`);
    if (count < bytes.length - at) await event;
  }
}

/** What arrives at the peer, until there are `byteCount` bytes. */
async function arrived(peer: Socket, byteCount: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let total = 0;
  while (total < byteCount) {
    const [piece] = (await once(peer, "data")) as [Buffer];
    pieces.push(piece);
    total += piece.length;
  }
  peer.pause();
  return Buffer.concat(pieces);
}

function pattern(byteCount: number): Buffer {
  const bytes = Buffer.alloc(byteCount);
  for (let at = 0; at < byteCount; at++) bytes[at] = (at * 31 + (at >> 8) * 7) & 255;
  return bytes;
}

/** Reads as far as it goes: how much came, and why no more, which is 0 or -errno. */
async function fill(line: Line, target: Buffer): Promise<[number, number]> {
  let filled = 0;
  while (filled < target.length) {
    const event = line.event();
    const count = line.wire.read(target.subarray(filled));
    if (count === -EAGAIN) await event;
    else if (count <= 0) return [filled, count];
    else filled += count;
  }
  return [filled, 0];
}

/** Reads to the end, which is returned: 0 or -errno. */
async function readEnd(line: Line): Promise<number> {
  const target = new Uint8Array(1024);
  for (;;) {
    const event = line.event();
    const count = line.wire.read(target);
    if (count === -EAGAIN) await event;
    else if (count <= 0) return count;
  }
}

describe("a plain wire", () => {
  test("carries bytes both ways, more than the kernel holds at once", async () => {
    const line = await plainLine();
    const bytes = pattern(20 * MIB);
    const there = arrived(line.peer, bytes.length);
    await writeAll(line, bytes);
    expect((await there).equals(bytes)).toBe(true);
    line.peer.write(bytes);
    expect((await readAll(line, bytes.length)).equals(bytes)).toBe(true);
  });

  test("tells the peer's end, and a reset", async () => {
    const ended = await plainLine();
    ended.peer.end();
    expect(await readEnd(ended)).toBe(0);
    const reset = await plainLine();
    const event = reset.event();
    reset.peer.resetAndDestroy();
    expect(await event).toBe(true);
    expect(reset.wire.read(new Uint8Array(1))).toBe(-104);
    expect(reset.wire.write(new Uint8Array(1), false)).toBeLessThan(0);
  });

  test("is closed for the peer at once, and answers EBADF from then on", async () => {
    const { peer, wire } = await plainLine();
    const gone = once(peer.resume(), "close");
    wire.close();
    wire.close();
    await gone;
    expect(wire.read(new Uint8Array(1))).toBe(-EBADF);
    expect(wire.write(new Uint8Array(1), false)).toBe(-EBADF);
    expect(wire.handshake()).toBe(-EBADF);
    expect(wire.queued()).toBe(-EBADF);
    expect(wire.isDrained()).toBe(false);
    if (context !== undefined) expect(wire.secure(context, "localhost")).toBe(-EBADF);
  });

  test("refuses what is no socket, no wire, no context and no target", async () => {
    const { wire } = await plainLine();
    expect(() => addon().openWire(1_000_000, () => {})).toThrow("bad file descriptor");
    expect(() => Reflect.apply(wire.read, {}, [new Uint8Array(1)])).toThrow(TypeError);
    expect(() => Reflect.apply(wire.secure, wire, [{}, "localhost"])).toThrow(TypeError);
    expect(() => wire.read(new Uint8Array())).toThrow(RangeError);
  });
});

describe.each(["TLSv1.2", "TLSv1.3"] as const)("an encrypted wire, %s,", (version) => {
  const options: TlsOptions = { minVersion: version, maxVersion: version };

  test.each(["localhost", "127.0.0.1"])("carries bytes both ways to %s", async (host) => {
    const line = await tlsLine(options);
    expect(await handshake(line, host)).toBe(0);
    const peer = await line.secured;
    const bytes = pattern(5 * MIB + 12_345);
    const there = arrived(peer, bytes.length);
    await writeAll(line, bytes);
    expect((await there).equals(bytes)).toBe(true);
    peer.write(bytes);
    expect((await readAll(line, bytes.length)).equals(bytes)).toBe(true);
    expect(peer.alpnProtocol).toBe(false);
    expect(peer.getProtocol()).toBe(version);
  });

  test("resumes the session of the one before", async () => {
    const reused: boolean[] = [];
    const own = addon().openTlsContext([certificate.cert], false, SUITES, CIPHERS);
    const connect = await tlsServer(options);
    for (let turn = 0; turn < 3; turn++) {
      const line = await connect();
      expect(await handshake(line, "localhost", own)).toBe(0);
      const peer = await line.secured;
      reused.push(peer.isSessionReused());
      // The server sends tickets before it reads, and so before it answers.
      peer.once("data", (bytes) => peer.write(bytes));
      await writeAll(line, Buffer.from("x"));
      await readAll(line, 1);
      line.wire.close();
    }
    expect(reused).toEqual([false, true, true]);
  });

  test.each([
    ["for another name", "other.example", /certificate.*hostname mismatch/i],
    ["for another address", "127.0.0.2", /certificate.*IP address mismatch/i],
  ])("refuses a certificate %s", async (_, host, reason) => {
    const line = await tlsLine(options);
    expect(await handshake(line, host)).toBe(-EPROTO);
    expect(line.wire.failure()).toMatch(reason);
    expect(line.wire.read(new Uint8Array(1))).toBe(-EPROTO);
    expect(line.wire.write(new Uint8Array(1), false)).toBe(-EPROTO);
  });

  test("refuses a certificate that nobody vouches for, in Node's words", async () => {
    const line = await tlsLine(options);
    const own = addon().openTlsContext([], false, SUITES, CIPHERS);
    expect(await handshake(line, "localhost", own)).toBe(-EPROTO);
    expect(line.wire.failure()).toContain("self-signed certificate");
  });

  test("tells an end that was announced from one that was not", async () => {
    const announced = await tlsLine(options);
    expect(await handshake(announced, "localhost")).toBe(0);
    (await announced.secured).end();
    expect(await readEnd(announced)).toBe(0);
    const cut = await tlsLine(options);
    expect(await handshake(cut, "localhost")).toBe(0);
    await cut.secured;
    cut.peer.destroy();
    expect(await readEnd(cut)).toBeLessThan(0);
  });

  test("knows whether it holds bytes that were not read", async () => {
    const line = await tlsLine(options);
    expect(await handshake(line, "localhost")).toBe(0);
    expect(line.wire.isDrained()).toBe(true);
    (await line.secured).write("ab");
    expect((await readAll(line, 1)).toString()).toBe("a");
    expect(line.wire.isDrained()).toBe(false);
    expect((await readAll(line, 1)).toString()).toBe("b");
    expect(line.wire.isDrained()).toBe(true);
  });
});

test("a context needs ciphers that OpenSSL knows, but none for TLS 1.2", async () => {
  expect(() => addon().openTlsContext([], false, SUITES, "NO-SUCH-CIPHER")).toThrow(RangeError);
  expect(() => addon().openTlsContext([], false, "TLS_NO_SUCH", CIPHERS)).toThrow(RangeError);
  const modern = addon().openTlsContext([certificate.cert], false, SUITES, "");
  expect(await handshake(await tlsLine(), "localhost", modern)).toBe(0);
  const old = await tlsLine({ maxVersion: "TLSv1.2" });
  expect(await handshake(old, "localhost", modern)).toBe(-EPROTO);
});

describe("a hostile server", () => {
  test("of an old version is refused", async () => {
    const line = await tlsLine({
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    });
    expect(await handshake(line, "localhost")).toBe(-EPROTO);
    expect(line.wire.failure()).toMatch(/^TLS failed: .*(version|alert)/);
  });

  test.each([
    ["plain text", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ["nothing, and closes", ""],
    ["half a record", Buffer.from([22, 3, 3, 64, 0, 2, 0])],
  ])("that answers %s fails the handshake", async (_, bytes) => {
    const line = await plainLine();
    line.peer.end(bytes);
    expect(await handshake(line, "localhost")).toBe(-EPROTO);
    expect(line.wire.failure()).not.toBe("");
  });

  test("whose records are altered on the way is cut off", async () => {
    const line = await tlsLine();
    expect(await handshake(line, "localhost")).toBe(0);
    await line.secured;
    // Written below its TLS: a record that nobody with the key has made.
    line.peer.write(Buffer.concat([Buffer.from([23, 3, 3, 0, 64]), Buffer.alloc(64, 1)]));
    expect(await readEnd(line)).toBe(-EPROTO);
    expect(line.wire.failure()).toMatch(/^TLS failed: /);
    expect(line.wire.read(new Uint8Array(1))).toBe(-EPROTO);
  });

  test("that answers anything at all, shaped as records or not, fails the handshake", async () => {
    const record = fc
      .tuple(fc.integer({ min: 20, max: 24 }), fc.uint8Array({ maxLength: 300 }))
      .map(([type, body]) =>
        Buffer.from([type, 3, 3, body.length >> 8, body.length & 255, ...body]),
      );
    const anything = fc
      .uint8Array({ minLength: 1, maxLength: 300 })
      .map((bytes) => Buffer.from(bytes));
    const answers = fc.array(fc.oneof(record, anything), { minLength: 1, maxLength: 6 });
    const property = fc.asyncProperty(answers, async (answer) => {
      const line = await plainLine();
      line.peer.end(Buffer.concat(answer));
      expect(await handshake(line, "localhost")).toBeLessThan(0);
      expect(line.wire.read(new Uint8Array(1))).toBeLessThan(0);
      line.wire.close();
    });
    await fc.assert(property, { numRuns: 60 });
  });

  test("whose bytes change on the way, wherever, is never believed", async () => {
    const bytes = pattern(300_000);
    const server = tls.createServer(certificate, (socket) => keep(socket).end(bytes));
    server.on("tlsClientError", () => {});
    await once(server.listen(0, "127.0.0.1"), "listening");
    let alteredAt = 0;
    const relay = net.createServer((near) => {
      const far = keep(net.connect((server.address() as AddressInfo).port, "127.0.0.1"));
      let at = 0;
      far.on("data", (piece: Buffer) => {
        const index = alteredAt - at;
        at += piece.length;
        if (index >= 0 && index < piece.length) piece[index] = (piece[index] ?? 0) ^ 1;
        near.write(piece);
      });
      far.on("end", () => near.end());
      keep(near).pipe(far);
    });
    await once(relay.listen(0, "127.0.0.1"), "listening");
    cleanUps.push(
      () => relay.close(),
      () => server.close(),
    );
    const property = fc.asyncProperty(fc.integer({ min: 0, max: 300_000 }), async (offset) => {
      alteredAt = offset;
      const accepted = once(relay, "connection").then(([socket]) => socket as Socket);
      const line = await openLine(accepted, (relay.address() as AddressInfo).port);
      if ((await handshake(line, "localhost")) === 0) {
        const received = Buffer.alloc(bytes.length);
        const [count, result] = await fill(line, received);
        // The version that a record in the clear claims is protected by nothing, and means nothing.
        if (count < bytes.length) expect(result).toBeLessThan(0);
        expect(received.subarray(0, count).equals(bytes.subarray(0, count))).toBe(true);
      }
      line.wire.close();
    });
    await fc.assert(property, { numRuns: 30, examples: [[2], [5], [3_000], [150_000]] });
  });

  test("that asks to renegotiate is not followed", async () => {
    const line = await tlsLine({ maxVersion: "TLSv1.2" });
    expect(await handshake(line, "localhost")).toBe(0);
    const peer = await line.secured;
    peer.renegotiate({ rejectUnauthorized: false }, () => {});
    expect(await readEnd(line)).toBeLessThanOrEqual(0);
  });
});
