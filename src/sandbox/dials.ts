/** How the endpoint behaves as a network and a disk; every dial may be turned while it serves. */

import type { Socket } from "node:net";
import { waitOpen } from "./connection.ts";

export interface Dials {
  /** From the end of a request to the first byte of its answer, in milliseconds. */
  firstByteMs: number;
  /** Of bodies, in each direction and for each connection; Infinity for no limit. */
  bytesPerSecond: number;
  /** Count the bytes of uploads and forget them; such objects read as a pattern. */
  discard: boolean;
  /** The most entries of one page of a listing, at most S3's 1000. */
  maxKeysPerPage: number;
  /**
   * For how long CompleteMultipartUpload sends white space, after status 200, before its result. S3
   * does so where joining the parts takes long; an error then comes in the body of the 200.
   */
  completeKeepAliveMs: number;
  /** Refuse requests that do not agree to pay. */
  requesterPays: boolean;
  /** The most parts that appending to an object may give it; S3's are 10,000. */
  partsMax: number;
  /** How long the sessions last that are made from now on; S3's last for five minutes. */
  sessionMs: number;
  /** Refuse requests to directory buckets that no session signs, but for those that none may sign. */
  requiresSessions: boolean;
}

export const DEFAULT_DIALS: Readonly<Dials> = {
  firstByteMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  discard: false,
  maxKeysPerPage: 1000,
  completeKeepAliveMs: 0,
  requesterPays: false,
  partsMax: 10_000,
  sessionMs: 300_000,
  requiresSessions: true,
};

/** Holds one connection's bodies to the bandwidth on the dial. */
export class Pace {
  readonly #socket: Socket;
  readonly #dials: Readonly<Dials>;
  #freeAtMs = 0;

  constructor(socket: Socket, dials: Readonly<Dials>) {
    this.#socket = socket;
    this.#dials = dials;
  }

  /** The most bytes to send at once, so that a slow connection is slow evenly: 50 pieces a second. */
  get pieceBytes(): number {
    return Math.max(Math.floor(this.#dials.bytesPerSecond / 50), 64);
  }

  /**
   * A promise for the time at which `byteCount` bytes have passed, or nothing when that is now. It
   * rejects with `ConnectionLostError` when the connection ends first.
   */
  pass(byteCount: number): Promise<void> | undefined {
    const { bytesPerSecond } = this.#dials;
    if (bytesPerSecond === Number.POSITIVE_INFINITY) return undefined;
    const nowMs = performance.now();
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + (byteCount / bytesPerSecond) * 1000;
    const waitMs = this.#freeAtMs - nowMs;
    // Timers count whole milliseconds; what is left over is waited for with the next piece.
    return waitMs < 1 ? undefined : waitOpen(this.#socket, waitMs);
  }
}
