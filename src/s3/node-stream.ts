/**
 * A byte stream over a socket of Node's: the way where the addon does not go, which is TLS inside an
 * encrypted proxy's tunnel, and TLS in a Node that hides its OpenSSL.
 *
 * Reads go through the socket's `onread` option where there is one: Node asks for a place before each
 * read and reports afterwards, so that a body lands in its sink directly.
 */

import type { OnReadOpts, Socket } from "node:net";

import type { ByteStream, StreamOwner } from "./byte-stream.ts";

/** One piece at a time, so that TLS does not encrypt, and so copy, a whole body; and progress is seen. */
const PIECE_BYTES = 65_536;

/** To open a socket with that a NodeStream is made of. */
export function onreadFor(owner: StreamOwner): OnReadOpts {
  return {
    buffer: () => owner.target(),
    callback: (byteCount) => {
      owner.received(byteCount);
      return true;
    },
  };
}

export class NodeStream implements ByteStream {
  readonly #socket: Socket;
  readonly #owner: StreamOwner;
  #closed: boolean = false;

  /** Takes a connected socket that was opened with `onreadFor`, or that is to be `copied` from. */
  constructor(socket: Socket, owner: StreamOwner, copied: boolean) {
    this.#socket = socket;
    this.#owner = owner;
    if (copied) socket.on("data", (bytes: Uint8Array) => this.#copyIn(bytes)).resume();
    socket.on("error", (error) => this.#fail(error));
    socket.on("end", () => this.#end());
    socket.on("close", () => this.#fail(new Error("the connection closed")));
  }

  send(head: string, body: readonly Uint8Array[]): void {
    if (this.#socket.destroyed) {
      this.#owner.failed(new Error("the connection closed"));
      return;
    }
    this.#socket.cork();
    this.#socket.write(head, "latin1", (error) => this.#wrote(head.length, error));
    this.#sendNext(piecesOf(body));
    this.#socket.uncork();
  }

  isDrained(): boolean {
    return true;
  }

  queuedBytes(): number {
    return 0;
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  destroy(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #sendNext(pieces: Iterator<Uint8Array>): void {
    const { done, value } = pieces.next();
    if (done === true) return;
    this.#socket.write(value, (error) => {
      if (this.#wrote(value.length, error)) this.#sendNext(pieces);
    });
  }

  #wrote(byteCount: number, error: Error | null | undefined): boolean {
    if (this.#closed || (error !== undefined && error !== null)) return false;
    this.#owner.sent(byteCount);
    return !this.#closed;
  }

  #copyIn(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.#closed) {
      const target = this.#owner.target();
      const byteCount = Math.min(target.length, bytes.length - at);
      target.set(bytes.subarray(at, at + byteCount));
      at += byteCount;
      this.#owner.received(byteCount);
    }
  }

  #end(): void {
    if (this.#closed) return;
    this.#owner.ended();
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#owner.failed(error);
  }
}

function* piecesOf(body: readonly Uint8Array[]): Generator<Uint8Array, undefined> {
  for (const bytes of body) {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      yield bytes.subarray(at, at + PIECE_BYTES);
    }
  }
}
