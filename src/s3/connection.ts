/**
 * One keep-alive connection, one request at a time: says where received bytes go, and for how long they
 * are waited for.
 *
 *     idle ──start──▶ busy ──whole answer──▶ idle            (released)
 *       └──any byte, EOF, idle limit──▶ closed ◀──failure, abort, early or unfinished answer──┘
 *
 * A connection that ended in any other way than a whole answer to a whole request is destroyed, at
 * once: from then on nothing is written into the sink nor read from the body.
 */

import { assert } from "../base/assert.ts";
import { messageOf } from "../base/log.ts";
import type { ByteStream, StreamOwner } from "./byte-stream.ts";
import { ProtocolError } from "./protocol-error.ts";
import { ResponseReceiver, SCRATCH_BYTES } from "./response-receiver.ts";
import type { Timeouts } from "./timeouts.ts";
import {
  bodyBytes,
  requestError,
  type TransportRequest,
  type TransportResponse,
} from "./transport-request.ts";

/** How often within the shortest limit the limits are looked at: none is exceeded by more than a part. */
const CHECKS_PER_LIMIT = 8;

/** What a connection waits for, each within a time of its own. */
type Awaited = "next request" | "room to send" | "answer" | "body" | "slow body";

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

export class Connection implements StreamOwner {
  readonly #timeouts: Timeouts;
  readonly #events: ConnectionEvents;
  readonly #scratch: Buffer = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #stream: ByteStream | undefined;
  #exchange: Exchange | undefined;
  #receiver: ResponseReceiver | undefined;
  #unsentBytes = 0;
  #answers = 0;
  #awaited: Awaited = "next request";
  #limitMs = 0;
  #deadlineMs = Number.POSITIVE_INFINITY;
  /** Moved since the deadline was set. */
  #movedBytes = 0;
  /** What the kernel had yet to deliver when the time was looked at. */
  #queuedBytes = 0;
  #clock: NodeJS.Timeout | undefined;

  constructor(timeouts: Timeouts, events: ConnectionEvents) {
    this.#timeouts = timeouts;
    this.#events = events;
  }

  /** Takes over a stream that was opened for this connection. */
  attach(stream: ByteStream): void {
    this.#stream = stream;
    const { firstByteMs, idleMs, stallMs } = this.#timeouts;
    const checkMs = Math.min(firstByteMs, idleMs, stallMs) / CHECKS_PER_LIMIT;
    this.#clock = setInterval(() => this.#checkTime(), checkMs).unref();
  }

  get closed(): boolean {
    return this.#stream === undefined;
  }

