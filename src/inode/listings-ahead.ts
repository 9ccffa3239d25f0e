/**
 * Lists directories before anybody opens them, for programs that walk through a tree, as `find`, `du` and
 * `ls -R` do: whoever has read a directory to its end opens the first directory in it next, and behind
 * the last one the next beside or above.
 *
 * ```
 *   a/ ─┬─ b/ ─┬─ c/          opened: a, b, c, d, e
 *       │      └─ d/
 *       └─ e/                 once a, b and c were opened so: d and e are listed while c is read
 * ```
 *
 * What an opened directory is told from such a page is no older than a file's attributes may be (see
 * `USABLE_MS`), and nothing that this mount has changed is missing from it.
 */

import { Cancellation, type CancelSignal } from "../base/cancellation.ts";
import { type Log, messageOf } from "../base/log.ts";
import type { ChangeListener, DirectoryInode } from "./inode.ts";
import type { Page } from "./listing-page.ts";

/** Directories that have to be opened in the order of the tree before others are listed. */
const STEPS_MIN = 3;
/** Pages that are asked for, or wait to be used. */
const AHEAD_MAX = 16;
/** A page may be used for so long behind its arrival. */
const USABLE_MS = 100;
/** And no longer than this behind its request, however long that took. */
const ASKED_MS = 1000;
/** Whoever needs longer from the end of one directory to the next one is no walk that is worth it. */
const STEP_MS = USABLE_MS / 2;
/** Steps to be made in between after a page was in vain. */
const PENALTY = 8;
/** For this long after a failure nothing is listed ahead. */
const PAUSE_MS = 5000;
/** Walks that are followed at once. */
const WALKS_MAX = 16;
/** How much of a new measurement is believed. */
const WEIGHT = 0.3;

/** Asks S3 for the first page of a directory. */
export type FirstPage = (directory: DirectoryInode, signal: CancelSignal) => Promise<Page>;

/** One program that opens directories in the order of the tree. */
interface TreeWalk {
  /** How many directories it has opened in order. */
  steps: number;
  /** What it needs for a directory besides waiting: an average. */
  stepMs: number;
  /** When it had what it needed to go on. */
  sinceMs: number;
  /** The directory that it opens next, if it is one. */
  expected: DirectoryInode | undefined;
}

/** The first page of a directory, asked for before that was opened. */
export interface PageAhead {
  /** Undefined when it failed or is too old by now: then it is to be asked for again. */
  page(): Promise<Page | undefined>;
  /** Nobody waits for it any more. */
  cancel(): void;
}

class Ahead implements PageAhead, ChangeListener {
  readonly directory: DirectoryInode;
  readonly walk: TreeWalk;
  /** The count of local changes when it was asked for. */
  readonly change: number;
  readonly askedAtMs: number;
  readonly #cancellation = new Cancellation();
  readonly #answer: Promise<Page | undefined>;
  readonly #onChange: (ahead: Ahead) => void;
  /** What has arrived. */
  arrived: Page | undefined;

  constructor(options: {
    readonly directory: DirectoryInode;
    readonly walk: TreeWalk;
    readonly change: number;
    readonly nowMs: number;
    readonly ask: FirstPage;
    readonly onChange: (ahead: Ahead) => void;
    readonly onFailure: (error: unknown) => void;
  }) {
    const { ask, directory, onFailure } = options;
    this.directory = directory;
    this.walk = options.walk;
    this.change = options.change;
    this.askedAtMs = options.nowMs;
    this.#onChange = options.onChange;
    this.#answer = ask(directory, this.#cancellation).then(
      (page) => {
        this.arrived = page;
        return page;
      },
      (error: unknown) => {
        if (!this.#cancellation.aborted) onFailure(error);
        return undefined;
      },
    );
    directory.listings.add(this);
  }

  noteChange(): void {
    this.#onChange(this);
  }

  /** Whether an open at `nowMs` may be told what is in it. */
  isUsable(nowMs: number): boolean {
    const { storedAtChange, unlisted } = this.directory;
    if (unlisted.size > 0 || storedAtChange > this.change) return false;
    if (nowMs >= this.askedAtMs + ASKED_MS) return false;
    return this.arrived === undefined || nowMs <= this.arrived.arrivedAtMs + USABLE_MS;
  }

  page(): Promise<Page | undefined> {
    return this.#answer;
  }

  cancel(): void {
    if (this.arrived === undefined) this.#cancellation.abort();
  }
}

export interface ListingsAheadOptions {
  readonly ask: FirstPage;
  readonly root: DirectoryInode;
  readonly changeCount: () => number;
  readonly log: Log;
  /** Milliseconds. */
  readonly now: () => number;
}

