/**
 * A TCP or TLS server that says exactly the bytes a test wants, when it wants: each connection runs a
 * script. It parses nothing of a request but where it ends.
 */

import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";
import tls, { type TlsOptions } from "node:tls";

import { deferred } from "../../src/base/deferred.ts";

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** The server's end of one connection. */
export class Peer {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #ended: boolean = false;
  #arrival = deferred<void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake();
    });
    socket.on("error", () => this.#end());
    socket.on("close", () => this.#end());
    socket.on("end", () => this.#end());
  }

  /** The next whole request, or undefined when the client has closed. */
  async request(): Promise<RawRequest | undefined> {
    const head = await this.requestHead();
    if (head === undefined) return undefined;
    const byteCount = Number(head.headers["content-length"] ?? 0);
    while (this.#received.length < byteCount) {
      if (this.#ended) return undefined;
      await this.#arrival.promise;
    }
    const body = this.#received.subarray(0, byteCount);
    this.#received = this.#received.subarray(byteCount);
    return { ...head, body };
  }

  /** The next request as far as its header. */
  async requestHead(): Promise<RawRequest | undefined> {
    let end = this.#received.indexOf("\r\n\r\n");
    while (end === -1) {
      if (this.#ended) return undefined;
      await this.#arrival.promise;
      end = this.#received.indexOf("\r\n\r\n");
    }
    const [line = "", ...fields] = this.#received.subarray(0, end).toString("latin1").split("\r\n");
    this.#received = this.#received.subarray(end + 4);
    const [method = "", path = ""] = line.split(" ");
    const headers = Object.fromEntries(
      fields.map((field) => {
        const colon = field.indexOf(":");
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
      }),
    );
    return { method, path, headers, body: Buffer.alloc(0) };
  }

  /** Sends `bytes` and resolves when the kernel has them. */
  async send(bytes: string | Uint8Array): Promise<void> {
    if (this.socket.destroyed) return;
    await new Promise<void>((resolve) => this.socket.write(bytes, () => resolve()));
  }

  /** Resolves when the client has closed. */
  async closed(): Promise<void> {
    while (!this.#ended) await this.#arrival.promise;
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    this.#arrival.resolve();
    this.#arrival = deferred<void>();
  }
}

export interface RawServer {
  readonly port: number;
  readonly url: string;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Connections that are open now. */
  readonly open: number;
  close(): Promise<void>;
}

/** `index` counts connections from 0. What a script throws fails the test through `close()`. */
export type Script = (peer: Peer, index: number) => Promise<void>;

export async function startRawServer(script: Script, options?: TlsOptions): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const failures: unknown[] = [];
  let accepted = 0;
  const onConnection = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    script(new Peer(socket), accepted++).catch((error: unknown) => failures.push(error));
  };
  const server =
    options === undefined
      ? net.createServer({ noDelay: true }, onConnection)
      : tls.createServer(options, onConnection);
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${options === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    get accepted() {
      return accepted;
    },
    get open() {
      return sockets.size;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
      if (failures.length > 0) throw failures[0];
    },
  };
}

/** A script that answers every request with what `answer` says, keeping the connection open. */
export function answering(
  answer: (request: RawRequest, index: number) => string | Uint8Array,
): Script {
  let index = 0;
  return async (peer) => {
    for (;;) {
      const request = await peer.request();
      if (request === undefined) return;
      await peer.send(answer(request, index++));
    }
  };
}

/** A response with a length and a body. */
export function response(
  status: number,
  headers: Readonly<Record<string, string | number>>,
  body: string | Uint8Array = "",
): Buffer {
  const bytes = Buffer.from(body);
  const all = { "content-length": bytes.length, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} X\r\n${lines.join("")}\r\n`), bytes]);
}

export function errorXml(code: string, extra = ""): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>About ${code}.</Message>${extra}<RequestId>R1</RequestId></Error>`;
}

/** What a server that knows ranges answers to a GET of `object`. */
export function rangeResponse(object: Uint8Array, request: RawRequest, etag = '"e1"'): Buffer {
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers["range"] ?? "");
  if (range === null) return response(200, { etag }, object);
  const from = Number(range[1]);
  const to = Number(range[2]);
  const headers = { etag, "content-range": `bytes ${from}-${to}/${object.length}` };
  return response(206, headers, object.subarray(from, to + 1));
}