  start(exchange: Exchange): void {
    const stream = this.#stream;
    assert(stream !== undefined && this.#exchange === undefined, "the connection is idle");
    const { request, head } = exchange;
    const body = request.body ?? [];
    this.#exchange = exchange;
    this.#receiver = new ResponseReceiver(request.method, this.#scratch, request.accept);
    this.#unsentBytes = head.length + bodyBytes(body);
    if (this.#answers > 0) stream.ref();
    this.#await("room to send", this.#timeouts.stallMs);
    stream.send(head, body);
  }

  /** Lets the connection stay open, without keeping the process alive. */
  rest(): void {
    this.#stream?.unref();
    this.#await("next request", this.#timeouts.idleMs);
  }

  /** Destroys the connection; the exchange that it carries, if any, fails as `errorOf` says. */
  destroy(errorOf: (request: TransportRequest) => unknown): void {
    const exchange = this.#close();
    if (exchange !== undefined) exchange.fail(errorOf(exchange.request), false);
  }

  sent(byteCount: number): void {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    this.#unsentBytes -= byteCount;
    if (this.#unsentBytes > 0) this.#moved(byteCount);
    else if (!receiver.headDone) {
      this.#await("answer", this.#exchange?.request.firstByteMs ?? this.#timeouts.firstByteMs);
    }
  }

  target(): Uint8Array {
    const receiver = this.#receiver;
    if (receiver === undefined) return this.#scratch;
    try {
      return receiver.target();
    } catch (error) {
      this.#refuse(error);
      return this.#scratch;
    }
  }

  get keepsTarget(): boolean {
    return this.#receiver?.direct === true;
  }

  received(byteCount: number): boolean {
    const receiver = this.#receiver;
    if (receiver === undefined) {
      // Bytes that answer nothing: whatever comes next on this connection cannot be trusted.
      this.#close();
      return false;
    }
    const hadHead = receiver.headDone;
    try {
      receiver.received(byteCount);
    } catch (error) {
      this.#refuse(error);
      return false;
    }
    if (receiver.done) {
      this.#finish(receiver);
      return false;
    }
    if (hadHead) this.#moved(byteCount);
    else if (receiver.headDone) this.#awaitBody();
    return true;
  }

  ended(): void {
    const receiver = this.#receiver;
    if (receiver?.ended() === true) this.#finish(receiver);
    else this.failed(new Error("the server closed the connection"));
  }

  failed(cause: unknown): void {
    const stale = this.#answers > 0 && this.#receiver?.begun === false;
    const exchange = this.#close();
    if (exchange === undefined) return;
    const { request } = exchange;
    exchange.fail(requestError(request, "network", messageOf(cause), cause), stale);
  }

  #awaitBody(): void {
    const slowMs = this.#exchange?.request.firstByteMs;
    if (slowMs === undefined) this.#await("body", this.#timeouts.stallMs);
    else this.#await("slow body", slowMs);
  }

  #await(awaited: Awaited, limitMs: number): void {
    this.#awaited = awaited;
    this.#limitMs = limitMs;
    this.#deadlineMs = performance.now() + limitMs;
    this.#movedBytes = 0;
  }

  /** So many bytes buy another spell of time. */
  #moved(byteCount: number): void {
    if (this.#awaited === "next request" || this.#awaited === "slow body") return;
    this.#movedBytes += byteCount;
    if (this.#movedBytes >= this.#timeouts.stallBytes) this.#await(this.#awaited, this.#limitMs);
  }

  /** After a pause of the process itself, what has come meanwhile is read first. */
  #checkTime(): void {
    this.#checkDelivery();
    if (performance.now() < this.#deadlineMs) return;
    setImmediate(() => {
      if (performance.now() >= this.#deadlineMs) this.#timedOut();
    });
  }

  /** What the kernel has taken at once may take a slow line minutes, before which no answer can come. */
  #checkDelivery(): void {
    if (this.#awaited !== "room to send" && this.#awaited !== "answer") return;
    const queuedBytes = this.#stream?.queuedBytes() ?? 0;
    if (queuedBytes < this.#queuedBytes) this.#moved(this.#queuedBytes - queuedBytes);
    this.#queuedBytes = queuedBytes;
  }

  #finish(receiver: ResponseReceiver): void {
    const exchange = this.#exchange;
    assert(exchange !== undefined, "a response answers a request");
    const { status, headers } = receiver.head;
    const reusable =
      receiver.reusable && this.#unsentBytes === 0 && this.#stream?.isDrained() === true;
    this.#exchange = undefined;
    this.#receiver = undefined;
    this.#answers++;
    if (!reusable) this.#close();
    exchange.succeed({ status, headers, body: receiver.body });
    if (reusable && !this.closed) this.#events.onIdle(this);
  }

  #timedOut(): void {
    const exchange = this.#close();
    if (exchange === undefined) return;
    const { stallBytes } = this.#timeouts;
    const what =
      this.#awaited === "answer" ? "no sign of an answer" : `fewer than ${stallBytes} bytes moved`;
    const message = `${what} for ${this.#limitMs} ms`;
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

  /** Closes the stream at once and returns the exchange that this cuts off. */
  #close(): Exchange | undefined {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#receiver = undefined;
    const stream = this.#stream;
    if (stream === undefined) return exchange;
    this.#stream = undefined;
    clearInterval(this.#clock);
    stream.destroy();
    this.#events.onClosed(this);
    return exchange;
  }
}
