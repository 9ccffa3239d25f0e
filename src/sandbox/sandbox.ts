/**
 * The embedded endpoint as its users hold it: started with `createSandbox`, addressed by `url`, turned
 * by its dials, broken by its faults, asked what it was asked, and looked into without HTTP.
 */

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { assert } from "../base/assert.ts";
import { inBackground, type Log, silentLog } from "../base/log.ts";
import { Buckets } from "./bucket.ts";
import type { Checksums } from "./checksum.ts";
import { type Content, PatternContent, readContent } from "./content.ts";
import { DEFAULT_DIALS, type Dials, Pace } from "./dials.ts";
import { DirectoryStorage } from "./directory-storage.ts";
import { type Endpoint, Exchange } from "./exchange.ts";
import { Faults } from "./faults.ts";
import { DEFAULT_CONTENT_TYPE, usualStorageClass } from "./object-metadata.ts";
import { type LoggedRequest, RequestLog } from "./request-log.ts";
import { Sessions } from "./sessions.ts";
import { Authenticator, type Credentials } from "./signature.ts";
import { MemoryStorage } from "./storage.ts";
import { type StoredObject, storedNowMs } from "./stored-object.ts";

export interface SandboxOptions {
  readonly checksums: Checksums;
  /** Made unless they exist already. */
  readonly buckets: readonly string[];
  /** "anonymous" lets everyone in. */
  readonly credentials: Credentials | "anonymous";
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** 0, the default, takes one that is free. */
  readonly port?: number;
  /** us-east-1 by default. Requests that are signed for another are refused as S3 refuses them. */
  readonly region?: string;
  /** Kept in memory by default; in a directory, objects survive. */
  readonly storage?: { readonly directory: string };
  /** PEM; makes it https. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly dials?: Partial<Dials>;
  readonly log?: Log;
  /** Called with each request when its answer has gone. */
  readonly onRequest?: (request: LoggedRequest) => void;
}

/** What a virtual object reads as. */
export interface Pattern {
  readonly sizeBytes: number;
  readonly seed: number;
}

/** A multipart upload in progress. */
export interface UploadInProgress {
  readonly key: string;
  readonly uploadId: string;
  readonly partNumbers: readonly number[];
}

/**
 * Starts an endpoint. Rejects with Node's error where it cannot listen or its directory cannot be used,
 * and with a `SandboxError` for a bucket that S3 would not make.
 */
export async function createSandbox(options: SandboxOptions): Promise<Sandbox> {
  const sandbox = new Sandbox(options);
  await sandbox.comeUp();
  return sandbox;
}

export class Sandbox {
  readonly faults = new Faults();
  /** To be turned at any time. */
  readonly dials: Dials;
  readonly region: string;
  readonly #requests: RequestLog;
  readonly #server: Server;
  readonly #scheme: "http" | "https";
  readonly #host: string;
  readonly #endpoint: Endpoint;
  readonly #exchanges = new Set<Promise<void>>();
  readonly #paces = new WeakMap<Socket, Pace>();
  /** By the peer's address: the connections below TLS, which alone can be reset. */
  readonly #rawSockets = new Map<string, Socket>();
  #port: number;

