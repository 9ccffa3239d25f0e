/** A client with short pauses against a raw server, and a sink that keeps what it gets. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from "vitest";

import { silentLog } from "../../src/base/log.ts";
import { addon } from "../../src/native/index.ts";
import {
  type BodySink,
  CachedCredentials,
  createObjectClient,
  type ObjectClient,
  type ObjectClientOptions,
} from "../../src/s3/index.ts";
import type { WireMaker } from "../../src/s3/native-stream.ts";
import { type RawServer, type Script, startRawServer } from "./raw-server.ts";

export const CREDENTIALS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "very-secret" } as const;

let wires: WireMaker | undefined = addon();

/** The addon's sockets, or undefined for Node's: whichever the test at hand is about. */
export function wiresUnderTest(): WireMaker | undefined {
  return wires;
}

/** The same tests over the addon's sockets, of which data threads receive bodies or not, and over Node's. */
export function describeBoth(what: string, tests: () => void): void {
  describe.each([
    ["the addon's sockets", addon(), 0],
    ["the addon's sockets with data threads", addon(), 2],
    ["Node's sockets", undefined, 0],
  ])(`${what}, over %s`, (_, maker, dataThreads) => {
    beforeAll(() => {
      expect(addon().setDataThreads(dataThreads, 1)).toBe(0);
    });
    afterAll(() => {
      expect(addon().setDataThreads(0, 0)).toBe(0);
    });
    beforeEach(() => {
      wires = maker;
    });
    afterEach(() => {
      wires = addon();
    });
    tests();
  });
}

export function clientFor(url: string, options: Partial<ObjectClientOptions> = {}): ObjectClient {
  return createObjectClient({
    bucket: "bucket",
    region: "us-east-1",
    endpointUrl: url,
    forcePathStyle: true,
    profile: undefined,
    credentials: new CachedCredentials(async () => CREDENTIALS),
    retry: { baseMs: 1, capMs: 2 },
    ...(wires && { wires }),
    log: silentLog,
    ...options,
  });
}

/** Connects a client to a raw server that follows a script; both are closed after each test. */
export interface Connector {
  (script: Script, options?: Partial<ObjectClientOptions>): Promise<ObjectClient>;
  /** The server of the last client. */
  readonly server: RawServer | undefined;
}

/** To be called where a test file or a `describe` begins. */
export function connector(defaults: Partial<ObjectClientOptions> = {}): Connector {
  let server: RawServer | undefined;
  let client: ObjectClient | undefined;
  afterEach(async () => {
    client?.close();
    await server?.close();
    server = undefined;
    client = undefined;
  });
  const connect = async (
    script: Script,
    options: Partial<ObjectClientOptions> = {},
  ): Promise<ObjectClient> => {
    server = await startRawServer(script);
    client = clientFor(server.url, { ...defaults, ...options });
    return client;
  };
  return Object.defineProperty(connect, "server", { get: () => server }) as Connector;
}

/** Collects a body in pieces of at most `pieceBytes`. */
export class MemorySink implements BodySink {
  readonly #pieceBytes: number;
  readonly #pieces: Uint8Array[] = [];
  #target: Uint8Array = new Uint8Array();
  restarts = 0;

  constructor(pieceBytes = 65_536) {
    this.#pieceBytes = pieceBytes;
  }

  target(): Uint8Array {
    if (this.#target.length === 0) this.#target = new Uint8Array(this.#pieceBytes);
    return this.#target;
  }

  filled(byteCount: number): void {
    this.#pieces.push(this.#target.subarray(0, byteCount));
    this.#target = this.#target.subarray(byteCount);
  }

  restart(): void {
    this.restarts++;
    this.#pieces.length = 0;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

/** Bytes that differ at every offset, so that a body resumed at the wrong byte is noticed. */
export function patternBytes(byteCount: number): Buffer {
  const bytes = Buffer.alloc(byteCount);
  for (let index = 0; index < byteCount; index++)
    bytes[index] = (index * 31 + (index >> 8) * 7) & 255;
  return bytes;
}
