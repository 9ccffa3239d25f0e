/**
 * Lookups that follow one another through a directory, as `ls -l`, `find` and `du` make them, are
 * answered many at a time: one page of the listing, from the name that is asked for on, is fresher
 * than anything remembered and costs no more than one lookup does.
 *
 * ```
 *   names      a  b  c  d  e  f  g  h  i  j  k  l  m  n  …
 *   asked for  ▲     HEAD and LIST, as for any name
 *                 ▲──────────────▶  one page; c to h need nothing
 *                                   ▲─────────────────────────▶  the next, larger if all were used
 * ```
 *
 * Several programs may walk through one directory, each through a part of it, or one in no order: then a
 * page begins with the first of the names that were looked up lately, and the next one where it ended.
 *
 * A walk is a guess. It begins when a listing was read here or when a second name is asked for right
 * behind one that was found, and ends with a name that does not exist or when pages served nobody.
 */

import type { DirectoryListing, Listed } from "./directory-listing.ts";
import { type DirectoryInode, isRestoreUnknown, type Walk } from "./inode.ts";
import { isInDoubt, isInOrder, type Page } from "./listing-page.ts";
import type { Listings } from "./listings.ts";
import { compareKeys, exceedsBytes, KEY_BYTES_MAX, nameBefore } from "./name.ts";
import type { Answer } from "./question.ts";
import { isRefusal, type StartAfter } from "./start-after.ts";

/** How long after a page of a listing was read the names in it may be asked for. */
const LISTED_MS = 10_000;
/** How long after one name was found the next may be asked for. */
const STEP_MS = 1000;
/** So many pages may serve nobody: each costs one request, where its name alone would have cost two. */
const MISSES_MAX = 3;
const PAUSE_MS = 10_000;
/** A page of a hundred takes S3 hardly longer than a page of one. */
const KEYS_MIN = 100;
const KEYS_MAX = 1000;
/** The next page is this many times what the last one served. */
const GROWTH = 10;
/** A lookup waits for so many, one behind the other: two reach through a directory of two thousand. */
const PAGES_AWAITED_MAX = 2;
/** Lookups that are remembered, to see where the last of several programs is. */
const RECENT_MAX = 64;

export class Walks {
  readonly #listings: Listings;
  readonly #startAfter: StartAfter;
  readonly #now: () => number;

  constructor(options: { readonly listings: Listings; readonly now: () => number }) {
    this.#listings = options.listings;
    this.#startAfter = options.listings.startAfter;
    this.#now = options.now;
  }

  /** Names of `directory` were read from a listing: lookups of them are likely to follow. */
  noteListing(directory: DirectoryInode, nowMs: number): void {
    const walk = walkOf(directory);
    walk.untilMs = nowMs + LISTED_MS;
    walk.lastName = "";
    walk.lookups = 0;
    walk.pausedUntilMs = 0;
  }

