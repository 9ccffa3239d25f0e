/**
 * Takes the chunked transfer coding (RFC 9112, section 7.1) off a body that arrives in arbitrary
 * pieces. Chunk extensions and trailer fields are read and ignored.
 */

import { ProtocolError } from "./protocol-error.ts";

/** A size line with extensions, or one trailer line; and all trailer lines together. */
const LINE_BYTES_MAX = 4096;
const TRAILER_BYTES_MAX = 16_384;

const CR = 13;
const LF = 10;

type State = "size" | "data" | "data-end" | "trailer" | "done";

export class ChunkDecoder {
  #state: State = "size";
  #line = "";
  #remaining = 0;
  #trailerBytes = 0;

  get done(): boolean {
    return this.#state === "done";
  }

  /**
   * Decodes `bytes`, handing each run of data to `emit`. Returns how many bytes belong to the body:
   * fewer than given only when it is done. Throws ProtocolError.
   */
  decode(bytes: Uint8Array, emit: (data: Uint8Array) => void): number {
    let at = 0;
    while (at < bytes.length && this.#state !== "done") {
      if (this.#state === "data") {
        const end = Math.min(bytes.length, at + this.#remaining);
        emit(bytes.subarray(at, end));
        this.#remaining -= end - at;
        at = end;
        if (this.#remaining === 0) this.#state = "data-end";
      } else {
        at = this.#takeLine(bytes, at);
      }
    }
    return at;
  }

  /** Moves bytes up to the next line feed into the line, and acts on it when it is whole. */
  #takeLine(bytes: Uint8Array, start: number): number {
    const feed = bytes.indexOf(LF, start);
    const end = feed === -1 ? bytes.length : feed + 1;
    if (this.#line.length + end - start > LINE_BYTES_MAX) {
      throw new ProtocolError("a line of its chunked coding is too long");
    }
    this.#line += Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString(
      "latin1",
    );
    if (feed === -1) return end;
    const line = this.#line;
    this.#line = "";
    if (line.charCodeAt(line.length - 2) !== CR) throw new ProtocolError("a chunk line lacks CRLF");
    this.#endLine(line.slice(0, -2));
    return end;
  }

  #endLine(line: string): void {
    if (this.#state === "size") {
      const size = /^([0-9A-Fa-f]{1,12})[\t ]*(?:;.*)?$/.exec(line)?.[1];
      if (size === undefined) throw new ProtocolError("a chunk has no valid size");
      this.#remaining = Number.parseInt(size, 16);
      this.#state = this.#remaining === 0 ? "trailer" : "data";
    } else if (this.#state === "data-end") {
      if (line !== "") throw new ProtocolError("a chunk is longer than its size says");
      this.#state = "size";
    } else if (line === "") {
      this.#state = "done";
    } else {
      this.#trailerBytes += line.length;
      if (this.#trailerBytes > TRAILER_BYTES_MAX)
        throw new ProtocolError("its trailer is too long");
    }
  }
}
