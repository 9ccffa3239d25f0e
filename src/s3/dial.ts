/**
 * Opens streams to one origin: TCP or TLS, directly or through a proxy. A stream is handed out when it
 * is ready for a request, so that one time limit covers all of its beginnings.
 *
 * Node's `net` finds and connects (names, several addresses, proxies); the addon takes over from there,
 * TLS included. Without it, and inside the tunnel of an encrypted proxy, Node's sockets are used.
 */

import net, { type OnReadOpts, type Socket } from "node:net";
import tls from "node:tls";

import type { TlsContext } from "../native/index.ts";
import type { ByteStream, StreamOwner } from "./byte-stream.ts";
import { NativeStream, type WireMaker } from "./native-stream.ts";
import { NodeStream, onreadFor } from "./node-stream.ts";
import { isAddress, type Origin, originOf } from "./origin.ts";
import { openTunnel } from "./proxy.ts";
import { defaultTrust, type NodeEnvironment } from "./trust.ts";

export interface Route {
  readonly origin: Origin;
  readonly proxy: URL | undefined;
  /** PEM certificates to trust in place of Node's own list. */
  readonly caBundle: string | undefined;
  readonly connectMs: number;
  /** undefined: only Node's own sockets are used. */
  readonly wires: WireMaker | undefined;
  readonly nodeEnvironment: NodeEnvironment;
}

/** Connecting took longer than `Route.connectMs`. */
export class ConnectTimeoutError extends Error {
  override readonly name = "ConnectTimeoutError";
}

/**
 * Node's own list, but AES with 128 bits before that with 256, which costs both ends a third more and
 * which nobody can break either.
 */
const ciphers = (): string => `TLS_AES_128_GCM_SHA256:${tls.DEFAULT_CIPHERS}`;

export class Dialer {
  readonly #route: Route;
  /** Who is at the other end, and speaks TLS if that is spoken: the origin, or the proxy of a plain one. */
  readonly #peer: Origin;
  /** The proxy that opens a tunnel to the peer. */
  readonly #tunnel: URL | undefined;
  #nodeContext: tls.SecureContext | undefined;
  #wireContext: TlsContext | "none" | undefined;

  constructor(route: Route) {
    const { origin, proxy } = route;
    this.#route = route;
    this.#peer = proxy === undefined || origin.secure ? origin : originOf(proxy);
    this.#tunnel = origin.secure ? proxy : undefined;
  }

  /**
   * Connects for `owner`, who destroys the stream. Rejects with Node's error, a ConnectTimeoutError, or
   * the reason of `signal`.
   */
  async dial(owner: StreamOwner, signal: AbortSignal): Promise<ByteStream> {
    signal.throwIfAborted();
    const { connectMs } = this.#route;
    const limit = new AbortController();
    const timer = setTimeout(() => {
      limit.abort(new ConnectTimeoutError(`no connection within ${connectMs} ms`));
    }, connectMs);
    const onAbort = (): void => limit.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await this.#connect(owner, limit.signal);
    } catch (error) {
      throw limit.signal.aborted ? limit.signal.reason : error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #connect(owner: StreamOwner, signal: AbortSignal): Promise<ByteStream> {
    const { wires } = this.#route;
    const peer = this.#peer;
    const tunnel = this.#tunnel;
    const context = wires !== undefined && peer.secure ? this.#contextFor(wires) : undefined;
    const isNative = wires !== undefined && context !== "none";
    if (!isNative && tunnel === undefined) return this.#connectByNode(owner, signal);

    const socket =
      tunnel === undefined
        ? await ready(connectPaused(peer), "connect", signal)
        : await openTunnel(tunnel, peer, signal);
    const fd = descriptorOf(socket);
    if (!isNative || fd === undefined) return this.#connectInside(socket, owner, signal);
    try {
      const stream = new NativeStream(wires, fd, owner);
      if (context !== undefined) await stream.secure(context, peer.host, signal);
      return stream;
    } finally {
      // The stream has a descriptor of its own.
      socket.destroy();
    }
  }

