/**
 * Receives one HTTP response, without a socket: it says where the next bytes shall go, is told how many
 * came, and knows when it is whole.
 *
 * The header goes to a scratch buffer; the body is then received straight into its sink. Only body
 * bytes that came in one read with the header, and those of chunked bodies, are copied.
 */

import { assert } from "../base/assert.ts";
import { BodyBuffer } from "./body-buffer.ts";
import { ChunkDecoder } from "./chunk-decoder.ts";
import type { BodySink } from "./object-client.ts";
import { ProtocolError, quoted } from "./protocol-error.ts";
import { framingOf, parseHead, type ResponseHead } from "./response-head.ts";

/** All headers of one response, interim ones included. S3's own limit on both sides is far lower. */
const HEAD_BYTES_MAX = 65_536;
/** Holds a usual header and a body of 4 KiB, so that a small GET is one read. */
export const SCRATCH_BYTES: number = 16_384;

const HEAD_END = Buffer.from("\r\n\r\n");
const HTTP_BYTES = Buffer.from("HTTP/1.");

/** Where a body goes that the caller receives itself, and how much of it. */
export interface Acceptance {
  readonly sink: BodySink;
  /** Exactly this many bytes are received; what the server has beyond them is never read. */
  readonly byteCount: number;
}

/** Looks at the header of an answer; undefined gathers the body. Throws to refuse the answer. */
export type Accept = (head: ResponseHead) => Acceptance | undefined;

type State = "head" | "direct" | "until-close" | "chunked" | "done";

export class ResponseReceiver {
  readonly #method: string;
  readonly #accept: Accept | undefined;
  #scratch: Buffer;
  #state: State = "head";
  #filled = 0;
  /** Bytes before this one hold no end of the header, so that they are not searched again. */
  #searched = 0;
  #interimBytes = 0;
  #head: ResponseHead | undefined;
  #sink: BodySink | undefined;
  #gathered: BodyBuffer | undefined;
  #chunks: ChunkDecoder | undefined;
  #remaining = 0;
  #reusable: boolean = true;

  constructor(method: string, scratch: Buffer, accept?: Accept) {
    this.#method = method;
    this.#scratch = scratch;
    this.#accept = accept;
  }

  get done(): boolean {
    return this.#state === "done";
  }

  get headDone(): boolean {
    return this.#head !== undefined;
  }

