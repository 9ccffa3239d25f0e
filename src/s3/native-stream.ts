/**
 * A byte stream over a wire of the addon: one call of JavaScript for all that has come, where Node makes
 * one for each read and, with TLS, for each record of 16 KiB and with a copy more.
 */

import { getSystemErrorName } from "node:util";

import { assert } from "../base/assert.ts";
import { type Deferred, deferred } from "../base/deferred.ts";
import { EAGAIN, EPROTO } from "../base/errno.ts";
import { MIB } from "../base/sizes.ts";
import type { Addon, TlsContext, Wire } from "../native/index.ts";
import type { ByteStream, StreamOwner } from "./byte-stream.ts";

/** A wire that took so many bytes at once takes more at its next event. */
const TURN_BYTES = MIB;

/** What is needed of the addon. */
export type WireMaker = Pick<Addon, "openTlsContext" | "openWire">;

export class NativeStream implements ByteStream {
  readonly #wire: Wire;
  readonly #owner: StreamOwner;
  #isSecure: boolean = false;
  #handshake: Deferred<void> | undefined;
  #unsent: Uint8Array[] = [];
  #sendFailure = 0;
  #closed: boolean = false;
  /** What a data thread has yet to fill of the owner's target. */
  #lentBytes = 0;

  /** Takes a duplicate of the connected socket `fd`. */
  constructor(maker: WireMaker, fd: number, owner: StreamOwner) {
    this.#owner = owner;
    this.#wire = maker.openWire(fd, (hungUp, count) => this.#onEvent(hungUp, count));
  }

  /** Speaks TLS from here on. The stream is destroyed when it rejects, as with the reason of `signal`. */
  async secure(context: TlsContext, host: string, signal: AbortSignal): Promise<void> {
    const result = this.#wire.secure(context, host);
    this.#isSecure = true;
    const handshake = deferred<void>();
    this.#handshake = handshake;
    const onAbort = (): void => handshake.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      signal.throwIfAborted();
      if (result < 0) throw this.#error("start TLS", result);
      this.#continueHandshake(handshake);
      await handshake.promise;
    } catch (error) {
      this.destroy();
      throw error;
    } finally {
      this.#handshake = undefined;
      signal.removeEventListener("abort", onAbort);
    }
  }

  send(head: string, body: readonly Uint8Array[]): void {
    const bytes = Buffer.from(head, "latin1");
    this.#unsent = body.length === 0 ? [bytes] : [bytes, ...body];
    this.#push();
    if (this.#sendFailure < 0) this.#pull(true);
  }

  isDrained(): boolean {
    return !this.#isSecure || this.#wire.isDrained();
  }

  queuedBytes(): number {
    return Math.max(this.#wire.queued(), 0);
  }

  ref(): void {
    this.#wire.ref();
  }

  unref(): void {
    this.#wire.unref();
  }

  destroy(): void {
    this.#closed = true;
    this.#unsent = [];
    this.#wire.close();
  }

  #onEvent(hungUp: boolean, count: number | undefined): void {
    if (this.#closed) return;
    if (count !== undefined) {
      this.#takeLent(count);
    } else if (this.#handshake === undefined) {
      this.#push();
      this.#pull(hungUp || this.#sendFailure < 0);
    } else {
      this.#continueHandshake(this.#handshake);
      if (hungUp) this.#handshake.reject(new Error("the connection closed during the handshake"));
    }
  }

  #continueHandshake(handshake: Deferred<void>): void {
    const result = this.#wire.handshake();
    if (result === 0) handshake.resolve();
    else if (result !== -EAGAIN) handshake.reject(this.#error("handshake", result));
  }

  #push(): void {
    for (let bytes = this.#unsent[0]; bytes !== undefined; bytes = this.#unsent[0]) {
      const count = this.#wire.write(bytes, this.#unsent.length > 1);
      if (count === -EAGAIN) return;
      if (count < 0) {
        this.#sendFailure = count;
        this.#unsent = [];
        return;
      }
      if (count < bytes.length) this.#unsent[0] = bytes.subarray(count);
      else this.#unsent.shift();
      this.#owner.sent(count);
      if (count < bytes.length || count >= TURN_BYTES) return;
    }
  }

  /** Hands over what has come. With `isLast` no event will follow: the end must show itself now. */
  #pull(isLast: boolean): void {
    while (!this.#closed) {
      const target = this.#owner.target();
      if (this.#closed) return;
      if (!isLast && this.#owner.keepsTarget && this.#wire.lend(target)) {
        this.#lentBytes = target.length;
        return;
      }
      const count = this.#wire.read(target);
      if (count > 0) {
        const goesOn = this.#owner.received(count);
        if (isLast) continue;
        if (!goesOn || (count < target.length && !this.#isSecure)) return;
      } else {
        this.#end(count, isLast);
        return;
      }
    }
  }

  /** A data thread has filled `count` bytes more, or has stopped short of all. */
  #takeLent(count: number): void {
    if (count <= 0) {
      this.#lentBytes = 0;
      this.#end(count, false);
      return;
    }
    this.#lentBytes -= count;
    const goesOn = this.#owner.received(count);
    if (!goesOn || this.#closed) return;
    if (this.#lentBytes === 0) {
      this.#pull(false);
      return;
    }
    const left = this.#owner.target().length;
    assert(this.#closed || left === this.#lentBytes, "a target that is kept is filled");
  }

  #end(result: number, isLast: boolean): void {
    if (result === 0) this.#owner.ended();
    else if (result !== -EAGAIN) this.#owner.failed(this.#error("read", result));
    else if (isLast) this.#owner.failed(this.#error("write", this.#sendFailure));
  }

  #error(what: string, result: number): Error {
    if (result === -EPROTO) return new Error(this.#wire.failure());
    if (result === 0) return new Error("the connection closed");
    return new Error(`${what} ${getSystemErrorName(result)}`);
  }
}
