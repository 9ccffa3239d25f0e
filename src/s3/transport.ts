/**
 * HTTP/1.1 to any number of origins: one connection pool for each, opened on demand. Sends requests as
 * they are given and knows nothing of S3 but its error class.
 */

import type { CancelSignal } from "../base/cancellation.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import { ConnectionPool } from "./connection-pool.ts";
import type { WireMaker } from "./native-stream.ts";
import { type Origin, originKey } from "./origin.ts";
import { type ProxyEnvironment, proxyFor } from "./proxy.ts";
import { logged } from "./request-log.ts";
import { measured } from "./request-metrics.ts";
import type { Timeouts } from "./timeouts.ts";
import {
  requestError,
  type TransportRequest,
  type TransportResponse,
} from "./transport-request.ts";
import type { NodeEnvironment } from "./trust.ts";

/** Per origin. S3 serves 55-90 MB/s on one connection, so that this fills 25 Gbit/s and more. */
export const CONNECTIONS_MAX = 64;

export interface TransportOptions {
  readonly timeouts: Timeouts;
  readonly connectionsMax: number;
  readonly proxy: ProxyEnvironment;
  readonly caBundle: string | undefined;
  /** undefined: Node's own sockets. */
  readonly wires: WireMaker | undefined;
  readonly nodeEnvironment: NodeEnvironment;
  readonly log: Log;
  /** undefined: nothing is measured. */
  readonly metrics?: Metrics | undefined;
}

export class Transport {
  readonly #options: TransportOptions;
  readonly #pools: Map<string, ConnectionPool> = new Map();
  /** Of the request before: as a rule the next has the same. */
  #latest: { readonly origin: Origin; readonly pool: ConnectionPool } | undefined;
  #closed: boolean = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  get timeouts(): Timeouts {
    return this.#options.timeouts;
  }

  /** Connections that exist or are being opened, to all origins. */
  get connectionCount(): number {
    let count = 0;
    for (const pool of this.#pools.values()) count += pool.connectionCount;
    return count;
  }

  /** Resolves with whatever the server answers. Rejects with an S3Error, without having retried. */
  send(request: TransportRequest, signal?: CancelSignal): Promise<TransportResponse> {
    if (this.#closed) {
      return Promise.reject(requestError(request, "aborted", "the client is closed"));
    }
    const { origin } = request;
    if (this.#latest?.origin !== origin) this.#latest = { origin, pool: this.#poolOf(origin) };
    const { pool } = this.#latest;
    const { log, metrics } = this.#options;
    const answer =
      metrics === undefined
        ? pool.send(request, signal)
        : measured(request, metrics, (watched) => pool.send(watched, signal));
    return log.debugEnabled ? logged(request, answer, log) : answer;
  }

  #poolOf(origin: Origin): ConnectionPool {
    const key = originKey(origin);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      const { connectionsMax, log, metrics: _, proxy, timeouts, ...how } = this.#options;
      const { connectMs } = timeouts;
      const route = { ...how, origin, proxy: proxyFor(origin, proxy), connectMs };
      pool = new ConnectionPool({ route, timeouts, connectionsMax, log });
      this.#pools.set(key, pool);
    }
    return pool;
  }

  /** Closes every connection; what is under way fails with kind "aborted". Final. */
  close(): void {
    this.#closed = true;
    for (const pool of this.#pools.values()) pool.close();
  }
}
