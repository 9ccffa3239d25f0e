/**
 * Which files are fetched before anybody opens them.
 *
 * - Files that are read in the order of their directory: the next ones, when three were read. Never
 *   more of them, in files or in bytes, than the same reader has read in order; as many as keep it from
 *   waiting.
 * - A file whose name has to be asked for again, in a directory of which each name that was asked for
 *   was then read: its beginning, at the same time as its name.
 *
 * It changes what S3 is asked for and when, and nothing of what a program sees: see fetched-files.ts.
 */

import { type DirectoryInode, type FileInode, sizeAndTime } from "../inode/index.ts";
import { type Fetched, FetchedFiles, type FetchedFilesOptions } from "./fetched-files.ts";
import type { ReadHandle } from "./handle.ts";
import { ReadingOrder, type Run } from "./reading-order.ts";

/** Files that have to be read in order before the next ones are fetched. */
const RUN_FILES_MIN = 3;
/** Files that a run has fetched ahead at the most. */
const AHEAD_MAX = 32;
/** A slow reader may come to the next file as late as that. */
const RUN_KEPT_MS = 30_000;
/** Files of one directory that have to be read before one is fetched while its name is asked for. */
const LOOKUP_READS_MIN = 2;
/** Files to be read in between after such a guess was wrong. */
const LOOKUP_PENALTY = 8;
/** So many of a directory may wait to be opened. */
const LOOKUP_GUESSES_MAX = 4;
/** Who looks a name up to open it does so at once. */
const LOOKUP_KEPT_MS = 2000;

/** How well it can be guessed that a name that is looked up in a directory will be read. */
interface Habit {
  reads: number;
  guesses: number;
  /** How much was read of the file that was closed last: no end where that was all of it. */
  appetite: number;
}

export interface FetchAheadOptions extends FetchedFilesOptions {
  readonly isOpen: (file: FileInode) => boolean;
}

export class FetchAhead {
  readonly #isOpen: (file: FileInode) => boolean;
  readonly #files: FetchedFiles;
  readonly #order: ReadingOrder;
  readonly #runs = new Map<ReadHandle, Run>();
  readonly #habits = new WeakMap<DirectoryInode, Habit>();

  constructor(options: FetchAheadOptions) {
    this.#isOpen = options.isOpen;
    this.#files = new FetchedFiles(options);
    this.#order = new ReadingOrder(options.now, (file) => this.#files.drop(file));
  }

  /** S3 is being asked what `name` stands for. */
  noteLookup(directory: DirectoryInode, name: string): void {
    const habit = this.#habits.get(directory);
    if (habit === undefined || habit.reads < LOOKUP_READS_MIN) return;
    const file = directory.children.get(name);
    // Of one that was read the kernel may have the pages.
    if (file?.kind !== "file" || this.#order.hasRead(file)) return;
    if (habit.guesses >= LOOKUP_GUESSES_MAX) return;
    const settle = (wasRead: boolean): void => {
      habit.guesses -= 1;
      if (!wasRead) habit.reads = -LOOKUP_PENALTY;
    };
    const { appetite } = habit;
    if (this.#files.fetch(file, { appetite, keptMs: LOOKUP_KEPT_MS, settle })) habit.guesses += 1;
  }

  /** What was fetched of `file`, which may be opened. */
  take(file: FileInode): Fetched | undefined {
    return this.#files.take(file);
  }

  /** Something is read through `handle` for the first time. */
  noteRead(handle: ReadHandle): void {
    const { fetched, file } = handle;
    const habit = this.#habitOf(file.parent);
    habit.reads += 1;
    const run = this.#order.follow(file);
    this.#runs.set(handle, run);
    if (fetched?.arrived !== true) run.wanted = Math.min(AHEAD_MAX, run.wanted * 2);
    fetched?.settle(true);
    this.#fetchNext(run);
  }

  /** The last use of `handle` is over. */
  noteClosed(handle: ReadHandle): void {
    const run = this.#runs.get(handle);
    if (run !== undefined) {
      const { file, reader } = handle;
      const { bytesRead } = reader;
      this.#runs.delete(handle);
      run.bytesRead += bytesRead;
      const isWhole = bytesRead >= sizeAndTime(file.state).sizeBytes;
      this.#habitOf(file.parent).appetite = isWhole ? Number.POSITIVE_INFINITY : bytesRead;
    } else {
      handle.fetched?.settle(false);
    }
  }

  /** Gives up everything that was fetched and not opened. */
  dropAll(): void {
    this.#files.dropAll();
  }

  #fetchNext(run: Run): void {
    if (run.length < RUN_FILES_MIN) return;
    let bytes = 0;
    const { appetite } = this.#habitOf(run.frontier.parent);
    for (const file of run.next(Math.min(run.wanted, run.length - 1))) {
      if (file.state.status !== "remote") return;
      bytes += Math.min(appetite, file.state.object.sizeBytes);
      if (bytes > run.bytesRead) return;
      if (this.#files.has(file) || this.#isOpen(file)) continue;
      const settle = (wasRead: boolean): void => {
        if (!wasRead) run.reset();
      };
      if (!this.#files.fetch(file, { appetite, keptMs: RUN_KEPT_MS, settle })) return;
    }
  }

  #habitOf(directory: DirectoryInode): Habit {
    let habit = this.#habits.get(directory);
    if (habit === undefined) {
      habit = { reads: 0, guesses: 0, appetite: Number.POSITIVE_INFINITY };
      this.#habits.set(directory, habit);
    }
    return habit;
  }
}
