/**
 * The kernel's end of /dev/fuse, without a kernel: requests go in byte for byte, replies come out
 * and are checked as fs/fuse/dev.c checks them. `deliver` stands for one wake-up of the event loop.
 */

import { OPCODE } from "../../src/fuse/abi.ts";
import type { Addon, Channel } from "../../src/native/index.ts";

export interface KernelReply {
  readonly unique: bigint;
  /** Positive; 0 for success. */
  readonly errno: number;
  readonly body: Buffer;
}

const EBADF = 9;
const EAGAIN = 11;
const ENODEV = 19;
const HEADER_BYTES = 16;
/** Of a request: the low byte of its number, and what a WRITE has before its payload. */
const OPCODE_AT = 4;
const WRITE_HEAD_BYTES = 80;

export class FakeKernel {
  readonly replies: KernelReply[] = [];
  readonly notifications: Buffer[] = [];
  /** What writing the reply to a request returns; undefined lets it through. */
  refuse: (reply: KernelReply) => number | undefined = () => undefined;
  /** What must have happened before a reply with data is written, as by a data thread; undefined writes it now. */
  writesDataAfter: Promise<void> | undefined;
  notifyResult = 0;
  isPaused = false;
  isClosed: boolean = false;
  /** What the next receive returns in place of a request. */
  receiveError: number | undefined;
  readonly #requests: Uint8Array[] = [];
  #onReadable: () => void = () => {};
  #device: "mounted" | "gone" = "mounted";

  readonly addon: Pick<Addon, "openChannel"> = {
    openChannel: (options) => this.#open(options),
  };

  /** Requests that were not taken yet. */
  get waitingCount(): number {
    return this.#requests.length;
  }

  queue(...requests: readonly Uint8Array[]): void {
    this.#requests.push(...requests);
  }

  /** Wakes the session up as long as there is something to take, as a level-triggered poll does. */
  deliver(...requests: readonly Uint8Array[]): void {
    this.queue(...requests);
    while (this.#requests.length > 0 && !this.isPaused && !this.isClosed) {
      const before = this.#requests.length;
      this.#onReadable();
      if (this.#requests.length === before) throw new Error("the session takes no requests");
    }
  }

  /** One wake-up, whatever there is to take. */
  wake(): void {
    this.#onReadable();
  }

  unmount(): void {
    this.#device = "gone";
    this.#onReadable();
  }

  /** The only reply to `unique`. */
  replyTo(unique: number | bigint): KernelReply {
    const found = this.replies.filter((reply) => reply.unique === BigInt(unique));
    const [only] = found;
    if (only === undefined || found.length > 1) {
      throw new Error(`${found.length} replies to request ${unique}`);
    }
    return only;
  }

  #open({ onReadable }: Parameters<Addon["openChannel"]>[0]): Channel {
    this.#onReadable = onReadable;
    return {
      receive: (head, payload) => this.#receive(head, payload),
      reply: (message, byteCount) => this.#take([message.subarray(0, byteCount)]),
      replyRange: (header, headerBytes, data, offset, byteCount) =>
        this.#takeData(header.subarray(0, headerBytes), [
          data.subarray(offset, offset + byteCount),
        ]),
      replyVector: (header, headerBytes, parts) =>
        this.#takeData(header.subarray(0, headerBytes), parts),
      notify: async (message) => {
        this.notifications.push(Buffer.from(message));
        return this.notifyResult;
      },
      pause: () => {
        this.isPaused = true;
      },
      resume: () => {
        this.isPaused = false;
      },
      close: () => {
        this.isClosed = true;
      },
    };
  }

  #receive(head: Uint8Array, payload: Uint8Array): number {
    if (this.receiveError !== undefined) return this.receiveError;
    if (this.#device === "gone") return -ENODEV;
    const request = this.#requests.shift();
    if (request === undefined) return -EAGAIN;
    // What an earlier request left behind must not matter.
    for (const bytes of [head, payload])
      bytes.fill(0xee, 0, Math.min(bytes.length, request.length + 64));
    const isWrite = request.length >= WRITE_HEAD_BYTES && request[OPCODE_AT] === OPCODE.write;
    head.set(isWrite ? request.subarray(0, WRITE_HEAD_BYTES) : request);
    if (isWrite) payload.set(request.subarray(WRITE_HEAD_BYTES));
    return request.length;
  }

  #takeData(header: Uint8Array, parts: readonly Uint8Array[]): number | Promise<number> {
    if (this.writesDataAfter === undefined) return this.#take([header, ...parts]);
    const kept = Buffer.from(header);
    return this.writesDataAfter.then(() => (this.isClosed ? -EBADF : this.#take([kept, ...parts])));
  }

  #take(parts: readonly Uint8Array[]): number {
    const message = Buffer.concat(parts);
    if (message.length < HEADER_BYTES || message.readUInt32LE(0) !== message.length) {
      throw new Error(`a reply of ${message.length} bytes with a wrong length`);
    }
    const errno = 0 - message.readInt32LE(4);
    if (errno < 0 || errno >= 512) throw new Error(`a reply with error ${-errno}`);
    if (errno > 0 && message.length !== HEADER_BYTES) throw new Error("an error with a body");
    const body = Buffer.from(message.subarray(HEADER_BYTES));
    const reply = { unique: message.readBigUInt64LE(8), errno, body };
    const refused = this.#device === "gone" ? -ENODEV : this.refuse(reply);
    if (refused !== undefined) return refused;
    this.replies.push(reply);
    return message.length;
  }
}
