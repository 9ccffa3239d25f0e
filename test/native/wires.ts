/** Wires to servers of Node in the same process, and how tests speak through them. */

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import net, { type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import tls, { type TlsOptions } from "node:tls";

import { expect } from "vitest";

import { deferred } from "../../src/base/deferred.ts";
import { EAGAIN } from "../../src/base/errno.ts";
import { addon, type TlsContext, type Wire } from "../../src/native/index.ts";

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** One of localhost and 127.0.0.1 that vouches for itself, made in `directory`. */
export function selfSigned(directory: string): Certificate {
  const pair = ["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=Test", "-days", "2"];
  const names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...pair, ...names], {
    cwd: directory,
    stdio: "pipe",
  });
  const read = (name: string): string => readFileSync(join(directory, name), "utf8");
  return { key: read("key.pem"), cert: read("cert.pem") };
}

/** What is to be undone after a test. */
export const cleanUps: (() => void)[] = [];

export function cleanUp(): void {
  for (const undo of cleanUps.splice(0)) undo();
}

/** A wire, what it calls, and the server's end of it. */
export interface Line {
  readonly wire: Wire;
  readonly peer: Socket;
  /** Resolves at the next event of the wire, with whether it is the last. */
  event(): Promise<boolean>;
  /** Resolves at the next event of a target on loan, with its count. */
  loanEvent(): Promise<number>;
}

export async function openLine(peer: Promise<Socket>, port: number): Promise<Line> {
  const socket = net.connect(port, "127.0.0.1").pause();
  await once(socket, "connect");
  const handle: unknown = Reflect.get(socket, "_handle");
  const fd = Number(Reflect.get(handle as object, "fd"));
  let next = deferred<boolean>();
  let nextOfLoan = deferred<number>();
  const wire = addon().openWire(fd, (hungUp, count) => {
    if (count !== undefined) {
      const due = nextOfLoan;
      nextOfLoan = deferred<number>();
      due.resolve(count);
      return;
    }
    const due = next;
    next = deferred<boolean>();
    due.resolve(hungUp);
  });
  socket.destroy();
  cleanUps.push(() => wire.close());
  return { wire, peer: await peer, event: () => next.promise, loanEvent: () => nextOfLoan.promise };
}

export function keep(socket: Socket): Socket {
  socket.on("error", () => {});
  cleanUps.push(() => socket.destroy());
  return socket;
}

export async function plainLine(): Promise<Line> {
  const server = net.createServer().listen(0, "127.0.0.1");
  cleanUps.push(() => server.close());
  await once(server, "listening");
  const peer = once(server, "connection").then(([socket]) => keep(socket));
  return openLine(peer, (server.address() as AddressInfo).port);
}

/**
 * Connects again and again to one TLS server; `secured` resolves with what speaks through the line, and
 * `keyLog` tells the secrets of the last line.
 */
export async function tlsServer(options: TlsOptions) {
  const server = tls.createServer(options).listen(0, "127.0.0.1");
  let keyLog = "";
  server.on("tlsClientError", () => {});
  server.on("keylog", (line: Buffer) => {
    keyLog += line.toString();
  });
  cleanUps.push(() => server.close());
  await once(server, "listening");
  return async () => {
    keyLog = "";
    const secured = once(server, "secureConnection").then(([socket]) => {
      keep(socket);
      return socket as tls.TLSSocket;
    });
    const peer = once(server, "connection").then(([socket]) => keep(socket));
    const line = await openLine(peer, (server.address() as AddressInfo).port);
    return { ...line, secured, keyLog: () => keyLog };
  };
}

export async function tlsLine(options: TlsOptions) {
  const connect = await tlsServer(options);
  return connect();
}

/** The result of the handshake with `host`: 0 or -errno. */
export async function handshake(
  line: Line,
  host: string,
  context: TlsContext | undefined,
): Promise<number> {
  if (context === undefined) throw new Error("this Node lends no OpenSSL");
  expect(line.wire.secure(context, host)).toBe(0);
  for (;;) {
    const event = line.event();
    const result = line.wire.handshake();
    if (result !== -EAGAIN) return result;
    await event;
  }
}

/** Reads until `byteCount` bytes are there or the wire says something else, which is thrown. */
export async function readAll(line: Line, byteCount: number): Promise<Buffer> {
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

export async function writeAll(line: Line, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const event = line.event();
    const count = line.wire.write(bytes.subarray(at), false);
    if (count > 0) at += count;
    else if (count !== -EAGAIN) throw new Error(`write: ${count}`);
    if (count < bytes.length - at) await event;
  }
}

/** What arrives at the peer, until there are `byteCount` bytes. */
export async function arrived(peer: Socket, byteCount: number): Promise<Buffer> {
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

export function pattern(byteCount: number): Buffer {
  const bytes = Buffer.alloc(byteCount);
  for (let at = 0; at < byteCount; at++) bytes[at] = (at * 31 + (at >> 8) * 7) & 255;
  return bytes;
}

/** Reads as far as it goes: how much came, and why no more, which is 0 or -errno. */
export async function fill(line: Line, target: Buffer): Promise<[number, number]> {
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
export async function readEnd(line: Line): Promise<number> {
  const target = new Uint8Array(1024);
  for (;;) {
    const event = line.event();
    const count = line.wire.read(target);
    if (count === -EAGAIN) await event;
    else if (count <= 0) return count;
  }
}
