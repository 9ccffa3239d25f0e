/**
 * One file being written, from its making to its storing.
 *
 * ```
 *           write            close (nothing written, or by a fork)
 *   open ◀────────── idle ◀────────── open
 *     └──────┬────────┘
 *            │ close, fsync, release, or the next open of the file
 *            ▼
 *       completing ──▶ complete        any failure ──▶ failed, and the name is gone
 * ```
 *
 * `idle` is what makes `touch` and shell redirections work: a descriptor was closed, but another copy
 * of it may still write, so nothing is stored until that is decided.
 *
 * A file that is appended to is in S3 from its first fsync or close on, and can be written on behind both:
 * it is idle after every close.
 */

import type { FileInode, Superblock, Version } from "../inode/index.ts";
import { S3Error } from "../s3/index.ts";
import type { Upload } from "../write/index.ts";
import { FsError } from "./error.ts";

type State =
  | { readonly kind: "open" }
  | { readonly kind: "idle"; readonly byOpener: boolean }
  | { readonly kind: "completing"; readonly done: Promise<void> }
  | { readonly kind: "complete" }
  | { readonly kind: "failed"; readonly error: unknown };

const OPEN: State = { kind: "open" };
const COMPLETE: State = { kind: "complete" };

export interface FileWriterOptions {
  readonly file: FileInode;
  readonly superblock: Superblock;
  readonly startUpload: () => Upload;
  /** Called once, when it is complete or has failed; the file's name is settled by then. */
  readonly onEnd: (failed: boolean) => void;
}

export class FileWriter {
  readonly file: FileInode;
  readonly #options: FileWriterOptions;
  #upload: Upload | undefined;
  #state: State = OPEN;

  constructor(options: FileWriterOptions) {
    this.file = options.file;
    this.#options = options;
  }

  get bytesWritten(): number {
    return this.#upload?.bytesWritten ?? 0;
  }

  get hasFailed(): boolean {
    return this.#state.kind === "failed";
  }

  /** Whether an upload is under way; one that is over has no writer in `FileUses`. */
  get isUploading(): boolean {
    return this.#upload !== undefined;
  }

  /** Whether no descriptor waits to write more, as far as is known, so that it may be completed. */
  get isClosed(): boolean {
    return this.#state.kind === "idle" || this.#state.kind === "completing";
  }

  /** Whether who opened the file has closed it. */
  get isClosedByOpener(): boolean {
    return this.#state.kind === "idle" ? this.#state.byOpener : this.#state.kind !== "open";
  }

  /** Takes all of `data`. Throws what made it fail, again and again; "bad-handle" once complete. */
  write(offset: number, data: Uint8Array): number | Promise<number> {
    const state = this.#state;
    if (state.kind === "failed") throw state.error;
    if (state.kind === "completing" || state.kind === "complete") {
      throw new FsError(
        "bad-handle",
        "the file was stored already, at a close or fsync, and takes no more data: open it anew",
      );
    }
    this.#state = OPEN;
    let written: number | Promise<number>;
    try {
      this.#upload ??= this.#options.startUpload();
      written = this.#upload.write(offset, data);
    } catch (error) {
      throw this.#fail(error);
    }
    if (typeof written !== "number") return this.#awaitWrite(written);
    this.#noteSize();
    return written;
  }

  /** A descriptor was closed. Stores the file, unless it is empty or somebody else's descriptor. */
  close(isOpener: boolean): void | Promise<void> {
    const state = this.#state;
    if (state.kind === "failed") throw state.error;
    if (state.kind === "complete") return;
    if (state.kind === "completing") return state.done;
    if (this.#upload?.sync !== undefined) {
      this.#state = { kind: "idle", byOpener: isOpener };
      return this.sync();
    }
    if (!isOpener || this.bytesWritten === 0) {
      this.#state = { kind: "idle", byOpener: isOpener };
      return;
    }
    return this.complete();
  }

  /** Stores what was written so far. A file that cannot be appended to takes nothing more. */
  async sync(): Promise<void> {
    if (this.#state.kind !== "open" && this.#state.kind !== "idle") return this.complete();
    if (this.#upload === undefined && this.#stored !== undefined) return;
    try {
      this.#upload ??= this.#options.startUpload();
      const { sync } = this.#upload;
      if (sync === undefined) return this.complete();
      const stored = await sync();
      this.#options.superblock.noteStored(this.file, stored, stored.sizeBytes);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Stores the file, empty or not. Idempotent; throws what made it fail. */
  complete(): Promise<void> {
    const state = this.#state;
    if (state.kind === "complete") return Promise.resolve();
    if (state.kind === "failed") return Promise.reject(state.error);
    if (state.kind === "completing") return state.done;
    // Behind the change of state, so that a failure comes after it.
    const done = Promise.resolve().then(() => this.#complete());
    this.#state = { kind: "completing", done };
    return done;
  }

  /** Gives up on it: nothing is stored and nothing is left behind. */
  async abort(): Promise<void> {
    if (this.#state.kind === "complete" || this.#state.kind === "failed") return;
    this.#fail(new FsError("shutting-down", "the mount ended before the file was stored"));
    await this.#upload?.abort();
  }

  async #complete(): Promise<void> {
    const { startUpload, superblock } = this.#options;
    try {
      const unchanged = this.#upload === undefined ? this.#stored : undefined;
      if (unchanged !== undefined) {
        superblock.commit(this.file, unchanged, unchanged.sizeBytes);
      } else {
        this.#upload ??= startUpload();
        const stored = await this.#upload.complete();
        if (this.#state.kind === "failed") throw this.#state.error;
        superblock.commit(this.file, stored, this.#upload.bytesWritten);
      }
    } catch (error) {
      throw this.#fail(error);
    }
    this.#state = COMPLETE;
    this.#options.onEnd(false);
  }

  async #awaitWrite(write: Promise<number>): Promise<number> {
    try {
      const written = await write;
      this.#noteSize();
      return written;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** What S3 has of the file while it is written. */
  get #stored(): Version | undefined {
    const { state } = this.file;
    return state.status === "local" ? state.stored : undefined;
  }

  #noteSize(): void {
    const { state } = this.file;
    if (state.status === "local") state.sizeBytes = this.bytesWritten;
  }

  /** Ends it with the first error that it met, which is returned. */
  #fail(error: unknown): unknown {
    if (this.#state.kind === "failed") return this.#state.error;
    const told = this.#explain(error);
    this.#state = { kind: "failed", error: told };
    this.#options.superblock.abandon(this.file);
    this.#options.onEnd(true);
    return told;
  }

  #explain(error: unknown): unknown {
    const isTaken = error instanceof S3Error && error.kind === "precondition-failed";
    if (!isTaken || !this.file.unasked) return error;
    return new FsError("made-elsewhere", "another client made this object first", { cause: error });
  }
}
