/** A wire over TCP and TLS to servers of Node in the same process: bytes both ways, and every end. */

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net, { type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls, { type TlsOptions } from "node:tls";

import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { EBADF, ENOTCONN, EPROTO } from "../../src/base/errno.ts";
import { MIB } from "../../src/base/sizes.ts";
import { addon, type TlsContext } from "../../src/native/index.ts";
import * as wires from "./wires.ts";
import {
  arrived,
  cleanUp,
  cleanUps,
  fill,
  keep,
  type Line,
  openLine,
  pattern,
  plainLine,
  readAll,
  readEnd,
  writeAll,
} from "./wires.ts";

const SUITES = "TLS_AES_128_GCM_SHA256";
const CIPHERS = "ECDHE-ECDSA-AES128-GCM-SHA256";

let directory = "";
let certificate = { key: "", cert: "" };
let context: TlsContext | undefined;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "wire-test-"));
  certificate = wires.selfSigned(directory);
  context = contextOf(SUITES);
});

afterAll(() => rmSync(directory, { recursive: true }));
afterEach(cleanUp);

function contextOf(suites: string): TlsContext | undefined {
  return addon().openTlsContext([certificate.cert], false, suites, CIPHERS);
}

const tlsServer = (options: TlsOptions = {}) => wires.tlsServer({ ...certificate, ...options });
const tlsLine = (options: TlsOptions = {}) => wires.tlsLine({ ...certificate, ...options });

/** The result of the handshake with `host`: 0 or -errno. */
function handshake(line: Line, host: string, with_ = context): Promise<number> {
  return wires.handshake(line, host, with_);
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

  test("has another turn for what follows a mebibyte, though the kernel would take more", async () => {
    const line = await plainLine();
    line.peer.resume();
    const event = line.event();
    expect(line.wire.write(new Uint8Array(MIB), true)).toBeGreaterThan(0);
    expect(await event).toBe(false);
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

describe.each([
  ["TLSv1.2", "TLS_AES_128_GCM_SHA256"],
  ["TLSv1.3", "TLS_AES_128_GCM_SHA256"],
  ["TLSv1.3", "TLS_AES_256_GCM_SHA384"],
  // The addon leaves its records to OpenSSL.
  ["TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256"],
] as const)("an encrypted wire, %s with %s at best,", (version, suite) => {
  const options: TlsOptions = { minVersion: version, maxVersion: version };
  let context: TlsContext | undefined;

  beforeAll(() => {
    context = contextOf(suite);
  });

  test.each(["localhost", "127.0.0.1"])("carries bytes both ways to %s", async (host) => {
    const line = await tlsLine(options);
    expect(await handshake(line, host, context)).toBe(0);
    const peer = await line.secured;
    const bytes = pattern(2 * MIB + 12_345);
    const there = arrived(peer, bytes.length);
    await writeAll(line, bytes);
    expect((await there).equals(bytes)).toBe(true);
    peer.write(bytes);
    expect((await readAll(line, bytes.length)).equals(bytes)).toBe(true);
    expect(peer.alpnProtocol).toBe(false);
    expect(peer.getProtocol()).toBe(version);
    if (version === "TLSv1.3") expect(peer.getCipher().name).toBe(suite);
  });

  test("resumes the session of the one before", async () => {
    const reused: boolean[] = [];
    const own = contextOf(suite);
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
    expect(await handshake(line, host, context)).toBe(-EPROTO);
    expect(line.wire.failure()).toMatch(reason);
    expect(line.wire.read(new Uint8Array(1))).toBe(-EPROTO);
    expect(line.wire.write(new Uint8Array(1), false)).toBe(-EPROTO);
  });

  test("refuses a certificate that nobody vouches for, in Node's words", async () => {
    const line = await tlsLine(options);
    const own = addon().openTlsContext([], false, suite, CIPHERS);
    expect(await handshake(line, "localhost", own)).toBe(-EPROTO);
    expect(line.wire.failure()).toContain("self-signed certificate");
  });

  test("tells an end that was announced from one that was not", async () => {
    const announced = await tlsLine(options);
    expect(await handshake(announced, "localhost", context)).toBe(0);
    (await announced.secured).end();
    expect(await readEnd(announced)).toBe(0);
    const cut = await tlsLine(options);
    expect(await handshake(cut, "localhost", context)).toBe(0);
    await cut.secured;
    cut.peer.destroy();
    expect(await readEnd(cut)).toBeLessThan(0);
  });

  test("knows whether it holds bytes that were not read", async () => {
    const line = await tlsLine(options);
    expect(await handshake(line, "localhost", context)).toBe(0);
    expect(line.wire.isDrained()).toBe(true);
    (await line.secured).write("ab");
    expect((await readAll(line, 1)).toString()).toBe("a");
    expect(line.wire.isDrained()).toBe(false);
    expect((await readAll(line, 1)).toString()).toBe("b");
    expect(line.wire.isDrained()).toBe(true);
  });
});

test("nothing is read or written before the handshake", async () => {
  const line = await tlsLine();
  if (context !== undefined) expect(line.wire.secure(context, "localhost")).toBe(0);
  expect(line.wire.read(new Uint8Array(1))).toBe(-ENOTCONN);
  expect(line.wire.write(new Uint8Array(1), false)).toBe(-ENOTCONN);
  expect(line.wire.isDrained()).toBe(false);
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
