/** An open file of the in-process tree: what the kernel makes of each call that takes a descriptor. */

import { constants } from "node:fs";
import type { AttributeChanges, Caller, Entry } from "../../src/base/attributes.ts";
import { EBADF, EINVAL } from "../../src/base/errno.ts";
import { MIB } from "../../src/base/sizes.ts";
import { errnoError } from "./errno-names.ts";
import { CALLER, type KernelWalk, statusOf } from "./kernel-walk.ts";
import type { FileStatus, OpenFile } from "./rig.ts";

/** A WRITE or READ request holds at most 1 MiB, of whole pages. */
const REQUEST_BYTES_MAX = MIB;
const PAGE_BYTES = 4096;

const CHILD: Caller = { ...CALLER, pid: CALLER.pid + 1 };

export interface Descriptor {
  /** Its lookup is given back at close. */
  readonly entry: Entry;
  readonly fh: number;
  readonly flags: number;
}

export class InProcessFile implements OpenFile {
  readonly #walk: KernelWalk;
  readonly #entry: Entry;
  readonly #ino: number;
  readonly #fh: number;
  readonly #flags: number;

  constructor(walk: KernelWalk, descriptor: Descriptor) {
    this.#walk = walk;
    this.#entry = descriptor.entry;
    this.#ino = descriptor.entry.attributes.ino;
    this.#fh = descriptor.fh;
    this.#flags = descriptor.flags;
  }

  async read(offset: number, byteCount: number): Promise<Buffer> {
    if (this.#accessMode === constants.O_WRONLY) throw errnoError(EBADF, "read");
    const pieces: Buffer[] = [];
    for (let taken = 0; taken < byteCount; ) {
      const wanted = Math.min(REQUEST_BYTES_MAX, byteCount - taken);
      const at = offset + taken;
      const reply = await this.#walk.call("read", (to) => to.read(this.#fh, at, wanted));
      const piece = Buffer.concat(reply.parts);
      reply.release();
      pieces.push(piece);
      taken += piece.length;
      if (piece.length < wanted) break;
    }
    return Buffer.concat(pieces);
  }

  async write(data: Uint8Array, offset: number): Promise<void> {
    if (this.#accessMode === constants.O_RDONLY) throw errnoError(EBADF, "write");
    let at = (this.#flags & constants.O_APPEND) === 0 ? offset : await this.#end(offset);
    for (let taken = 0; taken < data.length; ) {
      const room = REQUEST_BYTES_MAX - (at % PAGE_BYTES);
      const piece = data.subarray(taken, taken + room);
      const from = at;
      const count = await this.#walk.call("write", (to) => to.write(this.#fh, from, piece));
      if (count !== piece.length) throw new Error(`only ${count} bytes were written`);
      taken += count;
      at += count;
    }
  }

  async sync(): Promise<void> {
    await this.#walk.call("fsync", (to) => to.fsync(this.#fh));
  }

  async stat(): Promise<FileStatus> {
    // The kernel names the handle for reads only.
    const reply = await this.#walk.call("getattr", (to) => to.getattr(this.#ino, undefined));
    return statusOf(reply.attributes);
  }

  async truncate(sizeBytes: number): Promise<void> {
    if (this.#accessMode === constants.O_RDONLY) throw errnoError(EINVAL, "ftruncate");
    await this.#change({ sizeBytes, fh: this.#fh });
  }

  async utimes(atimeMs: number, mtimeMs: number): Promise<void> {
    await this.#change({ atimeMs, mtimeMs });
  }

  async closeCopyOfChild(): Promise<void> {
    await this.#walk.call("flush", (to) => to.flush(this.#fh, CHILD));
  }

  /** This process closes a copy that dup(2) has made. */
  async closeDuplicate(): Promise<void> {
    await this.#walk.call("flush", (to) => to.flush(this.#fh, CALLER));
  }

  async close(): Promise<void> {
    try {
      await this.#walk.call("flush", (to) => to.flush(this.#fh, CALLER));
    } finally {
      // Nobody waits for a release, and nobody learns that it failed.
      await this.#walk.call("release", (to) => to.release(this.#fh)).catch(() => {});
      this.#walk.give(this.#entry);
    }
  }

  /** The kernel knows the size, and does not ask for it. */
  async #end(otherwise: number): Promise<number> {
    return this.stat().then(
      ({ sizeBytes }) => sizeBytes,
      () => otherwise,
    );
  }

  get #accessMode(): number {
    return this.#flags & (constants.O_WRONLY | constants.O_RDWR);
  }

  async #change(changes: AttributeChanges): Promise<void> {
    await this.#walk.call("setattr", (to) => to.setattr(this.#ino, changes));
  }
}
