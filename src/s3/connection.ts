/**
 * One keep-alive connection, one request at a time. Reads go through the socket's `onread` option: Node
 * asks for a place before each read and reports afterwards, so that a body lands in its sink directly.
 *
 *     idle ──start──▶ busy ──whole answer──▶ idle            (released)
 *       └──any byte, EOF, idle limit──▶ closed ◀──failure, abort, early or unfinished answer──┘
 *
 * A connection that ended in any other way than a whole answer to a whole request is destroyed, at
 * once: from then on nothing is written into the sink nor read from the body.
 */

import type { OnReadOpts, Socket } from "node:net";

import { assert } from "../base/assert.ts";
import { messageOf } from "../base/log.ts";
import { ProtocolError } from "./protocol-error.ts";
import { ResponseReceiver, SCRATCH_BYTES } from "./response-receiver.ts";
import type { Timeouts } from "./timeouts.ts";
import {
  requestError,
  type TransportRequest,
  type TransportResponse,
} from "./transport-request.ts";

/** A request under way, with whoever waits for its answer. */
export interface Exchange {
  readonly request: TransportRequest;
  /** The request's header on the wire. */
  readonly head: string;
  readonly succeed: (response: TransportResponse) => void;
  /** `stale`: a used connection broke before any byte of an answer, so that a fresh one may do. */
  readonly fail: (error: unknown, stale: boolean) => void;
}

export interface ConnectionEvents {
  /** The connection can take the next request. */
  readonly onIdle: (connection: Connection) => void;
  /** The connection is gone. Comes once, before the exchange it carried fails. */
  readonly onClosed: (connection: Connection) => void;
}

export class Connection {
  readonly onread: OnReadOpts;
  readonly #timeouts: Timeouts;
  readonly #events: ConnectionEvents;
  readonly #scratch: Buffer = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #socket: Socket | undefined;
  #exchange: Exchange | undefined;
  #receiver: ResponseReceiver | undefined;
  #bodySent: boolean = true;
  #headDeadlineMs = 0;
  #answers = 0;
  #limitMs = 0;

  constructor(timeouts: Timeouts, events: ConnectionEvents) {
    this.#timeouts = timeouts;
    this.#events = events;
    this.onread = {
      buffer: () => this.#target(),
      callback: (byteCount) => {
        this.#received(byteCount);
        return true;
      },
    };
  }

