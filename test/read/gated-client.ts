/**
 * An object client whose GETs a test moves by hand: each waits in a queue until the test sends bytes,
 * finishes, fails or restarts it. It checks what callers promise, and that a sink is never touched
 * after its GET has settled.
 */

import { deferred } from "../../src/base/deferred.ts";
import {
  type GetRequest,
  type ObjectClient,
  S3Error,
  type S3ErrorKind,
} from "../../src/s3/index.ts";

/** Bytes that differ from place to place, so that a byte from elsewhere is seen. */
export function pattern(byteCount: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(byteCount / 4));
  let word = seed | 1;
  for (let i = 0; i < words.length; i += 1) {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    words[i] = word;
  }
  return Buffer.from(words.buffer, 0, byteCount);
}

export function s3Error(kind: S3ErrorKind, operation = "GetObject"): S3Error {
  return new S3Error(`made to fail: ${kind}`, { kind, operation });
}

/** Copies `data` into the sink, as a transport would. */
function pour(request: GetRequest, data: Uint8Array): void {
  for (let at = 0; at < data.length; ) {
    const target = request.sink.target();
    if (target.length === 0) throw new Error("a target is not empty");
    const byteCount = Math.min(target.length, data.length - at);
    target.set(data.subarray(at, at + byteCount));
    request.sink.filled(byteCount);
    at += byteCount;
  }
}

/** One GET under way. */
export class Transfer {
  readonly request: GetRequest;
  readonly signal: AbortSignal | undefined;
  readonly #object: Uint8Array;
  readonly #settled = deferred<void>();
  #sentBytes = 0;
  #done: boolean = false;

  constructor(object: Uint8Array, request: GetRequest, signal: AbortSignal | undefined) {
    this.#object = object;
    this.request = request;
    this.signal = signal;
    signal?.addEventListener("abort", () => this.fail(s3Error("aborted")), { once: true });
  }

  get result(): Promise<void> {
    return this.#settled.promise;
  }

  get done(): boolean {
    return this.#done;
  }

  get range(): readonly [number, number] {
    return [this.request.offset, this.request.byteCount];
  }

  /** Sends the next `byteCount` bytes, or all that are left. */
  send(byteCount = this.request.byteCount - this.#sentBytes): void {
    if (this.#done) throw new Error("this GET has settled");
    const from = this.request.offset + this.#sentBytes;
    pour(this.request, this.#object.subarray(from, from + byteCount));
    this.#sentBytes += byteCount;
  }

  /** Sends wrong bytes instead. */
  sendRubbish(byteCount: number): void {
    pour(this.request, new Uint8Array(byteCount).fill(0xee));
    this.#sentBytes += byteCount;
  }

  restart(): void {
    this.request.sink.restart();
    this.#sentBytes = 0;
  }

  /** Sends the rest, if the GET has not settled, and ends it well. */
  finish(): void {
    if (this.#done) return;
    this.send();
    this.#done = true;
    this.#settled.resolve();
  }

  fail(error: Error): void {
    if (this.#done) return;
    this.#done = true;
    this.#settled.reject(error);
  }
}

function unexpected(): never {
  throw new Error("a reader only sends GETs");
}

export class GatedClient implements ObjectClient {
  readonly transfers: Transfer[] = [];
  readonly #object: Uint8Array;
  /** Called for each new GET, to move it at once. */
  onGet: (transfer: Transfer) => void = () => {};

  constructor(object: Uint8Array) {
    this.#object = object;
  }

  get ranges(): (readonly [number, number])[] {
    return this.transfers.map((transfer) => transfer.range);
  }

  get underWay(): Transfer[] {
    return this.transfers.filter((transfer) => !transfer.done);
  }

  get(request: GetRequest, signal?: AbortSignal): Promise<void> {
    const { offset, byteCount, objectBytes } = request;
    if (byteCount <= 0 || offset + byteCount > this.#object.length) throw new Error("bad range");
    if (objectBytes !== this.#object.length) throw new Error("wrong object size");
    if (signal?.aborted === true) return Promise.reject(s3Error("aborted"));
    const transfer = new Transfer(this.#object, request, signal);
    this.transfers.push(transfer);
    this.onGet(transfer);
    return transfer.result;
  }

  /** The GET that was started as the `index`th. */
  transfer(index: number): Transfer {
    const transfer = this.transfers[index];
    if (transfer === undefined) throw new Error(`only ${this.transfers.length} GETs were sent`);
    return transfer;
  }

  readonly head = unexpected;
  readonly headStored = unexpected;
  readonly append = unexpected;
  readonly list = unexpected;
  readonly put = unexpected;
  readonly createUpload = unexpected;
  readonly uploadPart = unexpected;
  readonly completeUpload = unexpected;
  readonly abortUpload = unexpected;
  readonly delete = unexpected;
  readonly rename = unexpected;
  readonly close = unexpected;
}
