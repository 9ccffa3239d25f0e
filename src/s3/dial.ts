/**
 * Opens connections to one origin: TCP or TLS, directly or through a proxy. A connection is handed out
 * when it is ready for a request, so that one time limit covers all of its beginnings.
 */

import net, { type OnReadOpts, type Socket } from "node:net";
import tls from "node:tls";

import type { Origin } from "./origin.ts";
import { openTunnel } from "./proxy.ts";

export interface Route {
  readonly origin: Origin;
  readonly proxy: URL | undefined;
  /** PEM certificates to trust in place of Node's own list. */
  readonly caBundle: string | undefined;
  readonly connectMs: number;
}

/** Whether sockets of this route ignore `onread`: Node has no such option for TLS inside a tunnel. */
export function ignoresOnread(route: Route): boolean {
  return route.origin.secure && route.proxy !== undefined;
}

/** Connecting took longer than `Route.connectMs`. */
export class ConnectTimeoutError extends Error {
  override readonly name = "ConnectTimeoutError";
}

/**
 * Connects; received bytes go to `onread` unless the route ignores it. The caller owns the socket and destroys it. Rejects with
 * Node's error, a ConnectTimeoutError, or the reason of `signal`.
 */
export async function dial(route: Route, onread: OnReadOpts, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(new ConnectTimeoutError(`no connection within ${route.connectMs} ms`));
  }, route.connectMs);
  const onAbort = (): void => limit.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await connect(route, onread, limit.signal);
  } catch (error) {
    throw limit.signal.aborted ? limit.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

async function connect(route: Route, onread: OnReadOpts, signal: AbortSignal): Promise<Socket> {
  const { origin, proxy } = route;
  if (!origin.secure) {
    const { host, port, secure } = proxy === undefined ? origin : proxyAddress(proxy);
    const socket = secure
      ? tls.connect({ host: addressOf(host), port, ...tlsOptions(route, host, onread) })
      : net.connect({ host: addressOf(host), port, noDelay: true, onread });
    return ready(socket, secure ? "secureConnect" : "connect", signal);
  }
  const options = tlsOptions(route, origin.host, onread);
  if (proxy === undefined) {
    const { host, port } = origin;
    return ready(tls.connect({ host: addressOf(host), port, ...options }), "secureConnect", signal);
  }
  const socket = await openTunnel(proxy, origin, signal);
  return ready(tls.connect({ ...options, socket }), "secureConnect", signal);
}

/**
 * The host to connect to. Names below "localhost" are this machine (RFC 6761), which few resolvers know,
 * and which buckets in the host name make of an endpoint here.
 */
function addressOf(host: string): string {
  return host.endsWith(".localhost") ? "localhost" : host;
}

function proxyAddress(proxy: URL): Origin {
  const secure = proxy.protocol === "https:";
  const port = proxy.port === "" ? (secure ? 443 : 80) : Number(proxy.port);
  return { secure, host: proxy.hostname.replace(/^\[|\]$/g, ""), port };
}

/** tls.connect() hands these on to the socket, which its types do not know. */
type TlsOptions = tls.ConnectionOptions & { onread: OnReadOpts; noDelay: boolean };

/**
 * Node's own list, but AES with 128 bits before that with 256, which costs both ends a third more and
 * which nobody can break either.
 */
const CIPHERS = `TLS_AES_128_GCM_SHA256:${tls.DEFAULT_CIPHERS}`;

function tlsOptions(route: Route, host: string, onread: OnReadOpts): TlsOptions {
  return {
    onread,
    noDelay: true,
    ciphers: CIPHERS,
    // A server name is never an address (RFC 6066).
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...(route.caBundle === undefined ? {} : { ca: route.caBundle }),
    ALPNProtocols: ["http/1.1"],
  };
}

function ready(socket: Socket, event: string, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    // The listener for errors stays: one may strike before the connection adds its own.
    socket.on("error", reject);
    socket.once("close", () => reject(new Error("the connection closed during the handshake")));
    socket.once(event, () => {
      signal.removeEventListener("abort", onAbort);
      resolve(socket);
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
