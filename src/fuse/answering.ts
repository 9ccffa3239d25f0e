/**
 * Brings a request to the operation that answers it, and the answer to the kernel, now or later.
 *
 *     row.call ─┬─ value ──────────────────────────────▶ row.send
 *               └─ promise ─▶ pending ─┬─ value ───────▶ row.send
 *                                      └─ given up: EINTR at once, row.undo when the value comes
 *
 * What an operation returns is sent, or undone; never both, never neither.
 */

import { EACCES, EINTR, EINVAL, EIO, ENODEV, ENOENT } from "../base/errno.ts";
import { inBackground, type Log } from "../base/log.ts";
import { systemError } from "../base/system-error.ts";
import { InterruptWatch } from "./interrupts.ts";
import type { Operations } from "./operations.ts";
import type { ReplyWriter } from "./reply.ts";
import { RequestError, type RequestReader } from "./request.ts";
import type { AnsweredRow } from "./row.ts";

/** The kernel takes errors in 1..511 only (fuse_dev_do_write in fs/fuse/dev.c). */
const ERRNO_MAX = 511;

export interface AnsweringOptions {
  readonly operations: Operations;
  readonly reply: ReplyWriter;
  readonly log: Log;
  readonly errnoOf: (error: unknown) => number;
  readonly absentMsOf: (error: unknown) => number;
  readonly allowedUids: readonly number[] | undefined;
  readonly isDying: (pid: number) => boolean;
  /** Keeps what the request brought until the function that is returned is called. */
  readonly keepPayload: () => () => void;
  /** The kernel takes no more replies: the mount is gone. */
  readonly onGone: () => void;
  /** Something here is broken; it is not safe to go on. */
  readonly onBroken: (error: unknown) => void;
}

/** A request as it is remembered until its reply: values only, and what a WRITE brought. */
interface Pending {
  readonly row: AnsweredRow<unknown>;
  readonly uniqueLow: number;
  readonly uniqueHigh: number;
  readonly pid: number;
  readonly askedBytes: number;
  readonly releasePayload: (() => void) | undefined;
  isGivenUp: boolean;
}

export class Answering {
  readonly #options: AnsweringOptions;
  readonly #operations: Operations;
  readonly #reply: ReplyWriter;
  /** By unique number, as INTERRUPT names its victim. */
  readonly #pending = new Map<number, Pending>();
  readonly #interrupts: InterruptWatch<Pending>;
  #isStopped: boolean = false;
  /** Replies that are being written. */
  #sendingCount = 0;

  constructor(options: AnsweringOptions) {
    this.#options = options;
    this.#operations = options.operations;
    this.#reply = options.reply;
    this.#interrupts = new InterruptWatch(options.isDying, (pending) => this.#giveUp(pending));
  }

  /** Requests whose operation still runs, given up or not, or whose reply is being written. */
  get pendingCount(): number {
    return this.#pending.size + this.#sendingCount;
  }

