/**
 * Files of which the beginning is fetched before they are opened. What is here is a guess: it is bounded,
 * gives its memory back as soon as anybody needs it, and nobody hears of its failures.
 *
 * What was fetched is of one version of an object (If-Match). An open that S3 has vouched for, as for
 * any other, is handed what was fetched of that version, and of no other.
 */

import { type Log, messageOf } from "../base/log.ts";
import { KIB, MIB } from "../base/sizes.ts";
import type { FileInode, Version } from "../inode/index.ts";
import type { ObjectReader } from "../read/index.ts";
import { isFreeToRetrieve } from "../s3/index.ts";
import { isOutdated } from "./error.ts";

/** At one time, of all files together: as long as 20 ms take, 1600 files or 1.6 GiB a second. */
const BYTES_MAX = 32 * MIB;
/** What a file counts for at the least, however small it is: that bounds their number. */
const ROOM_BYTES_MIN = MIB;
/** What is asked for of one file at the least, since the kernel reads ahead too, and at the most. */
const FILE_BYTES_MIN = 128 * KIB;
const FILE_BYTES_MAX = 8 * MIB;
/** For this long after a failure nothing is fetched ahead. */
const PAUSE_MS = 5000;
/** How often what nobody opens is looked for. */
const SWEEP_MS = 1000;

export interface FetchedFilesOptions {
  readonly openReader: (
    object: Readonly<{ key: string; etag: string; objectBytes: number }>,
  ) => ObjectReader;
  /** S3 does not have the version that `file` is taken for. */
  readonly onOutdated: (file: FileInode) => void;
  readonly log: Log;
  /** Milliseconds. */
  readonly now: () => number;
}

interface Guess {
  /** How much of the file is likely to be read. */
  readonly appetite: number;
  /** For how long it may wait to be opened. */
  readonly keptMs: number;
  /** To be called once it is known whether anybody reads the file. */
  readonly settle: (wasRead: boolean) => void;
}

export interface Fetched {
  readonly key: string;
  readonly etag: string;
  readonly reader: ObjectReader;
  /** As the guess has it: whoever takes this calls it. */
  readonly settle: (wasRead: boolean) => void;
  readonly bytes: number;
  readonly untilMs: number;
  /** Whether all of it is here. */
  arrived: boolean;
}

export class FetchedFiles {
  readonly #options: FetchedFilesOptions;
  readonly #files = new Map<FileInode, Fetched>();
  #bytes = 0;
  #pausedUntilMs = 0;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: FetchedFilesOptions) {
    this.#options = options;
  }

  has(file: FileInode): boolean {
    return this.#files.has(file);
  }

  /** Begins to fetch `file`. False when it may not be or there is no room. */
  fetch(file: FileInode, { appetite, keptMs, settle }: Guess): boolean {
    const nowMs = this.#options.now();
    const object = fetchable(file);
    if (object === undefined || this.#files.has(file) || nowMs < this.#pausedUntilMs) return false;
    const { key } = file;
    const { etag, sizeBytes } = object;
    const byteCount = Math.min(FILE_BYTES_MAX, Math.max(FILE_BYTES_MIN, appetite), sizeBytes);
    const bytes = Math.max(ROOM_BYTES_MIN, byteCount);
    if (this.#bytes + bytes > BYTES_MAX) return false;
    const reader = this.#options.openReader({ key, etag, objectBytes: sizeBytes });
    const arrival = reader.fetchAhead(byteCount);
    if (arrival === undefined) {
      reader.close();
      return false;
    }
    const untilMs = nowMs + keptMs;
    const fetched: Fetched = { key, etag, bytes, reader, untilMs, settle, arrived: false };
    this.#files.set(file, fetched);
    this.#bytes += bytes;
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
    arrival.then(
      () => {
        fetched.arrived = true;
      },
      (error: unknown) => this.#onFailure(file, fetched, error),
    );
    return true;
  }

  /** What was fetched of the version that `file` is now. Whoever takes it closes the reader. */
  take(file: FileInode): Fetched | undefined {
    const fetched = this.#remove(file);
    if (fetched === undefined) return undefined;
    const { state } = file;
    if (state.status === "remote" && state.object.etag === fetched.etag && file.key === fetched.key)
      return fetched;
    fetched.reader.close();
    fetched.settle(false);
    return undefined;
  }

  /** Gives `file` up, which nobody opened. */
  drop(file: FileInode): void {
    const fetched = this.#remove(file);
    fetched?.reader.close();
    fetched?.settle(false);
  }

  /** Gives everything back. */
  dropAll(): void {
    for (const file of [...this.#files.keys()]) this.drop(file);
  }

  #remove(file: FileInode): Fetched | undefined {
    const fetched = this.#files.get(file);
    if (fetched === undefined) return undefined;
    this.#files.delete(file);
    this.#bytes -= fetched.bytes;
    if (this.#files.size > 0) return fetched;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    return fetched;
  }

  #sweep(): void {
    const nowMs = this.#options.now();
    for (const [file, { untilMs }] of this.#files) if (untilMs <= nowMs) this.drop(file);
  }

  #onFailure(file: FileInode, fetched: Fetched, error: unknown): void {
    // Opened meanwhile, or given up.
    if (this.#files.get(file) !== fetched) return;
    this.drop(file);
    const { log, now, onOutdated } = this.#options;
    log.debug(`fetching ${JSON.stringify(fetched.key)} ahead failed: ${messageOf(error)}`);
    if (isOutdated(error)) onOutdated(file);
    else this.#pausedUntilMs = now() + PAUSE_MS;
  }
}

/** The object that `file` is known as, if a guess at it costs no more than a GET. */
function fetchable({ state }: FileInode): Version | undefined {
  if (state.status !== "remote") return undefined;
  const { etag, sizeBytes, storageClass } = state.object;
  if (etag === "" || sizeBytes === 0 || !isFreeToRetrieve(storageClass)) return undefined;
  return state.object;
}