  async #connectByNode(owner: StreamOwner, signal: AbortSignal): Promise<ByteStream> {
    const { port, secure } = this.#peer;
    const host = addressOf(this.#peer);
    const onread = onreadFor(owner);
    const socket = secure
      ? tls.connect({ host, port, ...this.#tlsOptions(onread) })
      : net.connect({ host, port, onread, noDelay: true });
    await ready(socket, secure ? "secureConnect" : "connect", signal);
    return new NodeStream(socket, owner, false);
  }

  /** Makes a stream of a socket that is connected already: Node knows no `onread` for that. */
  async #connectInside(
    socket: Socket,
    owner: StreamOwner,
    signal: AbortSignal,
  ): Promise<ByteStream> {
    if (!this.#peer.secure) return new NodeStream(socket, owner, true);
    const inner = tls.connect({ ...this.#tlsOptions(undefined), socket });
    return new NodeStream(await ready(inner, "secureConnect", signal), owner, true);
  }

  #tlsOptions(onread: OnReadOpts | undefined): TlsOptions {
    const { host } = this.#peer;
    this.#nodeContext ??= secureContext(this.#route);
    return {
      ...(onread === undefined ? {} : { onread }),
      noDelay: true,
      secureContext: this.#nodeContext,
      rejectUnauthorized: true,
      // A server name is never an address (RFC 6066).
      ...(isAddress(host) ? {} : { servername: host }),
      ALPNProtocols: ["http/1.1"],
    };
  }

  /** One for all streams, so that they resume one another's sessions. */
  #contextFor(wires: WireMaker): TlsContext | "none" {
    this.#wireContext ??= this.#openContext(wires) ?? "none";
    return this.#wireContext;
  }

  #openContext(wires: WireMaker): TlsContext | undefined {
    const { caBundle, nodeEnvironment } = this.#route;
    const trust =
      caBundle === undefined
        ? defaultTrust(nodeEnvironment)
        : { certificates: [caBundle], system: false };
    // Whoever starts Node with --tls-max-v1.2 has a reason, for which Node's sockets will do.
    if (trust === undefined || tls.DEFAULT_MAX_VERSION !== "TLSv1.3") return undefined;
    const names = ciphers().split(":");
    const isSuite = (name: string): boolean => name.startsWith("TLS_");
    return wires.openTlsContext(
      trust.certificates,
      trust.system,
      names.filter(isSuite).join(":"),
      names.filter((name) => !isSuite(name)).join(":"),
    );
  }
}

/**
 * The host to connect to. Names below "localhost" are this machine (RFC 6761), which few resolvers know,
 * and which buckets in the host name make of an endpoint here.
 */
function addressOf({ host }: Origin): string {
  return host.endsWith(".localhost") ? "localhost" : host;
}

/** tls.connect() hands these on to the socket, which its types do not know. */
type TlsOptions = tls.ConnectionOptions & { onread?: OnReadOpts; noDelay: boolean };

function secureContext({ caBundle }: Route): tls.SecureContext {
  return tls.createSecureContext({
    ciphers: ciphers(),
    minVersion: "TLSv1.2",
    ...(caBundle === undefined ? {} : { ca: caBundle }),
  });
}

/** The descriptor of a socket, which Node exposes without documenting it. */
function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, "_handle");
  const fd: unknown = typeof handle === "object" && handle !== null && Reflect.get(handle, "fd");
  return typeof fd === "number" && fd >= 0 && !isEncrypted(socket) ? fd : undefined;
}

/** As Node's TLS sockets say of themselves; plain ones need no module of TLS. */
function isEncrypted(socket: Socket): boolean {
  return Reflect.get(socket, "encrypted") === true;
}

/** A socket of which Node reads nothing. */
function connectPaused(peer: Origin): Socket {
  const socket = net.connect({ host: addressOf(peer), port: peer.port, noDelay: true });
  socket.pause();
  return socket;
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
