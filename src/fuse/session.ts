/**
 * Serves one mount, from INIT until it is gone: takes requests from the channel, looks up their row
 * in the opcode table, and carries on with the next. Nothing that the kernel, or a program through
 * it, can send ends a session; only the end of the mount does, or an error of our own.
 */

import { deferred } from "../base/deferred.ts";
import { EAGAIN, ECONNABORTED, EINVAL, EIO, ENODEV, ENOENT, ENOSYS } from "../base/errno.ts";
import type { Log } from "../base/log.ts";
import { systemError } from "../base/system-error.ts";
import type { Addon, Channel } from "../native/index.ts";
import {
  ABI_MAJOR,
  ABI_MINOR,
  ABI_MINOR_OLDEST,
  IN_HEADER,
  INIT_OUT,
  REQUEST_BYTES_MAX,
} from "./abi.ts";
import { Answering } from "./answering.ts";
import { FuseError } from "./error.ts";
import { isBeingKilled } from "./interrupts.ts";
import {
  type Agreement,
  type BackgroundLimits,
  DEFAULT_BACKGROUND_LIMITS,
  negotiate,
  putAgreement,
  readOffer,
} from "./negotiation.ts";
import { invalidateEntryMessage, invalidateInodeMessage } from "./notification.ts";
import { expectsReply, OPCODE_TABLE } from "./opcode-table.ts";
import type { Operations } from "./operations.ts";
import { ReplyWriter } from "./reply.ts";
import { RequestError, RequestReader } from "./request.ts";
import type { ControlRow, RefusedRow, Row, SessionControl } from "./row.ts";

/** Requests served in one turn of the event loop, before the network and timers have theirs. */
const REQUESTS_PER_TURN = 64;

export interface SessionOptions {
  readonly addon: Pick<Addon, "openChannel">;
  readonly intake: Intake;
  /** The descriptor of the mount, non-blocking. The caller closes it after `closed` has settled. */
  readonly fd: number;
  readonly operations: Operations;
  /**
   * The number that the kernel is to see for a failure of an operation; EIO is sent in place of one
   * outside 1..511. Should it throw, the session ends: that is the way out for failed assertions.
   */
  readonly errnoOf: (error: unknown) => number;
  /** For a lookup that fails with ENOENT: for how long the kernel may believe it; 0 when absent. */
  readonly absentMsOf?: (error: unknown) => number;
  /** Called when a request was served, and before the next one takes the place of its payload. */
  readonly onServed?: () => void;
  readonly log: Log;
  /** Absent, or where a number is absent, the default. */
  readonly background?: Partial<BackgroundLimits>;
  /** For how many microseconds to look for more before sleeping, where requests come thick and fast. */
  readonly busyPollMicros?: number;
  /** The users whose requests are served, with --allow-root: others get EACCES. Absent: all. */
  readonly allowedUids?: readonly number[];
  /** Whether thread `pid` is being killed; only then is a request of it that was interrupted given up. */
  readonly isDying?: (pid: number) => boolean;
}

/** Where the payloads of WRITEs are received. */
export interface Intake {
  /** For the next one, TRANSFER_BYTES_MAX; undefined while too many are kept. */
  readonly bytes: Uint8Array | undefined;
  readonly keptCount: number;
  /** Keeps what came last in its place, until the function that is returned is called. */
  keep(): () => void;
}

/** Both are zero when nothing is going on. */
export interface SessionGauges {
  readonly pendingRequests: number;
  readonly keptPayloads: number;
}

/** Starts serving. INIT, the first request, has been waiting since the mount. */
export function serve(options: SessionOptions): Session {
  return new Session(options);
}

export class Session {
  readonly #log: Log;
  readonly #operations: Operations;
  readonly #errnoOf: (error: unknown) => number;
  readonly #channel: Channel;
  readonly #intake: Intake;
  readonly #request = new RequestReader(REQUEST_BYTES_MAX);
  readonly #reply: ReplyWriter;
  readonly #answering: Answering;
  readonly #control: SessionControl;
  readonly #onServed: () => void;
  readonly #background: BackgroundLimits;
  readonly #initialized = deferred<Agreement>();
  readonly #closed = deferred<void>();
  #state: "serving" | "closed" = "serving";

