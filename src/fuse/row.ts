/**
 * The shape of the opcode table: one row says all there is to know of one opcode. The session
 * drives every row the same way, so that only a row knows its structs.
 */

import type { OpcodeName } from "./abi.ts";
import type { Operations, Reply } from "./operations.ts";
import type { ReplyWriter } from "./reply.ts";
import type { RequestReader } from "./request.ts";

/** A request that an operation of the file system answers with a `T`. */
export interface AnsweredRow<T> {
  readonly kind: "answered";
  readonly opcode: OpcodeName;
  /** The least bytes behind the header; a shorter request is answered with EIO. */
  readonly bodyBytesMin: number;
  /** Works on something that was opened: who may open it was asked then. */
  readonly throughHandle?: true;
  /** May be answered with EINTR while the operation still runs; `undo` then takes its result. */
  readonly interruptible?: true;
  /** Lends what the request brought to the operation until the reply. */
  readonly keepsPayload?: true;
  /** Decodes and calls. Everything but the payload is read before this returns. */
  call(operations: Operations, request: RequestReader): Reply<T>;
  /** Composes and writes the reply. `askedBytes` is what `askedBytes()` gave. */
  send(reply: ReplyWriter, value: T, askedBytes: number): number | Promise<number>;
  /** Replies that there is nothing, which the kernel may believe for `validMs`; else it gets ENOENT. */
  sendAbsent?(reply: ReplyWriter, validMs: number): number;
  /** The most bytes that the caller has room for, or gave. */
  askedBytes?(request: RequestReader): number;
  /** Takes back what `value` counted or opened, because the kernel never got to know of it. */
  undo?(operations: Operations, value: T): Reply<void>;
  /** Gives back what `value` lent, whether it was sent or not. */
  settle?(value: T): void;
}

/** A request that no file system on S3 can answer. */
export interface RefusedRow {
  readonly kind: "refused";
  readonly opcode: OpcodeName;
  readonly bodyBytesMin: number;
  errno(request: RequestReader): number;
  /** For what people should read about: see `Operations.noteRefusal`. */
  readonly notice?: RefusalNotice;
}

export interface RefusalNotice {
  /** The name that was to be made, of those that the request has. */
  name?(request: RequestReader): string;
  /** What the kernel makes of the errno. */
  readonly seenAs?: number;
}

/** A request about the connection, which the session itself serves. */
export interface ControlRow {
  readonly kind: "control";
  readonly opcode: OpcodeName;
  readonly bodyBytesMin: number;
  serve(control: SessionControl, request: RequestReader): void;
}

export type Row = AnsweredRow<unknown> | RefusedRow | ControlRow;

/** What control rows ask of the session. */
export interface SessionControl {
  initialize(request: RequestReader): void;
  interrupt(victimUnique: number): void;
  forget(ino: number, lookups: number): void;
  /** Replies that the request was carried out, when there is nothing more to say. */
  acknowledge(request: RequestReader): void;
}
