/**
 * Listings of directories, whole ones and single pages, and what becomes of the names they bring:
 * inodes, unless this mount has changed the name since the page was asked for.
 */

import type { Log } from "../base/log.ts";
import {
  DirectoryListing,
  type Listed,
  type ListingOptions,
  type PageRange,
} from "./directory-listing.ts";
import type { DirectoryInode, Inode } from "./inode.ts";
import { askForPage, type Page, type PageSource } from "./listing-page.ts";
import { ListingsAhead } from "./listings-ahead.ts";
import type { DirectoryBucket, Store } from "./question.ts";
import type { Sightings } from "./sightings.ts";
import { StartAfter } from "./start-after.ts";

/**
 * Without caching, a page may wait this long for the one who reads the directory before the attributes
 * in it are too old to be told: the page behind the one being read is loaded ahead, and `ls -l` needs
 * some time for a thousand names. Opens do not trust them any longer for it.
 */
const PAGE_WAIT_MS = 1000;

export class Listings {
  readonly #source: PageSource;
  readonly #log: Log;
  readonly #sightings: Sightings;
  readonly #ahead: ListingsAhead | undefined;
  readonly #isOrdered: boolean;
  readonly #onFound: (parent: DirectoryInode, name: string) => void;
  readonly startAfter: StartAfter;
  #invalidNameSeen: boolean = false;

  constructor(options: {
    readonly store: Store;
    readonly log: Log;
    readonly sightings: Sightings;
    readonly directoryBucket?: DirectoryBucket | undefined;
    /** Whether directories may be listed before anybody opens them. */
    readonly listsAhead?: boolean;
    /** Told of each name of which the kernel may believe something else. */
    readonly onFound?: (parent: DirectoryInode, name: string) => void;
  }) {
    this.#onFound = options.onFound ?? (() => {});
    this.#isOrdered = options.directoryBucket === undefined;
    this.startAfter = new StartAfter(this.#isOrdered, options.log);
    this.#log = options.log;
    const { log, sightings } = options;
    this.#sightings = sightings;
    this.#source = {
      store: options.store,
      changeCount: () => sightings.changeCount,
      now: sightings.now,
      onInvalidName: (key) => this.#skipName(key),
    };
    if (options.listsAhead !== true) return;
    this.#ahead = new ListingsAhead({
      ask: ({ prefix }, signal) => askForPage(this.#source, { prefix, behind: "" }, signal),
      root: sightings.table.root,
      changeCount: this.#source.changeCount,
      log,
      now: sightings.now,
    });
  }

  /** For how long what a page says of a file is believed. */
  get fileMs(): number {
    return this.#sightings.lifetimes.fileMs;
  }

  /** Starts to read `directory` from its beginning. The caller closes it. */
  open(directory: DirectoryInode): DirectoryListing {
    const locals: Inode[] = [];
    for (const child of directory.unlisted.values()) {
      if (this.#sightings.isUnlisted(child)) locals.push(child);
      else {
        directory.unlisted.delete(child.name);
        // What a listing does not show is not found behind it either.
        if (child.kind === "directory") child.isRemovalDue = false;
      }
    }
    const ahead = this.#ahead;
    if (ahead === undefined) return this.#start(directory, { locals });
    const walk = ahead.follow(directory);
    return this.#start(directory, {
      locals,
      ahead: ahead.take(directory),
      onPage: () => ahead.notePage(walk),
      onEnd: () => ahead.noteEnd(walk, directory),
    });
  }

  /** Starts to read one page of `directory`, of what S3 has only. The caller closes it. */
  openPage(directory: DirectoryInode, range: PageRange): DirectoryListing {
    return this.#start(directory, { locals: [], range });
  }

  /**
   * The inode for a name that a listing brought; undefined when it is gone by now. `before`: as what it was
   * admitted some time ago, so that it may stand for something else, or have been dropped as too old.
   */
  admit(
    directory: DirectoryInode,
    listing: DirectoryListing,
    listed: Listed,
    before?: Inode,
  ): Inode | undefined {
    if (before !== undefined) return this.#readmit(directory, listing, { before, listed });
    const inode = this.#enter(directory, listing, listed);
    if (inode !== undefined && listed.isRepeated !== true) listing.follow(inode);
    return inode;
  }

  /** Attributes count from now, as if it were admitted only now. */
  #readmit(
    directory: DirectoryInode,
    listing: DirectoryListing,
    { before, listed }: { readonly before: Inode; readonly listed: Listed },
  ): Inode | undefined {
    const { name, page } = listed;
    const current = directory.children.get(name);
    if (current === undefined) return this.#enter(directory, listing, listed);
    if (current === before && page !== undefined) {
      this.#sightings.prolongTold(before, this.#toldAtMs(page));
    }
    return current;
  }

  #enter(directory: DirectoryInode, listing: DirectoryListing, listed: Listed): Inode | undefined {
    const { name, page, object } = listed;
    if (page === undefined) return directory.children.get(name);
    const changed = listing.changeOf(name);
    if (changed !== undefined && changed > page.change) return directory.children.get(name);
    const seenAtMs = page.arrivedAtMs;
    if (object === undefined) {
      if (listed.isRepeated && directory.children.get(name)?.kind === "file") {
        // The kernel was just told of a file.
        this.#onFound(directory, name);
      }
      return this.#sightings.seeDirectory(directory, name, seenAtMs);
    }
    const toldAtMs = this.#toldAtMs(page);
    return this.#sightings.seeObject(directory, name, {
      object,
      change: page.change,
      seenAtMs,
      toldAtMs,
    });
  }

  #toldAtMs({ arrivedAtMs }: Page): number {
    const { lifetimes, now } = this.#sightings;
    const nowMs = now();
    return lifetimes.caching || nowMs - arrivedAtMs > PAGE_WAIT_MS ? arrivedAtMs : nowMs;
  }

  #start(
    directory: DirectoryInode,
    options: Pick<ListingOptions, "ahead" | "locals" | "onEnd" | "onPage" | "range">,
  ): DirectoryListing {
    const listing = new DirectoryListing({
      ...this.#source,
      ...options,
      directory,
      isOrdered: this.#isOrdered,
      startAfter: this.startAfter,
      onClose: (closed) => directory.listings.delete(closed),
    });
    directory.listings.add(listing);
    return listing;
  }

  #skipName(key: string): void {
    if (this.#invalidNameSeen) return;
    this.#invalidNameSeen = true;
    const shown = JSON.stringify(key);
    this.#log.warn(
      `the key ${shown} is not shown, since it cannot be a path; this is said once for all such keys`,
    );
  }
}
