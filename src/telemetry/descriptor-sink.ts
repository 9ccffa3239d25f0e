/**
 * Writes log lines to a file descriptor, one asynchronous write at a time, without ever holding up or
 * failing whoever logs: a full disk, a closed pipe or a reader that stopped costs lines, not service.
 *
 *   write(line) ──▶ pending (bounded) ──▶ one fs.write in flight ──▶ descriptor
 *                       └ full: dropped and counted, and the count is written when there is room again
 */

import { close, write } from "node:fs";
import { deferred } from "../base/deferred.ts";
import { MIB } from "../base/sizes.ts";

/** More than what a burst of errors leaves, and little beside the arena. */
const PENDING_BYTES_MAX = MIB;

/** How long `close` waits for a write that is stuck in the kernel. */
const CLOSE_TIMEOUT_MS = 1000;

/** Where finished lines go. */
export interface LogSink {
  /** Takes one line without its newline. Never throws and never blocks. */
  write(line: string): void;
  /** Resolves when what was taken is written or given up. */
  close(): Promise<void>;
}

export interface DescriptorSinkOptions {
  readonly fd: number;
  /** Whether closing the sink closes the descriptor. */
  readonly owned: boolean;
}

export class DescriptorSink implements LogSink {
  readonly #fd: number;
  readonly #owned: boolean;
  #pending: string[] = [];
  #pendingBytes = 0;
  #lostLines = 0;
  #writing: boolean = false;
  #closed: boolean = false;
  #idle = deferred<void>();

  constructor(options: DescriptorSinkOptions) {
    this.#fd = options.fd;
    this.#owned = options.owned;
    this.#idle.resolve();
  }

  write(line: string): void {
    const byteCount = Buffer.byteLength(line) + 1;
    if (this.#closed || this.#pendingBytes + byteCount > PENDING_BYTES_MAX) {
      this.#lostLines++;
      return;
    }
    this.#pending.push(line);
    this.#pendingBytes += byteCount;
    if (!this.#writing) this.#writeNext();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    });
    await Promise.race([this.#idle.promise, timeout]);
    clearTimeout(timer);
    if (this.#owned && !this.#writing) close(this.#fd, () => {});
  }

  /** Takes everything pending as one chunk. */
  #writeNext(): void {
    const lines = this.#pending;
    const lostBefore = this.#lostLines;
    if (lostBefore > 0) lines.unshift(`(${lostBefore} log lines were lost here)`);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#lostLines = 0;
    if (!this.#writing) this.#idle = deferred<void>();
    this.#writing = true;
    this.#writeChunk(Buffer.from(`${lines.join("\n")}\n`), (written) => {
      if (!written) this.#lostLines += lostBefore + lines.length - (lostBefore > 0 ? 1 : 0);
      // After a failure the next line tries again, not this one: a disk stays full for a while.
      if (this.#pending.length > 0) return this.#writeNext();
      this.#writing = false;
      this.#idle.resolve();
    });
  }

  #writeChunk(chunk: Buffer, done: (written: boolean) => void): void {
    write(this.#fd, chunk, 0, chunk.byteLength, null, (error, byteCount) => {
      if (error || byteCount === 0) return done(false);
      if (byteCount === chunk.byteLength) return done(true);
      this.#writeChunk(chunk.subarray(byteCount), done);
    });
  }
}
