/**
 * Writes log lines to a file descriptor, one asynchronous write at a time, without ever holding up or
 * failing whoever logs: a full disk, a closed pipe or a reader that stopped costs lines, not service.
 *
 *   write(record) ▶ pending (bounded) ──▶ one fs.write in flight ──▶ descriptor
 *                       └ full: dropped and counted, and the count is written when there is room again
 */

import { close, write } from "node:fs";
import { deferred } from "../base/deferred.ts";
import { MIB } from "../base/sizes.ts";
import { type LogFormat, type LogRecord, type LogSink, lossOf } from "./log-sink.ts";

/** More than what a burst of errors leaves, and little beside the arena. */
const PENDING_BYTES_MAX = MIB;

/** How long `close` waits for a write that is stuck in the kernel. */
const CLOSE_TIMEOUT_MS = 1000;

export interface DescriptorSinkOptions {
  readonly fd: number;
  /** Whether closing the sink closes the descriptor. */
  readonly owned: boolean;
  readonly format: LogFormat;
}

export class DescriptorSink implements LogSink {
  readonly #fd: number;
  readonly #owned: boolean;
  readonly #format: LogFormat;
  #pending: string[] = [];
  #pendingBytes = 0;
  #lostLines = 0;
  #writing: boolean = false;
  /** Whether the last line that was written lacks its end. */
  #torn: boolean = false;
  #closed: boolean = false;
  #idle = deferred<void>();

  constructor(options: DescriptorSinkOptions) {
    this.#fd = options.fd;
    this.#owned = options.owned;
    this.#format = options.format;
    this.#idle.resolve();
  }

  write(record: LogRecord): void {
    const line = this.#format(record);
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

  /** Writes what is to be said of lost lines first, then everything pending. */
  #writeNext(): void {
    const lostBefore = this.#lostLines;
    const body = Buffer.from(`${this.#pending.join("\n")}\n`);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#lostLines = 0;
    if (!this.#writing) this.#idle = deferred<void>();
    this.#writing = true;
    const start = Buffer.from(this.#start(lostBefore));
    const chunk = Buffer.concat([start, body]);
    this.#writeChunk(chunk, (rest) => {
      const noticeWritten = rest.byteLength <= body.byteLength;
      this.#lostLines += noticeWritten ? linesIn(rest) : linesIn(body) + lostBefore;
      if (rest.byteLength < chunk.byteLength) this.#torn = !endsLine(chunk, rest);
      // After a failure the next line tries again, not this one: a disk stays full for a while.
      if (this.#pending.length > 0) return this.#writeNext();
      this.#writing = false;
      this.#idle.resolve();
    });
  }

  /** What a full disk cut off is not to run into the next line. */
  #start(lostBefore: number): string {
    const end = this.#torn ? "\n" : "";
    return lostBefore === 0 ? end : `${end}${this.#format(lossOf(lostBefore))}\n`;
  }

  /** Calls `done` with what could not be written of `chunk`. */
  #writeChunk(chunk: Buffer, done: (rest: Buffer) => void): void {
    write(this.#fd, chunk, 0, chunk.byteLength, null, (error, byteCount) => {
      if (error || byteCount === 0 || byteCount === chunk.byteLength) {
        return done(chunk.subarray(error ? 0 : byteCount));
      }
      this.#writeChunk(chunk.subarray(byteCount), done);
    });
  }
}

/** Whether what was written of `chunk` before `rest` is whole lines. */
function endsLine(chunk: Buffer, rest: Buffer): boolean {
  return chunk[chunk.byteLength - rest.byteLength - 1] === 0x0a;
}

function linesIn(text: Buffer): number {
  return text.reduce((count, byte) => (byte === 0x0a ? count + 1 : count), 0);
}