  constructor(options: SandboxOptions) {
    const { tls, storage, log = silentLog, host = "127.0.0.1", region = "us-east-1" } = options;
    this.#requests = new RequestLog(options.onRequest ?? (() => {}));
    this.dials = { ...DEFAULT_DIALS, ...options.dials };
    this.region = region;
    this.#host = host;
    this.#port = options.port ?? 0;
    this.#scheme = tls === undefined ? "http" : "https";
    const buckets = new Buckets(
      storage === undefined ? new MemoryStorage() : new DirectoryStorage(storage.directory),
    );
    for (const name of options.buckets) if (buckets.find(name) === undefined) buckets.create(name);
    this.#endpoint = {
      authenticator: new Authenticator(options.credentials, region),
      buckets,
      checksums: options.checksums,
      dials: this.dials,
      domains: [host.toLowerCase(), "localhost"],
      faults: this.faults,
      log,
      region,
      requests: this.#requests,
      sessions: new Sessions(),
    };
    // A slow upload is slow on purpose, so nothing but the head has a time limit.
    const settings = { requestTimeout: 0, keepAliveTimeout: 60_000, noDelay: true };
    this.#server =
      tls === undefined ? createServer(settings) : createTlsServer({ ...settings, ...tls });
    this.#listen();
  }

  /** "http://127.0.0.1:40123", without a slash at the end. */
  get url(): string {
    return `${this.#scheme}://${this.#host}:${this.#port}`;
  }

  /** The latest requests, oldest first: at least the last 10,000. */
  get requests(): readonly LoggedRequest[] {
    return this.#requests.entries;
  }

  /** How many requests there were since `clearRequests`: all, or those of one operation. */
  count(operation?: string): number {
    return this.#requests.count(operation);
  }

  clearRequests(): void {
    this.#requests.clear();
  }

  /** Ends the server and every connection; resolves when all exchanges have ended. */
  async close(): Promise<void> {
    await this.goDown();
  }

  /** As `close`, but `comeUp` serves again, on the same port and with all that was stored. */
  async goDown(): Promise<void> {
    const down = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
    this.#server.closeAllConnections();
    for (const socket of this.#rawSockets.values()) socket.destroy();
    await Promise.all([down, ...this.#exchanges]);
  }

  async comeUp(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#port, this.#host, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  createBucket(name: string): void {
    this.#endpoint.buckets.create(name);
  }

  /** With everything in it. */
  deleteBucket(name: string): void {
    const bucket = this.#endpoint.buckets.get(name);
    for (const key of this.listKeys(name)) bucket.delete(key);
    this.#endpoint.buckets.delete(name);
  }

  /** Stores a copy of `bytes`. Resolves with the ETag. */
  async putObject(bucket: string, key: string, bytes: Uint8Array | string): Promise<string> {
    const source = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
    const { buckets } = this.#endpoint;
    const target = buckets.get(bucket);
    const writer = buckets.storage.createWriter(source.byteLength);
    await writer.write(source);
    const etag = `"${createHash("md5").update(source).digest("hex")}"`;
    target.put(newObject(bucket, { key, etag, content: await writer.finish() }));
    return etag;
  }

  /**
   * An object of generated bytes, those of `fillPattern(…, seed, offset)`, that takes no memory
   * whatever its size. Returns its ETag, which is no MD5 and does not look like one.
   */
  addPattern(bucket: string, key: string, pattern: Pattern): string {
    const { sizeBytes, seed } = pattern;
    const hash = createHash("md5").update(`pattern ${seed} ${sizeBytes}`).digest("hex");
    const etag = `"${hash}-1"`;
    const content = new PatternContent(seed, sizeBytes);
    this.#endpoint.buckets.get(bucket).put(newObject(bucket, { key, etag, content }));
    return etag;
  }

  /** The bytes of an object, or undefined where there is none. */
  async getObject(bucket: string, key: string): Promise<Buffer | undefined> {
    const object = this.#endpoint.buckets.get(bucket).get(key);
    if (object === undefined) return undefined;
    const bytes = Buffer.allocUnsafeSlow(object.content.sizeBytes);
    let filledBytes = 0;
    await readContent(object.content, (piece) => {
      bytes.set(piece, filledBytes);
      filledBytes += piece.byteLength;
    });
    return bytes;
  }

  deleteObject(bucket: string, key: string): void {
    this.#endpoint.buckets.get(bucket).delete(key);
  }

  /** In S3's order. */
  listKeys(bucket: string, prefix = ""): readonly string[] {
    const request = { prefix, delimiter: "", after: "", entriesMax: Number.POSITIVE_INFINITY };
    return this.#endpoint.buckets.get(bucket).listPage(request).keys;
  }

  /** The multipart uploads in progress. */
  uploads(bucket: string): readonly UploadInProgress[] {
    return this.#endpoint.buckets
      .get(bucket)
      .uploads()
      .map(({ key, uploadId, parts }) => ({ key, uploadId, partNumbers: [...parts.keys()] }));
  }

  #listen(): void {
    const server = this.#server;
    server.on("connection", (socket: Socket) => {
      const peer = peerOf(socket);
      this.#rawSockets.set(peer, socket);
      socket.once("close", () => this.#rawSockets.delete(peer));
    });
    server.on("request", (message, response) => this.#serve(message, response, false));
    server.on("checkContinue", (message, response) => this.#serve(message, response, true));
    server.on("clientError", (_error, socket) => {
      if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
      else socket.destroy();
    });
  }

  #serve(message: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const pace = this.#paceOf(message.socket);
    const reset = () => this.#reset(message.socket);
    const exchange = new Exchange(this.#endpoint, {
      message,
      response,
      pace,
      reset,
      expectsContinue,
    });
    const served = exchange.serve().finally(() => this.#exchanges.delete(served));
    this.#exchanges.add(served);
    inBackground(this.#endpoint.log, "an exchange", served);
  }

  #paceOf(socket: Socket): Pace {
    const known = this.#paces.get(socket);
    if (known !== undefined) return known;
    const pace = new Pace(socket, this.dials);
    this.#paces.set(socket, pace);
    return pace;
  }

  #reset(socket: Socket): void {
    this.#rawSockets.get(peerOf(socket))?.resetAndDestroy();
    socket.destroy();
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function newObject(
  bucket: string,
  {
    content,
    etag,
    key,
  }: { readonly key: string; readonly etag: string; readonly content: Content },
): StoredObject {
  assert(key !== "", "an object has a key");
  return {
    key,
    content,
    etag,
    lastModifiedMs: storedNowMs(),
    storageClass: usualStorageClass(bucket),
    headers: { "content-type": DEFAULT_CONTENT_TYPE },
    checksum: undefined,
  };
}