export class ListingsAhead {
  readonly #options: ListingsAheadOptions;
  readonly #ahead = new Map<DirectoryInode, Ahead>();
  /** The one that was seen last comes last. */
  readonly #walks = new Set<TreeWalk>();
  #pausedUntilMs = 0;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: ListingsAheadOptions) {
    this.#options = options;
  }

  /** Somebody begins to read `directory`: the walk that this is a part of. */
  follow(directory: DirectoryInode): TreeWalk {
    const nowMs = this.#options.now();
    for (const walk of this.#walks) {
      if (walk.expected !== directory) continue;
      const tookMs = nowMs - walk.sinceMs;
      walk.stepMs = Math.max(tookMs, walk.stepMs + WEIGHT * (tookMs - walk.stepMs));
      walk.steps = tookMs > STEP_MS ? 0 : walk.steps + 1;
      return this.#renew(walk);
    }
    return this.#renew({ steps: 0, stepMs: 0, sinceMs: nowMs, expected: undefined });
  }

  /** What was asked for ahead of `directory`, if it may be used. */
  take(directory: DirectoryInode): PageAhead | undefined {
    const ahead = this.#ahead.get(directory);
    if (ahead === undefined) return undefined;
    if (ahead.isUsable(this.#options.now())) {
      this.#remove(ahead);
      return ahead;
    }
    this.#sweep();
    return undefined;
  }

  /** A page of the directory that `walk` reads is there. */
  notePage(walk: TreeWalk): void {
    walk.sinceMs = this.#options.now();
  }

  /** `walk` has read `directory` to its end. */
  noteEnd(walk: TreeWalk, directory: DirectoryInode): void {
    const following = this.#behind(directory);
    walk.expected = following.next().value ?? undefined;
    if (walk.expected === undefined) {
      this.#walks.delete(walk);
      return;
    }
    if (walk.steps < STEPS_MIN || this.#options.now() < this.#pausedUntilMs) return;
    const timely = USABLE_MS / (2 * Math.max(1, walk.stepMs));
    const count = Math.floor(Math.min(AHEAD_MAX, walk.steps, timely));
    let next: DirectoryInode | undefined = walk.expected;
    for (let asked = 0; asked < count && next !== undefined; asked++) {
      this.#ask(walk, next);
      next = following.next().value;
    }
  }

  #renew(walk: TreeWalk): TreeWalk {
    walk.expected = undefined;
    this.#walks.delete(walk);
    this.#walks.add(walk);
    const [oldest] = this.#walks;
    if (oldest !== undefined && this.#walks.size > WALKS_MAX) this.#walks.delete(oldest);
    return walk;
  }

  #ask(walk: TreeWalk, directory: DirectoryInode): void {
    if (this.#ahead.size >= AHEAD_MAX || this.#ahead.has(directory)) return;
    // What is local inside may become S3's, and be missing from the page.
    if (directory.state.status !== "remote" || directory.unlisted.size > 0) return;
    const { ask, changeCount, log, now } = this.#options;
    const ahead = new Ahead({
      directory,
      walk,
      change: changeCount(),
      nowMs: now(),
      ask,
      onChange: (changed) => this.#waste(changed),
      onFailure: (error) => {
        const shown = JSON.stringify(directory.key);
        log.debug(`listing ${shown} ahead failed: ${messageOf(error)}`);
        this.#pausedUntilMs = now() + PAUSE_MS;
        if (this.#ahead.get(directory) === ahead) this.#remove(ahead);
      },
    });
    this.#ahead.set(directory, ahead);
    this.#sweeper ??= setInterval(() => this.#sweep(), USABLE_MS).unref();
  }

  /**
   * The directories that are opened behind `directory`, as far as that is known: not what is in them, so
   * that none is named behind one that has more in it.
   */
  *#behind(directory: DirectoryInode): Generator<DirectoryInode, undefined> {
    const { root } = this.#options;
    let last = directory;
    let next = childOf(directory, directory.firstDirectory) ?? nextBeside(directory);
    for (; next !== undefined; next = nextBeside(next)) {
      yield next;
      if ((this.#ahead.get(next)?.arrived?.directories.length ?? 0) > 0) return;
      last = next;
    }
    for (let above = last.parent; above !== root; above = above.parent) {
      next = nextBeside(above);
      if (next === undefined) continue;
      yield next;
      return;
    }
  }

  #waste(ahead: Ahead): void {
    ahead.walk.steps = -PENALTY;
    ahead.cancel();
    this.#remove(ahead);
  }

  #remove(ahead: Ahead): void {
    const { directory } = ahead;
    directory.listings.delete(ahead);
    this.#ahead.delete(directory);
    if (this.#ahead.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #sweep(): void {
    const nowMs = this.#options.now();
    for (const ahead of [...this.#ahead.values()]) if (!ahead.isUsable(nowMs)) this.#waste(ahead);
  }
}

function childOf(directory: DirectoryInode, name: string | undefined): DirectoryInode | undefined {
  const child = name === undefined ? undefined : directory.children.get(name);
  return child?.kind === "directory" ? child : undefined;
}

function nextBeside({ parent, followedBy }: DirectoryInode): DirectoryInode | undefined {
  return childOf(parent, followedBy);
}
