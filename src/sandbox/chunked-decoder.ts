/**
 * Unwraps aws-chunked bodies, in which AWS clients wrap what they cannot sign or sum up beforehand:
 *
 *     <hex length>[;chunk-signature=<hex>] CRLF <bytes> CRLF   … repeated, the last one of length 0
 *     <trailer>:<value> CRLF … [x-amz-trailer-signature:<hex> CRLF] CRLF
 *
 * Fed with whatever pieces the socket gives, it passes views of them on; only lines are copied.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */

import { createHash, type Hash } from "node:crypto";
import { SandboxError } from "./error.ts";
import { chainSignature, type SigningChain, sameText, sha256Hex } from "./signature.ts";

const LINE_BYTES_MAX = 4096;
const TRAILER_LINES_MAX = 16;
const EMPTY_SHA256 = sha256Hex("");
const LINE_FEED = 0x0a;

type State = "chunk-header" | "chunk-data" | "chunk-end" | "trailer" | "done";

export class ChunkedDecoder {
  readonly trailers = new Map<string, string>();
  readonly #take: (bytes: Buffer) => void;
  readonly #chain: SigningChain | undefined;
  #state: State = "chunk-header";
  #line = "";
  #remainingBytes = 0;
  /** Of the chunk being read, where chunks are signed. */
  #hash: Hash | undefined;
  #expectedSignature = "";
  #previousSignature: string;

  /** Chunks must be signed in continuation of `chain`, unless it is undefined. */
  constructor(take: (bytes: Buffer) => void, chain: SigningChain | undefined) {
    this.#take = take;
    this.#chain = chain;
    this.#previousSignature = chain?.signature ?? "";
  }

  /** Whether the body has come to its end. */
  get done(): boolean {
    return this.#state === "done";
  }

  write(bytes: Buffer): void {
    for (let at = 0; at < bytes.byteLength; ) {
      if (this.#state === "done") throw new SandboxError("IncompleteBody");
      at += this.#state === "chunk-data" ? this.#data(bytes, at) : this.#lineFrom(bytes, at);
    }
  }

  #data(bytes: Buffer, at: number): number {
    const piece = bytes.subarray(at, at + this.#remainingBytes);
    this.#hash?.update(piece);
    this.#take(piece);
    this.#remainingBytes -= piece.byteLength;
    if (this.#remainingBytes === 0) this.#state = "chunk-end";
    return piece.byteLength;
  }

  #lineFrom(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(LINE_FEED, at);
    const stop = end === -1 ? bytes.byteLength : end;
    if (this.#line.length + stop - at > LINE_BYTES_MAX) throw new SandboxError("IncompleteBody");
    this.#line += bytes.toString("latin1", at, stop);
    if (end === -1) return stop - at;
    if (!this.#line.endsWith("\r")) throw new SandboxError("IncompleteBody");
    const line = this.#line.slice(0, -1);
    this.#line = "";
    this.#endLine(line);
    return end + 1 - at;
  }

  #endLine(line: string): void {
    if (this.#state === "chunk-header") this.#beginChunk(line);
    else if (this.#state === "chunk-end") this.#endChunk(line);
    else this.#trailer(line);
  }

  #beginChunk(line: string): void {
    const match = /^([0-9a-fA-F]{1,10})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
    if (match === null) throw new SandboxError("IncompleteBody");
    const [, length = "", signature = ""] = match;
    this.#remainingBytes = Number.parseInt(length, 16);
    const last = this.#remainingBytes === 0;
    this.#expectedSignature = signature;
    if (this.#chain !== undefined) this.#hash = createHash("sha256");
    if (last) this.#verifyChunk();
    this.#state = last ? "trailer" : "chunk-data";
  }

  #endChunk(line: string): void {
    if (line !== "") throw new SandboxError("IncompleteBody");
    this.#verifyChunk();
    this.#state = "chunk-header";
  }

  #verifyChunk(): void {
    if (this.#chain === undefined || this.#hash === undefined) return;
    const signature = chainSignature(this.#chain, "AWS4-HMAC-SHA256-PAYLOAD", [
      this.#previousSignature,
      EMPTY_SHA256,
      this.#hash.digest("hex"),
    ]);
    if (!sameText(signature, this.#expectedSignature)) {
      throw new SandboxError("SignatureDoesNotMatch");
    }
    this.#previousSignature = signature;
  }

  #trailer(line: string): void {
    if (line === "") {
      this.#verifyTrailers();
      this.#state = "done";
      return;
    }
    const colon = line.indexOf(":");
    if (colon === -1 || this.trailers.size === TRAILER_LINES_MAX) {
      throw new SandboxError("IncompleteBody");
    }
    this.trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }

  #verifyTrailers(): void {
    const given = this.trailers.get("x-amz-trailer-signature");
    this.trailers.delete("x-amz-trailer-signature");
    if (this.#chain === undefined || this.trailers.size === 0) return;
    const canonical = [...this.trailers].map(([name, value]) => `${name}:${value}\n`).join("");
    const signature = chainSignature(this.#chain, "AWS4-HMAC-SHA256-TRAILER", [
      this.#previousSignature,
      sha256Hex(canonical),
    ]);
    if (!sameText(signature, given ?? "")) throw new SandboxError("SignatureDoesNotMatch");
  }
}