  constructor(options: SessionOptions) {
    this.#log = options.log;
    this.#operations = options.operations;
    this.#errnoOf = options.errnoOf;
    this.#onServed = options.onServed ?? (() => {});
    this.#background = { ...DEFAULT_BACKGROUND_LIMITS, ...options.background };
    this.#intake = options.intake;
    const { fd, busyPollMicros = 0 } = options;
    const onReadable = () => this.#drain();
    this.#channel = options.addon.openChannel({ fd, busyPollMicros, onReadable });
    this.#reply = new ReplyWriter(this.#channel);
    this.#answering = new Answering({
      operations: options.operations,
      reply: this.#reply,
      log: options.log,
      errnoOf: options.errnoOf,
      absentMsOf: options.absentMsOf ?? (() => 0),
      allowedUids: options.allowedUids,
      isDying: options.isDying ?? isBeingKilled,
      keepPayload: () => this.#keepPayload(),
      onGone: () => this.close(),
      onBroken: (error) => this.#break(error),
    });
    this.#control = {
      initialize: (request) => this.#initialize(request),
      interrupt: (unique) => this.#answering.interrupt(unique),
      forget: (ino, lookups) => this.#forget(ino, lookups),
      acknowledge: () => this.#checkReply(this.#reply.send(0)),
    };
    // A session that ends before INIT says so through `closed`; nobody need watch both.
    this.#initialized.promise.catch(() => {});
  }

  /** Resolves once INIT has been answered: the mount can be used. Rejects when that never comes. */
  get initialized(): Promise<Agreement> {
    return this.#initialized.promise;
  }

  /**
   * Resolves when the mount is gone or `close` was called; rejects when serving cannot go on. Do not
   * wait for the RELEASE and FORGET of what is open or looked up by then: the kernel drops them.
   */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get gauges(): SessionGauges {
    return {
      pendingRequests: this.#answering.pendingCount,
      keptPayloads: this.#intake.keptCount,
    };
  }

  /**
   * Makes the kernel drop the attributes of `ino` and its pages from `offset` on: `byteCount` bytes
   * of them, or all with 0. An inode that it does not know is fine.
   */
  invalidateInode(ino: number, offset: number, byteCount: number): Promise<void> {
    return this.#notify(invalidateInodeMessage(ino, offset, byteCount));
  }

  /** Makes the kernel drop `name` in `parent`, or ask again about it with `expireOnly`. */
  invalidateEntry(parent: number, name: string, expireOnly = false): Promise<void> {
    return this.#notify(invalidateEntryMessage(parent, name, expireOnly));
  }

  /** Stops serving, without unmounting. What operations still return is undone. Idempotent. */
  close(): void {
    if (!this.#stop()) return;
    this.#initialized.reject(new FuseError("device-failed", "the mount ended before it was used"));
    this.#closed.resolve();
  }

  get #isServing(): boolean {
    return this.#state === "serving";
  }

  #break(error: unknown): void {
    if (!this.#stop()) return;
    this.#initialized.reject(error);
    this.#closed.reject(error);
  }

  #stop(): boolean {
    if (!this.#isServing) return false;
    this.#state = "closed";
    this.#answering.stop();
    this.#channel.close();
    return true;
  }

  #drain(): void {
    try {
      for (let count = 0; count < REQUESTS_PER_TURN; count += 1) {
        const payload = this.#intake.bytes;
        if (payload === undefined || !this.#isServing) return;
        const received = this.#channel.receive(this.#request.bytes, payload);
        if (received === -EAGAIN) return;
        if (received === -ENODEV || received === -ECONNABORTED) {
          this.close();
          return;
        }
        if (received < 0)
          throw new FuseError("device-failed", `reading /dev/fuse: ${systemError(-received)}`);
        this.#serveOne(received, payload);
        this.#onServed();
      }
    } catch (error) {
      this.#break(error);
    }
  }

  #serveOne(byteCount: number, payload: Uint8Array): void {
    if (byteCount < IN_HEADER.bytes) {
      this.#log.warn(`ignored a request of ${byteCount} bytes`);
      return;
    }
    const request = this.#request;
    request.load(byteCount, payload);
    const row = OPCODE_TABLE[request.opcode];
    this.#reply.address(request.uniqueLow, request.uniqueHigh);
    if (row === undefined) {
      this.#log.debug(`opcode ${request.opcode} is unknown`);
      this.#checkReply(this.#reply.sendError(ENOSYS));
    } else if (!request.isWhole || request.bodyBytes < row.bodyBytesMin) {
      this.#log.warn(`${row.opcode} of ${byteCount} bytes is truncated`);
      this.#refuse(row, EIO);
    } else {
      this.#dispatch(row, request);
    }
  }

  #dispatch(row: Row, request: RequestReader): void {
    if (this.#log.traceEnabled) {
      this.#log.trace(`${row.opcode} #${request.uniqueLow} from ${request.pid}`);
    }
    switch (row.kind) {
      case "answered":
        this.#answering.serve(row, request);
        break;
      case "refused":
        this.#refuse(row, row.errno(request));
        this.#note(row, request);
        break;
      case "control":
        this.#serveControl(row, request);
        break;
    }
  }

  #serveControl(row: ControlRow, request: RequestReader): void {
    try {
      row.serve(this.#control, request);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.#refuse(row, error.errno);
    }
  }

  #refuse(row: Row, errno: number): void {
    if (expectsReply(row.opcode)) this.#checkReply(this.#reply.sendError(errno));
  }

  #note({ errno, notice, opcode }: RefusedRow, request: RequestReader): void {
    if (notice === undefined) return;
    try {
      const { ino } = request;
      const name = notice.name?.(request);
      const seen = notice.seenAs ?? errno(request);
      this.#operations.noteRefusal?.({ opcode, ino, name, errno: seen });
    } catch (error) {
      // A name that cannot be is refused all the same.
      if (!(error instanceof RequestError)) throw error;
    }
  }

  #checkReply(result: number): void {
    if (result === -ENODEV) this.close();
    else if (result < 0 && result !== -ENOENT) {
      this.#log.warn(`the kernel refused a reply: ${systemError(-result)}`);
    }
  }

  /** Another place receives what comes next, or none until one is free. */
  #keepPayload(): () => void {
    const release = this.#intake.keep();
    if (this.#intake.bytes === undefined) this.#channel.pause();
    return () => {
      const wasPaused = this.#intake.bytes === undefined;
      release();
      if (wasPaused && this.#isServing) this.#channel.resume();
    };
  }

  #forget(ino: number, lookups: number): void {
    try {
      this.#operations.forget(ino, lookups);
    } catch (error) {
      // Nobody waits for a reply, but whoever knows the errors is to see this one.
      this.#errnoOf(error);
    }
  }

  #initialize(request: RequestReader): void {
    const offer = readOffer(request);
    const negotiation = negotiate(offer);
    const { words } = this.#reply;
    const body = ReplyWriter.bodyWord;
    switch (negotiation.kind) {
      case "agreed":
        putAgreement(words, body, negotiation.agreement, this.#background);
        this.#checkReply(this.#reply.send(INIT_OUT.bytes));
        this.#initialized.resolve(negotiation.agreement);
        break;
      case "ask-again":
        putAgreement(words, body, { minor: ABI_MINOR, maxReadaheadBytes: 0, flags: 0, flags2: 0 });
        this.#checkReply(this.#reply.send(INIT_OUT.bytes));
        break;
      case "too-old":
        this.#checkReply(this.#reply.sendError(EINVAL));
        throw new FuseError(
          "kernel-too-old",
          `this kernel speaks FUSE ${offer.major}.${offer.minor}: ` +
            `${ABI_MAJOR}.${ABI_MINOR_OLDEST} is needed, which Linux 5.4 and later have`,
        );
    }
  }

  async #notify(message: Uint8Array): Promise<void> {
    if (!this.#isServing) return;
    const result = await this.#channel.notify(message);
    if (result >= 0 || result === -ENOENT || result === -ENODEV || !this.#isServing) return;
    throw new FuseError(
      "notification-failed",
      `the kernel refused a notification: ${systemError(-result)}`,
    );
  }
}
