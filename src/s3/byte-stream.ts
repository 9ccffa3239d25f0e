/**
 * The seam between HTTP and sockets: a connected byte stream, plain or encrypted, and whoever speaks
 * over it. `native-stream.ts` is the addon's, `node-stream.ts` the one for a Node that lends no OpenSSL.
 */

/** Whoever speaks over a stream. A call that comes after `destroy` means nothing. */
export interface StreamOwner {
  /** Where the next bytes go. Non-empty. May destroy the stream: then nothing goes there. */
  target(): Uint8Array;
  /** Whether the last target will be filled, since each that follows is what is left of it until then. */
  readonly keepsTarget: boolean;
  /** The first `byteCount` bytes of the last target have come. Returns whether more are wanted now. */
  received(byteCount: number): boolean;
  /** So many more bytes of what is being sent have gone to the kernel. */
  sent(byteCount: number): void;
  /** The server has closed its side. */
  ended(): void;
  /** The stream has broken. */
  failed(error: unknown): void;
}

export interface ByteStream {
  /** Sends `head`, which is Latin-1, and `body` behind it. What was sent before must have gone. */
  send(head: string, body: readonly Uint8Array[]): void;
  /** Whether nothing waits to be read, as far as can be said without asking the kernel. */
  isDrained(): boolean;
  /** What was sent and is not known to have arrived; 0 when that is unknown, or the stream is closed. */
  queuedBytes(): number;
  /** Whether an open stream keeps the process alive: at first it does. */
  ref(): void;
  unref(): void;
  /** Closes at once: nothing is read from a body nor written into a target any more. Idempotent. */
  destroy(): void;
}