  /** What S3 said of a name that was asked for, in whichever way. */
  noteAnswer(parent: DirectoryInode, name: string, { kind }: Answer): void {
    const walk = walkOf(parent);
    walk.lastName = name;
    walk.untilMs = kind === "nothing" ? 0 : Math.max(walk.untilMs, this.#now() + STEP_MS);
  }

  /** A lookup of `name` in `parent` needed no request of its own. */
  noteServed({ walk }: DirectoryInode, name: string): void {
    if (walk === undefined) return;
    walk.served += 1;
    remember(walk, name);
  }

  /**
   * The request under way that may bring `name` with it, which is to be awaited before asking, if not
   * enough of them were `awaited` already.
   */
  underway({ walk }: DirectoryInode, name: string, awaited: number): Promise<void> | undefined {
    const underway = walk?.underway;
    if (underway === undefined || awaited === PAGES_AWAITED_MAX) return undefined;
    return compareKeys(name, underway.from) < 0 ? undefined : underway.settled;
  }

  /**
   * If this is a walk, asks for `name` and for those behind it, and enters what it learns of them.
   * Undefined when `name` has to be asked for by itself.
   */
  async ask(parent: DirectoryInode, name: string): Promise<Answer | undefined> {
    const { walk } = parent;
    if (walk === undefined || walk.underway !== undefined || !this.#startAfter.isSupported)
      return undefined;
    if (!this.#goesOn(walk, name)) return undefined;
    remember(walk, name);
    const from = this.#beginningOf(walk, name);
    const startAfter = nameBefore(from);
    if (exceedsBytes(parent.prefix + startAfter, KEY_BYTES_MAX)) return undefined;
    const listing = this.#listings.openPage(parent, { startAfter, keysMax: walk.keysMax });
    const entering = listing.turnPage().then(() => this.#enter(parent, listing, { from, name }));
    const settled = entering.then(
      () => {},
      () => {},
    );
    walk.underway = { from, settled };
    try {
      return await entering;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#startAfter.giveUp();
      return undefined;
    } finally {
      walk.underway = undefined;
      listing.close();
    }
  }

  /** Whether `name` is the next step of `walk`; if so, it is prepared for its next page. */
  #goesOn(walk: Walk, name: string): boolean {
    const nowMs = this.#now();
    if (walk.untilMs <= nowMs) {
      walk.covered = undefined;
      walk.lookups = 0;
      return false;
    }
    if (walk.pausedUntilMs > nowMs || walk.lastName === name) return false;
    const { covered, served } = walk;
    if (covered !== undefined) {
      const isInside = compareKeys(covered.from, name) <= 0 && compareKeys(name, covered.to) <= 0;
      walk.misses = served === 0 && !isInside ? walk.misses + 1 : 0;
      if (walk.misses === MISSES_MAX) {
        walk.misses = 0;
        walk.pausedUntilMs = nowMs + PAUSE_MS;
        walk.covered = undefined;
        return false;
      }
    }
    walk.keysMax = Math.min(KEYS_MAX, Math.max(KEYS_MIN, covered ? served * GROWTH : 0));
    walk.served = 0;
    return true;
  }

  /**
   * Where the page that is to tell of `name` begins. If lookups went up and down lately, it is a large one, so
   * that it most likely reaches to `name` from where the last page ended, if that is still believed, or else
   * from the first of the names looked up.
   */
  #beginningOf(walk: Walk, name: string): string {
    const { descents, first } = lately(walk, name);
    if (descents < 2) return name;
    walk.keysMax = KEYS_MAX;
    const { covered } = walk;
    if (covered === undefined || covered.untilMs <= this.#now()) return first;
    return compareKeys(covered.to, name) < 0 ? covered.to : first;
  }

  /** Enters the names of the page; what it says of `name`, if it is certain. */
  #enter(
    parent: DirectoryInode,
    listing: DirectoryListing,
    { from, name }: { readonly from: string; readonly name: string },
  ): Answer | undefined {
    const { page } = listing;
    if (page === undefined) return undefined;
    if (!isInOrder(page, nameBefore(from))) {
      this.#startAfter.giveUp();
      return undefined;
    }
    const { walk } = parent;
    if (walk !== undefined) {
      // As far as anybody knows here, the name that was asked for comes behind the page before.
      const last = parent.children.get(walk.covered?.to ?? "");
      if (last?.kind === "file" && compareKeys(last.name, from) < 0) listing.follow(last);
      const untilMs = page.arrivedAtMs + this.#listings.fileMs;
      walk.covered = { from, to: page.last, untilMs };
    }
    let found: Listed | undefined;
    for (;;) {
      const listed = listing.next();
      if (listed === "wait" || listed === "end") break;
      this.#listings.admit(parent, listing, listed);
      if (listed.name === name) found = listed;
    }
    const object = found?.object;
    if (object !== undefined)
      return isRestoreUnknown(object) ? undefined : { kind: "file", object };
    if (found !== undefined) return { kind: "directory" };
    return isPassed(name, page) ? { kind: "nothing" } : undefined;
  }
}

function walkOf(directory: DirectoryInode): Walk {
  directory.walk ??= {
    untilMs: 0,
    lastName: "",
    recent: [],
    lookups: 0,
    keysMax: KEYS_MIN,
    served: 0,
    misses: 0,
    covered: undefined,
    pausedUntilMs: 0,
    underway: undefined,
  };
  return directory.walk;
}

function remember(walk: Walk, name: string): void {
  walk.recent[walk.lookups % RECENT_MAX] = name;
  walk.lookups += 1;
}

/** The first of `name` and of the names looked up lately, and how often one came before the one before. */
function lately({ lookups, recent }: Walk, name: string): { descents: number; first: string } {
  let first = name;
  let descents = 0;
  for (let back = 1; back < Math.min(lookups, RECENT_MAX); back++) {
    const earlier = recent[(lookups - 1 - back) % RECENT_MAX] ?? name;
    const later = recent[(lookups - back) % RECENT_MAX] ?? name;
    if (compareKeys(later, earlier) < 0) descents += 1;
    if (compareKeys(earlier, first) < 0) first = earlier;
  }
  return { descents, first };
}

/** Whether both an object and a directory called `name` would be in the page or before it. */
function isPassed(name: string, page: Page): boolean {
  if (page.isLast) return true;
  return compareKeys(page.last, name) > 0 && !isInDoubt(name, page);
}