  /** Serves one request. What it brought is kept until its reply, if that takes its time. */
  serve(row: AnsweredRow<unknown>, request: RequestReader): void {
    const { uniqueLow, uniqueHigh } = request;
    let result: unknown;
    let askedBytes = 0;
    try {
      this.#checkCaller(row, request);
      askedBytes = row.askedBytes?.(request) ?? 0;
      result = row.call(this.#operations, request);
    } catch (error) {
      this.#fail(row, uniqueLow, uniqueHigh, error);
      // Of a name that none can have, which the operation never saw.
      if (error instanceof RequestError && error.errno === EINVAL) {
        const { opcode } = row;
        this.#operations.noteRefusal?.({
          opcode,
          ino: request.ino,
          name: undefined,
          errno: EINVAL,
        });
      }
      return;
    }
    if (!(result instanceof Promise)) {
      this.#deliver(row, uniqueLow, uniqueHigh, askedBytes, result);
      return;
    }
    this.#pend(result, {
      row,
      uniqueLow,
      uniqueHigh,
      pid: request.pid,
      askedBytes,
      releasePayload: row.keepsPayload === true ? this.#options.keepPayload() : undefined,
      isGivenUp: false,
    });
  }

  /** The caller of the request `unique` received a signal. Unknown numbers were answered before. */
  interrupt(unique: number): void {
    const pending = this.#pending.get(unique);
    if (pending === undefined || pending.row.interruptible !== true || pending.isGivenUp) return;
    this.#interrupts.add(pending);
  }

  /** From here on nothing is sent: what operations still return is undone. */
  stop(): void {
    this.#isStopped = true;
    this.#interrupts.clear();
  }

  #checkCaller(row: AnsweredRow<unknown>, request: RequestReader): void {
    const { allowedUids } = this.#options;
    if (allowedUids === undefined || row.throughHandle === true) return;
    if (!allowedUids.includes(request.uid)) throw new RequestError(EACCES, "caller not allowed");
  }

  #pend(result: Promise<unknown>, pending: Pending): void {
    const unique = pending.uniqueHigh * 0x1_0000_0000 + pending.uniqueLow;
    this.#pending.set(unique, pending);
    const finish = (): void => {
      if (this.#pending.get(unique) === pending) this.#pending.delete(unique);
      this.#interrupts.delete(pending);
    };
    const whenAnswered = (value: unknown): void => {
      finish();
      this.#resolve(pending, value);
    };
    const whenFailed = (error: unknown): void => {
      finish();
      this.#reject(pending, error);
    };
    result.then(whenAnswered, whenFailed).catch(this.#options.onBroken);
  }

  #resolve(pending: Pending, value: unknown): void {
    const { row, uniqueLow, uniqueHigh, askedBytes } = pending;
    try {
      if (pending.isGivenUp || this.#isStopped) {
        this.#undo(row, value);
        row.settle?.(value);
      } else {
        this.#deliver(row, uniqueLow, uniqueHigh, askedBytes, value);
      }
    } finally {
      pending.releasePayload?.();
    }
  }

  #reject(pending: Pending, error: unknown): void {
    const { row, uniqueLow, uniqueHigh, isGivenUp } = pending;
    try {
      if (isGivenUp || this.#isStopped) this.#errnoOf(error);
      else this.#fail(row, uniqueLow, uniqueHigh, error);
    } finally {
      pending.releasePayload?.();
    }
  }

  #giveUp(pending: Pending): void {
    pending.isGivenUp = true;
    this.#sendError(pending.uniqueLow, pending.uniqueHigh, EINTR);
  }

  #deliver(
    row: AnsweredRow<unknown>,
    uniqueLow: number,
    uniqueHigh: number,
    askedBytes: number,
    value: unknown,
  ): void {
    this.#reply.address(uniqueLow, uniqueHigh);
    let result: number | Promise<number>;
    try {
      result = row.send(this.#reply, value, askedBytes);
    } catch (error) {
      row.settle?.(value);
      throw error;
    }
    if (typeof result === "number") {
      this.#conclude(row, uniqueLow, uniqueHigh, value, result);
      return;
    }
    this.#sendingCount += 1;
    const whenSent = (sent: number): void => {
      this.#sendingCount -= 1;
      this.#conclude(row, uniqueLow, uniqueHigh, value, sent);
    };
    result.then(whenSent).catch(this.#options.onBroken);
  }

  /** The reply was sent, or `result` says why not. */
  #conclude(
    row: AnsweredRow<unknown>,
    uniqueLow: number,
    uniqueHigh: number,
    value: unknown,
    result: number,
  ): void {
    row.settle?.(value);
    if (result >= 0) return;
    this.#undo(row, value);
    if (this.#isStopped) return;
    this.#explain(row.opcode, result);
    // Whatever the kernel disliked, the caller must not wait for ever.
    if (result !== -ENOENT && result !== -ENODEV) this.#sendError(uniqueLow, uniqueHigh, EIO);
  }

  #fail(row: AnsweredRow<unknown>, uniqueLow: number, uniqueHigh: number, error: unknown): void {
    const errno = this.#errnoOf(error);
    const absentMs = errno === ENOENT && row.sendAbsent ? this.#options.absentMsOf(error) : 0;
    if (absentMs <= 0) {
      this.#sendError(uniqueLow, uniqueHigh, errno);
      return;
    }
    this.#reply.address(uniqueLow, uniqueHigh);
    const result = row.sendAbsent?.(this.#reply, absentMs) ?? 0;
    if (result < 0) this.#explain(row.opcode, result);
  }

  #sendError(uniqueLow: number, uniqueHigh: number, errno: number): void {
    this.#reply.address(uniqueLow, uniqueHigh);
    const result = this.#reply.sendError(errno);
    if (result < 0) this.#explain("error", result);
  }

  /** A reply was not taken: -ENOENT means that nobody waits any more, which is nobody's fault. */
  #explain(what: string, result: number): void {
    if (result === -ENOENT) return;
    if (result === -ENODEV) this.#options.onGone();
    else this.#options.log.warn(`the kernel refused the reply to ${what}: ${systemError(-result)}`);
  }

  #undo(row: AnsweredRow<unknown>, value: unknown): void {
    const { log } = this.#options;
    const undone = row.undo?.(this.#operations, value);
    if (undone instanceof Promise) inBackground(log, `undoing ${row.opcode}`, undone);
  }

  #errnoOf(error: unknown): number {
    if (error instanceof RequestError) return error.errno;
    return replyErrno(this.#options.errnoOf(error));
  }
}

/** `errno`, or EIO where the kernel would not take it. */
export function replyErrno(errno: number): number {
  return Number.isInteger(errno) && errno >= 1 && errno <= ERRNO_MAX ? errno : EIO;
}
