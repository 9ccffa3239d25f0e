/**
 * Where parts that are not yet large enough to be sent wait on disk while memory is short: one file
 * of the mount that has no name, cut into slots of one part each. It is made when the first part
 * comes and gone when the last one leaves.
 *
 * Whatever goes wrong with it, the bytes are still in memory; only reading them back can lose them.
 */

import { randomUUID } from "node:crypto";
import { type FileHandle, open, statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import { inBackground, type Log, messageOf } from "../base/log.ts";
import { SENDABLE_BYTES } from "./part-memory.ts";

/** Statfs types of what is memory itself, or may be a mount of ours: tmpfs, ramfs, FUSE. */
const NO_DISKS: ReadonlyMap<number, string> = new Map([
  [0x01021994, "it is kept in memory (tmpfs)"],
  [0x858458f6, "it is kept in memory (ramfs)"],
  [0x65735546, "it is a FUSE file system"],
]);
/** Of the file system, left to others. */
const FREE_FRACTION = 0.05;
/** Room is looked for so many slots ahead. */
const SLOTS_AHEAD = 16;
/** How long nothing is tried after a failure, and nothing said after a line in the log. */
const RETRY_MS = 60_000;

export interface SpillFileOptions {
  /** The first that can be written to is taken. */
  readonly directories: readonly string[];
  readonly log: Log;
}

interface Opened {
  readonly handle: FileHandle;
  readonly directory: string;
}

export class SpillFile {
  readonly #directories: readonly string[];
  readonly #log: Log;
  #opened: Promise<Opened> | undefined;
  #freeSlots: number[] = [];
  #slotCount = 0;
  /** For which there was room. */
  #slotsAdmitted = 0;
  #toldMs = Number.NEGATIVE_INFINITY;
  #failure: { readonly why: string; readonly atMs: number } | undefined;

  constructor({ directories, log }: SpillFileOptions) {
    this.#directories = directories;
    this.#log = log;
  }

  /** Why nothing can be written at present; undefined when it can, as far as is known. */
  get refusal(): string | undefined {
    if (this.#directories.length === 0) return "there is no directory for that";
    if (this.#failure === undefined) return undefined;
    return performance.now() < this.#failure.atMs + RETRY_MS ? this.#failure.why : undefined;
  }

  takeSlot(): number {
    const slot = this.#freeSlots.pop() ?? this.#slotCount;
    if (slot === this.#slotCount) this.#slotCount += 1;
    return slot;
  }

  giveSlot(slot: number): void {
    this.#freeSlots.push(slot);
    if (this.#freeSlots.length < this.#slotCount) return;
    this.#freeSlots = [];
    this.#slotCount = 0;
    this.#slotsAdmitted = 0;
    const closing = this.#opened?.then(({ handle }) => handle.close());
    this.#opened = undefined;
    if (closing !== undefined) inBackground(this.#log, "closing a temporary file", closing);
  }

  /** Writes `views`, which follow each other, from `offset` of the slot on. Rejects if it cannot. */
  async write(slot: number, offset: number, views: readonly Uint8Array[]): Promise<void> {
    try {
      const { handle, directory } = await this.#openOnce();
      if (slot >= this.#slotsAdmitted) {
        await requireRoom(directory, SLOTS_AHEAD * SENDABLE_BYTES);
        this.#slotsAdmitted = slot + SLOTS_AHEAD;
      }
      let at = slot * SENDABLE_BYTES + offset;
      for (const view of views) {
        for (let done = 0; done < view.length; ) {
          const rest = view.length - done;
          const { bytesWritten } = await handle.write(view, done, rest, at);
          done += bytesWritten;
          at += bytesWritten;
        }
      }
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  /** Fills `views` from the beginning of the slot. */
  async read(slot: number, views: readonly Uint8Array[]): Promise<void> {
    const opened = await this.#opened;
    if (opened === undefined) throw new Error("the file was never made");
    let at = slot * SENDABLE_BYTES;
    for (const view of views) {
      for (let done = 0; done < view.length; ) {
        const rest = view.length - done;
        const { bytesRead } = await opened.handle.read(view, done, rest, at);
        if (bytesRead === 0) throw new Error(`the file ends at byte ${at}`);
        done += bytesRead;
        at += bytesRead;
      }
    }
  }

  async #openOnce(): Promise<Opened> {
    this.#opened ??= this.#open();
    try {
      return await this.#opened;
    } catch (error) {
      this.#opened = undefined;
      throw error;
    }
  }

  async #open(): Promise<Opened> {
    const refusals: string[] = [];
    for (const directory of this.#directories) {
      try {
        const handle = await openNameless(directory);
        this.#failure = undefined;
        this.#tell(directory);
        return { handle, directory };
      } catch (error) {
        refusals.push(`${directory} cannot be used: ${messageOf(error)}`);
      }
    }
    throw new Error(refusals.join("; "));
  }

  #tell(directory: string): void {
    const nowMs = performance.now();
    if (nowMs < this.#toldMs + RETRY_MS) return;
    this.#toldMs = nowMs;
    this.#log.info(
      `memory for writing is used up: what is written to files in turn waits in ${directory}`,
    );
  }

  #fail(error: unknown): void {
    const why = messageOf(error);
    if (this.refusal === undefined) {
      this.#log.warn(
        `memory for writing is used up, and nothing can wait on disk: ${why}: have TMPDIR name a ` +
          "directory on a disk with room, or mount with a larger --memory-target",
      );
    }
    this.#failure = { why, atMs: performance.now() };
  }
}

/** A file for nobody but its owner, and not even a name for that one. */
async function openNameless(directory: string): Promise<FileHandle> {
  const { type } = await statfs(directory);
  const refusal = NO_DISKS.get(type);
  if (refusal !== undefined) throw new Error(refusal);
  await requireRoom(directory, SLOTS_AHEAD * SENDABLE_BYTES);
  const path = join(directory, `mount-s3-ts-${randomUUID()}`);
  const handle = await open(path, "wx+", 0o600);
  try {
    await unlink(path);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function requireRoom(directory: string, byteCount: number): Promise<void> {
  const { bavail, blocks, bsize } = await statfs(directory);
  if (bavail * bsize - byteCount >= blocks * bsize * FREE_FRACTION) return;
  throw new Error(`less than ${FREE_FRACTION * 100} % of its file system would be left free`);
}