  /** The response's header; only after `headDone`. */
  get head(): ResponseHead {
    assert(this.#head !== undefined, "the header has been received");
    return this.#head;
  }

  /** The gathered body: empty when a sink took it. */
  get body(): Buffer {
    return this.#gathered?.body ?? Buffer.alloc(0);
  }

  /** Whether the connection may carry another request; only when `done`. */
  get reusable(): boolean {
    return this.#reusable;
  }

  /** Whether the body is received straight into its sink. */
  get direct(): boolean {
    return this.#state === "direct" || this.#state === "until-close";
  }

  /** Where the next bytes go. Non-empty. Not to be called once `done`. */
  target(): Uint8Array {
    if (this.direct) {
      const target = this.#sinkTarget();
      return target.length > this.#remaining ? target.subarray(0, this.#remaining) : target;
    }
    if (this.#state !== "head" || this.#filled === 0) return this.#scratch;
    return this.#scratch.subarray(this.#filled);
  }

  /** The first `byteCount` bytes of the last target have come. Throws ProtocolError. */
  received(byteCount: number): void {
    switch (this.#state) {
      case "direct":
      case "until-close":
        this.#sinkFilled(byteCount);
        break;
      case "chunked":
        this.#receiveChunks(this.#scratch.subarray(0, byteCount));
        break;
      case "head":
        this.#filled += byteCount;
        this.#receiveHead();
        break;
      default:
        assert(false, "bytes come while the response is not whole");
    }
  }

  /** The server has closed its side: whether the response is whole by that. */
  ended(): boolean {
    if (this.#state === "until-close" && this.#gathered !== undefined) this.#finish(false);
    return this.#state === "done";
  }

  /** Whether any byte has come. */
  get begun(): boolean {
    return this.#filled > 0 || this.#interimBytes > 0;
  }

  #receiveHead(): void {
    while (this.#state === "head") {
      const bytes = this.#scratch;
      if (!startsLikeHttp(bytes, this.#filled)) {
        const sent = quoted(bytes.subarray(0, this.#filled));
        throw new ProtocolError(`it does not speak HTTP: it sent ${sent}`);
      }
      const end = bytes.indexOf(HEAD_END, this.#searched);
      // What lies behind is of an earlier answer.
      const isWhole = end !== -1 && end + HEAD_END.length <= this.#filled;
      const headBytes = this.#interimBytes + (isWhole ? end : this.#filled);
      if (headBytes >= HEAD_BYTES_MAX) throw new ProtocolError("its header is too long");
      if (!isWhole) {
        this.#searched = Math.max(0, this.#filled - HEAD_END.length + 1);
        if (this.#filled === bytes.length) this.#growScratch();
        return;
      }
      this.#endHead(parseHead(bytes, end), end + HEAD_END.length);
    }
  }

  #growScratch(): void {
    const larger = Buffer.allocUnsafeSlow(this.#scratch.length * 2);
    this.#scratch.copy(larger);
    this.#scratch = larger;
  }

  #endHead(head: ResponseHead, headBytes: number): void {
    if (head.status === 101) throw new ProtocolError("it switches protocols unasked");
    if (head.status < 200) {
      this.#interimBytes += headBytes;
      this.#scratch.copyWithin(0, headBytes, this.#filled);
      this.#filled -= headBytes;
      this.#searched = 0;
      return;
    }
    this.#head = head;
    this.#beginBody(head);
    if (headBytes === this.#filled) return;
    const rest = this.#scratch.subarray(headBytes, this.#filled);
    if (this.#state === "chunked") this.#receiveChunks(rest);
    else this.#copyToSink(rest);
  }

  #beginBody(head: ResponseHead): void {
    const framing = framingOf(this.#method, head);
    const acceptance = this.#accept?.(head);
    const announced = framing.kind === "length" ? framing.byteCount : undefined;
    const wanted = acceptance?.byteCount ?? announced ?? Number.POSITIVE_INFINITY;
    if (announced !== undefined && announced < wanted) {
      throw new ProtocolError(`it announces ${announced} bytes where ${wanted} were asked for`);
    }
    if (acceptance === undefined) this.#gathered = new BodyBuffer(announced ?? 0);
    this.#sink = acceptance?.sink ?? this.#gathered;
    this.#remaining = wanted;
    this.#reusable = head.keepAlive && (announced === undefined || announced === wanted);
    if (framing.kind === "chunked") {
      this.#chunks = new ChunkDecoder();
      this.#state = "chunked";
    } else {
      this.#state = framing.kind === "length" ? "direct" : "until-close";
      if (wanted === 0) this.#finish(this.#reusable);
    }
  }

  #receiveChunks(bytes: Uint8Array): void {
    const chunks = this.#chunks;
    assert(chunks !== undefined, "a chunked body has a decoder");
    const used = chunks.decode(bytes, (data) => this.#copyToSink(data));
    if (!chunks.done || this.#state === "done") return;
    if (this.#gathered === undefined && this.#remaining > 0) {
      throw new ProtocolError(`its body ends ${this.#remaining} bytes early`);
    }
    this.#finish(this.#reusable && used === bytes.length);
  }

  #copyToSink(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && this.#remaining > 0) {
      const target = this.#sinkTarget();
      const byteCount = Math.min(target.length, bytes.length - at, this.#remaining);
      target.set(byteCount === bytes.length ? bytes : bytes.subarray(at, at + byteCount));
      at += byteCount;
      this.#sinkFilled(byteCount);
    }
    if (at < bytes.length) this.#finish(false);
  }

  #sinkTarget(): Uint8Array {
    assert(this.#sink !== undefined, "a body has a sink");
    const target = this.#sink.target();
    assert(target.length > 0, "a sink's target is not empty");
    return target;
  }

  #sinkFilled(byteCount: number): void {
    this.#remaining -= byteCount;
    this.#sink?.filled(byteCount);
    if (this.#remaining > 0 || this.#state === "chunked") return;
    // What an unbounded body has beyond is of no use; its end is not waited for.
    this.#finish(this.#reusable && this.#state === "direct");
  }

  #finish(reusable: boolean): void {
    this.#state = "done";
    this.#reusable = reusable;
  }
}

function startsLikeHttp(bytes: Buffer, filled: number): boolean {
  const byteCount = Math.min(filled, HTTP_BYTES.length);
  for (let at = 0; at < byteCount; at++) if (bytes[at] !== HTTP_BYTES[at]) return false;
  return true;
}
