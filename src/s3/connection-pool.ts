/**
 * The connections to one origin. A request takes the connection that rested last (its congestion
 * window is widest), opens one when all are busy and fewer than `connectionsMax` exist, and waits in
 * line otherwise.
 */

import { setMaxListeners } from "node:events";

import type { CancelSignal } from "../base/cancellation.ts";
import { inBackground, type Log, messageOf } from "../base/log.ts";
import { Connection, type ConnectionEvents, type Exchange } from "./connection.ts";
import { ConnectTimeoutError, Dialer, type Route } from "./dial.ts";
import type { S3Error } from "./error.ts";
import { originKey } from "./origin.ts";
import { proxyAuthorization } from "./proxy.ts";
import type { Timeouts } from "./timeouts.ts";
import {
  encodeHead,
  requestError,
  type TransportRequest,
  type TransportResponse,
} from "./transport-request.ts";

/** Requests in line. Far more than the layers above allow themselves, yet an end. */
const WAITING_MAX = 10_000;
/** How often one request is sent again because a used connection turned out to be dead. */
const RESENDS_MAX = 3;

export interface PoolOptions {
  readonly route: Route;
  readonly timeouts: Timeouts;
  readonly connectionsMax: number;
  readonly log: Log;
}

/** `carrier` is the connection that it was given to, once it left the line. */
interface Waiting extends Exchange {
  resends: number;
  carrier: Connection | undefined;
}

export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #dialer: Dialer;
  readonly #events: ConnectionEvents;
  readonly #closing: AbortController = new AbortController();
  readonly #connections: Set<Connection> = new Set();
  readonly #idle: Connection[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #wire: Log;
  #dialing = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#wire = options.log.named("wire");
    this.#dialer = new Dialer(options.route);
    // Every connection that is being opened listens, which is no leak.
    setMaxListeners(0, this.#closing.signal);
    this.#events = {
      onIdle: (connection) => this.#release(connection),
      onClosed: (connection) => this.#forget(connection),
    };
  }

  /** Connections that exist or are being opened. */
  get connectionCount(): number {
    return this.#connections.size + this.#dialing;
  }

  /** Sends `request`. Rejects with an S3Error; with kind "aborted" as soon as `signal` aborts. */
  send(request: TransportRequest, signal?: CancelSignal): Promise<TransportResponse> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true || this.#closing.signal.aborted) {
        reject(abortedError(request));
        return;
      }
      const onAbort = (): void => this.#abort(exchange);
      const exchange: Waiting = {
        request,
        head: this.#encodeHead(request),
        resends: 0,
        carrier: undefined,
        succeed: (response) => {
          signal?.removeEventListener("abort", onAbort);
          resolve(response);
        },
        fail: (error, stale) => {
          if (stale && request.once !== true && this.#resend(exchange)) return;
          signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
      };
      // Any number may listen to one signal, which is no leak.
      if (signal instanceof AbortSignal) setMaxListeners(0, signal);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#dispatch(exchange);
    });
  }

  /** Closes all connections; every request fails with kind "aborted". */
  close(): void {
    this.#closing.abort();
    for (const { fail, request } of this.#waiting.splice(0)) fail(abortedError(request), false);
    for (const connection of [...this.#connections]) connection.destroy(abortedError);
  }

  #encodeHead(request: TransportRequest): string {
    const { origin, proxy } = this.#options.route;
    if (proxy === undefined || origin.secure) return encodeHead(request, request.path);
    const authorization = proxyAuthorization(proxy);
    const headers =
      authorization === undefined
        ? request.headers
        : { ...request.headers, "proxy-authorization": authorization };
    return encodeHead({ ...request, headers }, `${originKey(origin)}${request.path}`);
  }

  #dispatch(exchange: Waiting): void {
    const idle = this.#idle.pop();
    if (idle !== undefined) {
      this.#start(idle, exchange);
    } else if (this.#waiting.length < WAITING_MAX) {
      this.#waiting.push(exchange);
      this.#openIfNeeded();
    } else {
      const message = `${WAITING_MAX} requests wait for a connection already`;
      exchange.fail(requestError(exchange.request, "network", message), false);
    }
  }

  #start(connection: Connection, exchange: Waiting): void {
    exchange.carrier = connection;
    connection.start(exchange);
  }

  #abort(exchange: Waiting): void {
    if (exchange.carrier !== undefined) {
      exchange.carrier.destroy(abortedError);
      return;
    }
    this.#waiting.splice(this.#waiting.indexOf(exchange), 1);
    exchange.fail(abortedError(exchange.request), false);
  }

  /** Requests that may have acted on the server are not repeated unasked. */
  #resend(exchange: Waiting): boolean {
    const repeatable = exchange.request.method !== "POST";
    if (!repeatable || exchange.resends >= RESENDS_MAX || this.#closing.signal.aborted)
      return false;
    exchange.resends++;
    exchange.carrier = undefined;
    this.#waiting.unshift(exchange);
    this.#openIfNeeded();
    return true;
  }

  #release(connection: Connection): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      this.#start(connection, next);
      return;
    }
    this.#idle.push(connection);
    connection.rest();
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    this.#trace("closed a connection to");
    const index = this.#idle.indexOf(connection);
    if (index !== -1) this.#idle.splice(index, 1);
    this.#openIfNeeded();
  }

  #openIfNeeded(): void {
    const { connectionsMax, log, route } = this.#options;
    if (this.#closing.signal.aborted) return;
    if (this.#dialing >= this.#waiting.length || this.connectionCount >= connectionsMax) return;
    this.#dialing++;
    inBackground(log, `connecting to ${originKey(route.origin)}`, this.#open());
  }

  async #open(): Promise<void> {
    const connection = new Connection(this.#options.timeouts, this.#events);
    try {
      const stream = await this.#dialer.dial(connection, this.#closing.signal);
      this.#connections.add(connection);
      this.#trace("connected to");
      connection.attach(stream);
    } catch (error) {
      this.#trace(`${messageOf(error)}, connecting to`);
      const exchange = this.#waiting.shift();
      exchange?.fail(this.#connectError(exchange.request, error), false);
    }
    this.#dialing--;
    if (!connection.closed) this.#release(connection);
    this.#openIfNeeded();
  }

  #trace(event: string): void {
    if (!this.#wire.debugEnabled) return;
    const counts = `${this.#connections.size} open, ${this.#waiting.length} requests waiting`;
    this.#wire.debug(`${event} ${originKey(this.#options.route.origin)}: ${counts}`);
  }

  #connectError(request: TransportRequest, error: unknown): S3Error {
    const { origin, proxy } = this.#options.route;
    const via = proxy === undefined ? "" : ` through the proxy ${proxy.host}`;
    const kind = error instanceof ConnectTimeoutError ? "timeout" : "network";
    const message = `cannot connect to ${originKey(origin)}${via}: ${messageOf(error)}`;
    return requestError(request, kind, message, error);
  }
}

function abortedError(request: TransportRequest): S3Error {
  return requestError(request, "aborted", "it was given up");
}
