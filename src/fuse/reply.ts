/**
 * Composes replies in one small buffer and writes them to the channel. A reply is composed and
 * written in one go, between two awaits, so that the buffer can serve all requests of a session.
 */

import type { Channel } from "../native/index.ts";
import { ENTRY_OUT, OPEN_OUT, OUT_HEADER } from "./abi.ts";

/** The longest reply that is not bytes of a file or of a directory: CREATE's. */
const REPLY_BYTES_MAX = OUT_HEADER.bytes + ENTRY_OUT.bytes + OPEN_OUT.bytes;

/**
 * Every method that writes returns what the channel does: a byte count, or -errno; for much data perhaps
 * the promise of that, until when the data must stay as it is.
 */
export class ReplyWriter {
  /** The word at which a reply's struct begins. */
  static readonly bodyWord = OUT_HEADER.bytes / 4;

  readonly words: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #channel: Channel;

  constructor(channel: Channel) {
    const memory = new ArrayBuffer(REPLY_BYTES_MAX);
    this.words = new Uint32Array(memory);
    this.#bytes = new Uint8Array(memory);
    this.#channel = channel;
  }

  /** Says which request the next reply answers, by the halves of its unique number. */
  address(uniqueLow: number, uniqueHigh: number): void {
    this.words[OUT_HEADER.unique >>> 2] = uniqueLow;
    this.words[(OUT_HEADER.unique >>> 2) + 1] = uniqueHigh;
  }

  /** Refuses with `errno`, a number in 1..511. */
  sendError(errno: number): number {
    this.#head(0, errno);
    return this.#channel.reply(this.#bytes, OUT_HEADER.bytes);
  }

  /** Answers with the struct of `bodyBytes` that was put into `words` at `bodyWord`. */
  send(bodyBytes: number): number {
    this.#head(bodyBytes, 0);
    return this.#channel.reply(this.#bytes, OUT_HEADER.bytes + bodyBytes);
  }

  /** Answers with the first `byteCount` bytes of `data`. */
  sendData(data: Uint8Array, byteCount: number): number | Promise<number> {
    this.#head(byteCount, 0);
    return this.#channel.replyRange(this.#bytes, OUT_HEADER.bytes, data, 0, byteCount);
  }

  /** Answers with all of `parts`, which hold `byteCount` bytes together. */
  sendParts(parts: readonly Uint8Array[], byteCount: number): number | Promise<number> {
    this.#head(byteCount, 0);
    return this.#channel.replyVector(this.#bytes, OUT_HEADER.bytes, parts);
  }

  #head(bodyBytes: number, errno: number): void {
    this.words[OUT_HEADER.len >>> 2] = OUT_HEADER.bytes + bodyBytes;
    this.words[OUT_HEADER.error >>> 2] = -errno;
  }
}
