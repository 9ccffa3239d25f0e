/**
 * The sink for bodies that are read whole: errors, XML, answers of the SDK's operations. It starts at
 * the length that the server announced, so that the usual body is received without moving.
 */

import { MIB } from "../base/sizes.ts";
import type { BodySink } from "./object-client.ts";
import { ProtocolError } from "./protocol-error.ts";

/** Far above a full page of a listing (1000 keys of 1024 bytes, each escaped threefold, and frames). */
const BODY_BYTES_MAX: number = 16 * MIB;

const BYTES_MIN = 1024;

export class BodyBuffer implements BodySink {
  #bytes: Buffer;
  #filled = 0;

  /** `byteCount` is what the server announced, or 0 when it did not. */
  constructor(byteCount: number) {
    if (byteCount > BODY_BYTES_MAX) throw tooLong();
    this.#bytes = Buffer.allocUnsafe(byteCount === 0 ? BYTES_MIN : byteCount);
  }

  target(): Uint8Array {
    if (this.#filled === this.#bytes.length) this.#grow();
    return this.#bytes.subarray(this.#filled);
  }

  filled(byteCount: number): void {
    this.#filled += byteCount;
  }

  restart(): void {
    this.#filled = 0;
  }

  /** What has been received, as a view that the next `target()` may replace. */
  get body(): Buffer {
    return this.#bytes.subarray(0, this.#filled);
  }

  #grow(): void {
    if (this.#filled >= BODY_BYTES_MAX) throw tooLong();
    const larger = Buffer.allocUnsafe(Math.min(this.#filled * 2, BODY_BYTES_MAX));
    this.#bytes.copy(larger, 0, 0, this.#filled);
    this.#bytes = larger;
  }
}

function tooLong(): ProtocolError {
  return new ProtocolError(`its body is longer than ${BODY_BYTES_MAX} bytes`);
}
