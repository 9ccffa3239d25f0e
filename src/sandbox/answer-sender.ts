/**
 * Puts an answer on the wire: at the speed of the dials, and broken where a fault says so. Bodies go
 * out as views of where they are kept, in large pieces; nothing is copied for it.
 */

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { MIB } from "../base/sizes.ts";
import { ConnectionLostError, closed, drained, waitOpen } from "./connection.ts";
import type { Pace } from "./dials.ts";
import type { Fault } from "./faults.ts";
import type { Answer, ContentRun } from "./operation.ts";
import { XML_DECLARATION } from "./xml.ts";

export interface Wire {
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly pace: Pace;
  readonly fault: Fault | undefined;
  /** Ends the connection with a reset. */
  readonly reset: () => void;
  readonly onBodyBytes: (byteCount: number) => void;
}

/** Sends `answer`; rejects with `ConnectionLostError` where a fault or the client prevents it. */
export async function sendAnswer(answer: Answer, wire: Wire): Promise<void> {
  const { response, fault } = wire;
  const headers: Partial<Record<string, string>> = { ...answer.headers };
  const { etag } = headers;
  if (fault?.kind === "wrong-etag" && etag !== undefined) headers["etag"] = wrongEtag(etag);
  const body = typeof answer.body === "string" ? textRun(answer.body) : answer.body;
  if (body !== undefined) headers["content-length"] = String(body.byteCount);
  else if (answer.status !== 204 && answer.status !== 304) headers["content-length"] ??= "0";
  response.writeHead(answer.status, headers);
  if (body === undefined) response.end();
  else await sendBody(body, wire);
}

function textRun(text: string): ContentRun {
  const bytes = Buffer.from(text);
  const read = (offset: number, byteCount: number) => bytes.subarray(offset, offset + byteCount);
  return { reader: { read, close() {} }, offset: 0, byteCount: bytes.byteLength };
}

async function sendBody(body: ContentRun, wire: Wire): Promise<void> {
  const { response, socket, pace, fault, onBodyBytes } = wire;
  const sendBytes = Math.min(body.byteCount, bytesBeforeFault(fault));
  // Otherwise the head goes with the first bytes, of which a fault may leave none.
  if (sendBytes === 0) response.flushHeaders();
  for (let sent = 0; sent < sendBytes; ) {
    const most = Math.min(sendBytes - sent, MIB, pace.pieceBytes);
    const piece = await body.reader.read(body.offset + sent, most);
    const flowing = response.write(corrupted(piece, sent, fault));
    onBodyBytes(piece.byteLength);
    sent += piece.byteLength;
    if (!flowing) await drained(response);
    await pace.pass(piece.byteLength);
  }
  if (sendBytes === body.byteCount) {
    response.end();
    return;
  }
  if (fault?.kind === "truncate") socket.end();
  if (fault?.kind === "reset") await resetWhenSent(wire);
  await closed(socket);
  throw new ConnectionLostError();
}

/** How much of a body a fault lets through. */
function bytesBeforeFault(fault: Fault | undefined): number {
  switch (fault?.kind) {
    case "stall":
    case "truncate":
      return fault.afterBytes;
    case "reset":
      return fault.afterBytes ?? 0;
    default:
      return Number.POSITIVE_INFINITY;
  }
}

/** Lets what was written reach the peer: a reset throws away what is still queued. */
async function resetWhenSent({ socket, reset }: Wire): Promise<void> {
  // What the peer has not read cannot be seen from here; on loopback it takes it within this time.
  await waitOpen(socket, 20);
  reset();
}

function corrupted(piece: Uint8Array, start: number, fault: Fault | undefined): Uint8Array {
  if (fault?.kind !== "corrupt-byte") return piece;
  const at = fault.position - start;
  if (at < 0 || at >= piece.byteLength) return piece;
  const copy = Uint8Array.from(piece);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** As long as the right one, and not it. */
function wrongEtag(etag: string): string {
  return etag.replace(/[0-9a-f]/g, (digit) => (15 - Number.parseInt(digit, 16)).toString(16));
}

/** Sends `xml` with status 200 after `durationMs` of white space, as S3 does while it joins parts. */
export async function sendKeptAlive(xml: string, wire: Wire, durationMs: number): Promise<void> {
  const { response, socket, onBodyBytes } = wire;
  const pieces = [XML_DECLARATION, " ", " ", " ", xml.slice(XML_DECLARATION.length)];
  response.writeHead(200, { "content-type": "application/xml" });
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await waitOpen(socket, durationMs / (pieces.length - 1));
    response.write(piece);
    onBodyBytes(piece.length);
  }
  response.end();
}