  /** Takes over a connected socket that was opened with `onread`, or that is to be `copied` from. */
  attach(socket: Socket, copied: boolean): void {
    this.#socket = socket;
    if (copied) socket.on("data", (bytes: Uint8Array) => this.#copyIn(bytes));
    socket.on("error", (error) => this.#broke(error));
    socket.on("end", () => this.#ended());
    socket.on("close", () => this.#broke(new Error("the connection closed")));
    socket.on("timeout", () => this.#timedOut());
    if (socket.destroyed) this.#broke(new Error("the connection closed"));
  }

  get closed(): boolean {
    return this.#socket === undefined;
  }

  start(exchange: Exchange): void {
    const socket = this.#socket;
    assert(socket !== undefined && this.#exchange === undefined, "the connection is idle");
    const { request, head } = exchange;
    this.#exchange = exchange;
    this.#receiver = new ResponseReceiver(request.method, this.#scratch, request.accept);
    if (this.#answers > 0) socket.ref();
    const body = request.body ?? [];
    this.#bodySent = body.length === 0;
    if (this.#bodySent) {
      socket.write(head, "latin1");
      this.#awaitHead();
    } else {
      this.#limit(this.#timeouts.stallMs);
      this.#headDeadlineMs = Number.POSITIVE_INFINITY;
      socket.cork();
      socket.write(head, "latin1");
      this.#sendBody(exchange, body, 0);
      socket.uncork();
    }
  }

  /** Lets the connection stay open, without keeping the process alive. */
  rest(): void {
    this.#socket?.unref();
    this.#limit(this.#timeouts.idleMs);
  }

  /** Destroys the connection; the exchange that it carries, if any, fails as `errorOf` says. */
  destroy(errorOf: (request: TransportRequest) => unknown): void {
    const exchange = this.#close();
    if (exchange !== undefined) exchange.fail(errorOf(exchange.request), false);
  }

  /** One block at a time, so that TLS does not encrypt, and so copy, all of them at once. */
  #sendBody(exchange: Exchange, body: readonly Uint8Array[], index: number): void {
    const bytes = body[index];
    if (bytes === undefined) {
      this.#bodySent = true;
      if (this.#receiver?.headDone === false) this.#awaitHead();
      return;
    }
    this.#socket?.write(bytes, (error) => {
      if (error === undefined || error === null) {
        if (this.#exchange === exchange) this.#sendBody(exchange, body, index + 1);
      }
    });
  }

  #awaitHead(): void {
    const limitMs = this.#exchange?.request.firstByteMs ?? this.#timeouts.firstByteMs;
    this.#limit(limitMs);
    this.#headDeadlineMs = performance.now() + limitMs;
  }

  #limit(limitMs: number): void {
    if (limitMs === this.#limitMs) return;
    this.#limitMs = limitMs;
    this.#socket?.setTimeout(limitMs);
  }

  #target(): Uint8Array {
    const receiver = this.#receiver;
    if (receiver === undefined) return this.#scratch;
    try {
      return receiver.target();
    } catch (error) {
      this.#refuse(error);
      return this.#scratch;
    }
  }

  #copyIn(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.closed) {
      const target = this.#target();
      const byteCount = Math.min(target.length, bytes.length - at);
      target.set(bytes.subarray(at, at + byteCount));
      at += byteCount;
      this.#received(byteCount);
    }
  }

  #received(byteCount: number): void {
    const receiver = this.#receiver;
    if (receiver === undefined) {
      // Bytes that answer nothing: whatever comes next on this connection cannot be trusted.
      this.#close();
      return;
    }
    try {
      receiver.received(byteCount);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    if (receiver.done) this.#finish(receiver);
    else if (receiver.headDone) this.#limit(this.#timeouts.stallMs);
    else if (performance.now() > this.#headDeadlineMs) this.#timedOut();
  }

  #finish(receiver: ResponseReceiver): void {
    const exchange = this.#exchange;
    assert(exchange !== undefined, "a response answers a request");
    const { status, headers } = receiver.head;
    const reusable = receiver.reusable && this.#bodySent;
    this.#exchange = undefined;
    this.#receiver = undefined;
    this.#answers++;
    if (!reusable) this.#close();
    exchange.succeed({ status, headers, body: receiver.body });
    if (reusable && !this.closed) this.#events.onIdle(this);
  }

  #ended(): void {
    const receiver = this.#receiver;
    if (receiver?.ended() === true) this.#finish(receiver);
    else this.#broke(new Error("the server closed the connection"));
  }

  #broke(cause: unknown): void {
    const stale = this.#answers > 0 && this.#receiver?.begun === false;
    const exchange = this.#close();
    if (exchange === undefined) return;
    const { request } = exchange;
    exchange.fail(requestError(request, "network", messageOf(cause), cause), stale);
  }

  #timedOut(): void {
    const what =
      this.#receiver?.headDone === true || !this.#bodySent ? "the next byte" : "an answer";
    const exchange = this.#close();
    if (exchange === undefined) return;
    const message = `no sign of ${what} for ${this.#limitMs} ms`;
    exchange.fail(requestError(exchange.request, "timeout", message), false);
  }

  /** The answer cannot be taken: it is no HTTP, or whoever asked does not want it. */
  #refuse(error: unknown): void {
    const exchange = this.#close();
    if (exchange === undefined) return;
    const { request } = exchange;
    const reason =
      error instanceof ProtocolError
        ? requestError(
            request,
            "bad-response",
            `the answer is not valid: ${error.message}`,
            undefined,
          )
        : error;
    exchange.fail(reason, false);
  }

  /** Closes the socket at once and returns the exchange that this cuts off. */
  #close(): Exchange | undefined {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#receiver = undefined;
    const socket = this.#socket;
    if (socket === undefined) return exchange;
    this.#socket = undefined;
    socket.destroy();
    this.#events.onClosed(this);
    return exchange;
  }
}
