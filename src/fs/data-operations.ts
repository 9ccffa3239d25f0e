/** read, write, flush, fsync, release: what is done with an open file. */

import type { Caller, ReadReply } from "../base/attributes.ts";
import { S3Error } from "../s3/index.ts";
import { WriteError } from "../write/index.ts";
import type { Core } from "./core.ts";
import { FsError } from "./error.ts";
import type { ReadHandle, WriteHandle } from "./handle.ts";

export class DataOperations {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** The hot path: as synchronous as the reader. */
  read(fh: number, offset: number, byteCount: number): ReadReply | Promise<ReadReply> {
    const handle = this.#core.handles.get(fh);
    if (handle?.kind !== "read") throw badHandle(fh, "reading");
    if (handle.status !== "active") reactivate(handle);
    if (handle.isUnread) this.#noteRead(handle);
    return handle.reader.read(offset, byteCount);
  }

  write(fh: number, offset: number, data: Uint8Array): number | Promise<number> {
    const handle = this.#core.handles.get(fh);
    if (handle?.kind !== "write") {
      // Otherwise others would read what a mapping of the file brought into the kernel's pages.
      if (handle !== undefined) this.#core.dropPages(handle.file);
      throw notForWriting(fh);
    }
    return handle.writer.write(offset, data);
  }

  flush(fh: number, caller: Caller): void | Promise<void> {
    const handle = this.#handle(fh);
    if (handle.kind === "write") return handle.writer.close(this.#isOpener(handle, caller));
    if (handle.status === "active") handle.status = "idle";
  }

  fsync(fh: number): void | Promise<void> {
    const handle = this.#handle(fh);
    if (handle.kind === "write") return handle.writer.sync().catch(explainSyncFailure);
  }

  release(fh: number): void | Promise<void> {
    const handle = this.#core.handles.take(fh);
    if (handle === undefined) throw badHandle(fh, "closing");
    if (handle.kind === "write") {
      // A failure that close or fsync has told is not told again.
      return handle.writer.hasFailed ? undefined : handle.writer.complete();
    }
    this.#core.uses.removeReader(handle.file, handle);
    this.#core.fetchAhead?.noteClosed(handle);
    handle.reader.close();
  }

  #noteRead(handle: ReadHandle): void {
    handle.isUnread = false;
    this.#core.fetchAhead?.noteRead(handle);
  }

  #handle(fh: number): ReadHandle | WriteHandle {
    const handle = this.#core.handles.get(fh);
    if (handle === undefined) throw badHandle(fh, "anything");
    return handle;
  }

  /** Whether the descriptor is closed by the process that opened it, as far as can be told. */
  #isOpener(handle: WriteHandle, caller: Caller): boolean {
    if (handle.tgid === undefined) return true;
    const tgid = this.#core.parts.tgidOf(caller.pid);
    return tgid === undefined || tgid === handle.tgid;
  }
}

/** What a failed read tells the kernel: a deleted object is not a missing file. */
export function explainReadFailure(error: unknown): unknown {
  if (!(error instanceof S3Error && error.kind === "not-found")) return error;
  return new FsError("deleted-while-open", "the object was deleted", { cause: error });
}

/** fsync(2) knows no EFBIG. */
function explainSyncFailure(error: unknown): never {
  const isTooLarge =
    (error instanceof WriteError && error.kind === "too-large") ||
    (error instanceof S3Error && error.kind === "too-many-parts");
  if (!isTooLarge) throw error;
  throw new FsError("no-room", "the file cannot grow", { cause: error });
}

function reactivate(handle: ReadHandle): void {
  if (handle.status === "superseded") {
    throw new FsError("bad-handle", "the file was opened for writing since this handle was closed");
  }
  handle.status = "active";
}

function notForWriting(fh: number): FsError {
  return new FsError(
    "bad-handle",
    `handle ${fh} reads: a handle reads or writes, never both, and a file that exists is written only ` +
      "when it is opened with O_TRUNC (on a mount with --allow-overwrite)",
  );
}

function badHandle(fh: number, purpose: string): FsError {
  return new FsError("bad-handle", `handle ${fh} is not open for ${purpose}`);
}
