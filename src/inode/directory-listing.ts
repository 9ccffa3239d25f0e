/**
 * Reads one directory from beginning to end: pages of S3's listing merged with what exists in this
 * mount only, each name once.
 *
 * ```
 *   S3, page n    a        a-b     c.txt              local      b/   c.txt (being written)
 *   S3, page n+1      a/ (prefix)      d.txt          merged     a-b  a/  b/  c.txt  d.txt
 * ```
 *
 * The order is that of keys, a directory's ending in "/". That is also the difficulty: an object
 * `a` is hidden by a directory `a/`, which the listing mentions only behind `a-b`, perhaps a page
 * later. Such objects are held back until the listing has passed the place.
 *
 * Directory buckets list in no order, and may list a name twice. There, names are told as they come,
 * those that only this mount has at the end. An object is hidden by a directory of the same page; one
 * whose name was a directory's when last seen is held back to the end.
 */

import { Cancellation } from "../base/cancellation.ts";
import type { ObjectInfo } from "../s3/index.ts";
import type { DirectoryInode, FileInode, Inode } from "./inode.ts";
import { askForPage, isInDoubt, type Page, type PageSource, type Place } from "./listing-page.ts";
import type { PageAhead } from "./listings-ahead.ts";
import { compareKeys } from "./name.ts";
import { PageSequence } from "./page-sequence.ts";
import type { StartAfter } from "./start-after.ts";

/** One name of the directory. */
export interface Listed {
  readonly name: string;
  /** The object that S3 listed; absent for directories and for what only this mount has. */
  readonly object?: ObjectInfo;
  /** What the name stood for here when the listing began, if S3's listing did not have it. */
  readonly local?: Inode;
  readonly page: Page | undefined;
  /** A directory whose name was told before: it is not to be told again, but is what S3 has. */
  readonly isRepeated?: true;
}

/** A part of a directory: the page that begins behind a name. */
export interface PageRange {
  /** "" for the beginning. */
  readonly startAfter: string;
  readonly keysMax: number;
}

export interface ListingOptions extends PageSource {
  readonly directory: DirectoryInode;
  /** The first page, if it was asked for before. */
  readonly ahead?: PageAhead | undefined;
  /** Reads this page and no other; all pages when absent. */
  readonly range?: PageRange | undefined;
  /** Whether S3 lists in the order of keys. */
  readonly isOrdered: boolean;
  /** Where it is, whether it lists from a given name on. */
  readonly startAfter: StartAfter;
  /** Names to merge: those with `unlisted` state, unsorted. */
  readonly locals: readonly Inode[];
  /** Called with every page that is turned to. */
  readonly onPage?: (() => void) | undefined;
  /** Called when the last name was told. */
  readonly onEnd?: (() => void) | undefined;
  readonly onClose: (listing: DirectoryListing) => void;
}

export class DirectoryListing {
  readonly #options: ListingOptions;
  readonly #prefix: string;
  /** Of the requests under way. */
  readonly #cancellation = new Cancellation();
  #requests = 0;
  #isClosed: boolean = false;
  readonly #locals: readonly Inode[];
  readonly #localDirectories: ReadonlySet<string>;
  #localIndex = 0;
  #page: Page | undefined;
  #objectIndex = 0;
  #directoryIndex = 0;
  readonly #pages: PageSequence;
  /** Objects that a directory not yet listed may hide. */
  #held: Listed[] = [];
  /** Formerly held, no longer in doubt. */
  #released: Listed[] = [];
  /** Names changed here while the listing ran, with the count of changes at that time. */
  readonly #changed = new Map<string, number>();
  #lastFile: FileInode | undefined;
  #lastDirectory: DirectoryInode | undefined;
  #isEnded: boolean = false;
  /** What is left of `options.ahead`. */
  #ahead: PageAhead | undefined;
  /** Whether names that were taken are yet to be told to somebody: what changes of them still counts. */
  hasUntold: boolean = false;
  /** Names that were told, where S3 has no order and may list them again. */
  readonly #told = new Set<string>();

  constructor(options: ListingOptions) {
    this.#options = options;
    this.#prefix = options.directory.prefix;
    this.#ahead = options.ahead;
    this.#locals = options.locals.toSorted((a, b) => compareKeys(sortName(a), sortName(b)));
    this.#localDirectories = new Set(
      options.locals.filter(({ kind }) => kind === "directory").map(({ name }) => name),
    );
    const { isOrdered, now, range, startAfter } = options;
    this.#pages = new PageSequence({
      load: (place) => this.#load(place),
      behind: range?.startAfter ?? "",
      isSingle: range !== undefined,
      ...(isOrdered && { startAfter }),
      now,
    });
  }

  /**
   * The next name; "wait" when it is in a page that is not here yet (then await `turnPage`); "end"
   * behind the last.
   */
  next(): Listed | "wait" | "end" {
    for (;;) {
      const released = this.#released.pop();
      if (released !== undefined) return released;
      const page = this.#page;
      if (page === undefined) return "wait";
      const listed = this.#options.isOrdered ? this.#take(page) : this.#takeUnordered(page);
      if (listed === undefined) {
        if (!page.isLast) return "wait";
        if (this.#held.length === 0) {
          this.#end();
          return "end";
        }
        this.#release(undefined);
      } else if (listed !== "hidden") {
        return listed;
      }
    }
  }

  /** `inode` is what the name told last stands for. */
  follow(inode: Inode): void {
    if (inode.kind === "file") {
      if (this.#lastFile !== undefined) this.#lastFile.followedBy = inode.name;
      this.#lastFile = inode;
    } else {
      if (this.#lastDirectory !== undefined) this.#lastDirectory.followedBy = inode.name;
      else if (!this.#isPart) this.#options.directory.firstDirectory = inode.name;
      this.#lastDirectory = inode;
    }
  }

  /** Waits for the next page. What fails may be tried again. */
  async turnPage(): Promise<void> {
    this.#turnTo(await this.#pages.next());
  }

  /** Turns to the next page if it has arrived, and only then. */
  tryTurnPage(): boolean {
    const page = this.#pages.takeReady();
    if (page !== undefined) this.#turnTo(page);
    return page !== undefined;
  }

  #turnTo(page: Page): void {
    this.#page = page;
    this.#objectIndex = 0;
    this.#directoryIndex = 0;
    this.#release(page);
    this.#options.onPage?.();
  }

  /** The page that was turned to last. */
  get page(): Page | undefined {
    return this.#page;
  }

  /** The count of changes at which `name` last changed here, while this listing ran. */
  changeOf(name: string): number | undefined {
    return this.#changed.get(name);
  }

  /** The name was made, removed or replaced in this mount; what S3 listed before is outdated. */
  noteChange(name: string, change: number): void {
    const place = this.#options.isOrdered ? this.#place() : undefined;
    // What has been passed is not read again, and what no page holds is listed as it is by then.
    const isWaiting = this.#held.length > 0 || this.#released.length > 0 || this.hasUntold;
    if (isWaiting || place === undefined || compareKeys(`${name}/`, place) >= 0) {
      this.#changed.set(name, change);
    }
  }

  /** Ends it and cancels the request in flight. Idempotent. */
  close(): void {
    this.#pages.close();
    this.#isClosed = true;
    if (this.#requests > 0) this.#cancellation.abort();
    this.#options.ahead?.cancel();
    this.#page = undefined;
    this.#held = [];
    this.#released = [];
    this.#lastFile = undefined;
    this.#options.onClose(this);
  }

  async #load(place: Place): Promise<Page> {
    const ahead = this.#ahead;
    if (ahead !== undefined) {
      this.#ahead = undefined;
      const page = await ahead.page();
      if (page !== undefined) return page;
    }
    const { range } = this.#options;
    const request = { ...place, prefix: this.#prefix, keysMax: range?.keysMax };
    if (this.#isClosed) this.#cancellation.abort();
    this.#requests += 1;
    try {
      return await askForPage(this.#options, request, this.#cancellation);
    } finally {
      this.#requests -= 1;
    }
  }

  /** Whether there may be more in the directory than it tells. */
  get #isPart(): boolean {
    return this.#options.range !== undefined;
  }

  /** All names were told. */
  #end(): void {
    if (this.#isEnded || this.#isPart) return;
    this.#isEnded = true;
    if (this.#lastDirectory !== undefined) this.#lastDirectory.followedBy = undefined;
    else this.#options.directory.firstDirectory = undefined;
    this.#options.onEnd?.();
  }

  /** The smallest name that is left in the page, if any, and "hidden" when it must not be shown. */
  #take(page: Page): Listed | "hidden" | undefined {
    const object = page.objects[this.#objectIndex];
    const objectName = page.names[this.#objectIndex];
    const directory = page.directories[this.#directoryIndex];
    let remote = objectName ?? directory;
    if (objectName !== undefined && directory !== undefined) {
      remote = compareKeys(objectName, directory) <= 0 ? objectName : directory;
    }

    const local = this.#locals[this.#localIndex];
    if (local !== undefined && (remote !== undefined || page.isLast)) {
      const place = sortName(local);
      const order = remote === undefined ? -1 : compareKeys(place, remote);
      if (order <= 0) this.#localIndex++;
      if (order < 0) {
        const listed: Listed = { name: local.name, local, page: undefined };
        return local.kind === "file" ? this.#unlessHidden(listed, page) : listed;
      }
    }
    if (remote === undefined) return undefined;
    if (remote === objectName && object !== undefined) {
      this.#objectIndex++;
      if (this.#localDirectories.has(objectName)) return "hidden";
      return this.#unlessHidden({ name: objectName, object, page }, page);
    }
    this.#directoryIndex++;
    return { name: remote.slice(0, -1), page };
  }

  /** What is left in the page, and behind the last page what only this mount has. */
  #takeUnordered(page: Page): Listed | "hidden" | undefined {
    const object = page.objects[this.#objectIndex];
    const name = page.names[this.#objectIndex];
    if (object !== undefined && name !== undefined) {
      this.#objectIndex++;
      const isHidden = this.#localDirectories.has(name) || page.directorySet.has(`${name}/`);
      if (isHidden) return "hidden";
      const listed: Listed = { name, object, page };
      const wasDirectory = this.#options.directory.children.get(name)?.kind === "directory";
      if (!wasDirectory || page.isLast) return this.#once(listed);
      this.#held.push(listed);
      return "hidden";
    }
    const directory = page.directories[this.#directoryIndex];
    if (directory !== undefined) {
      this.#directoryIndex++;
      const listed: Listed = { name: directory.slice(0, -1), page };
      const once = this.#once(listed);
      return once === "hidden" ? { ...listed, isRepeated: true } : once;
    }
    const local = page.isLast ? this.#locals[this.#localIndex] : undefined;
    if (local === undefined) return undefined;
    this.#localIndex++;
    return this.#once({ name: local.name, local, page: undefined });
  }

  #once(listed: Listed): Listed | "hidden" {
    if (this.#told.has(listed.name)) return "hidden";
    this.#told.add(listed.name);
    return listed;
  }

  /** A file is shown now, later or never, depending on whether a directory has its name. */
  #unlessHidden(listed: Listed, page: Page): Listed | "hidden" {
    if (page.directorySet.size > 0 && page.directorySet.has(`${listed.name}/`)) return "hidden";
    if (!isInDoubt(listed.name, page)) return listed;
    this.#held.push(listed);
    return "hidden";
  }

  /** Decides, with a new page at hand or at the end, about what was held back. */
  #release(page: Page | undefined): void {
    const stillHeld: Listed[] = [];
    const released: Listed[] = [];
    for (const listed of this.#held) {
      if (page?.directorySet.has(`${listed.name}/`) === true) continue;
      if (page !== undefined && this.#isInDoubt(listed.name, page)) stillHeld.push(listed);
      else if (this.#options.isOrdered || this.#once(listed) !== "hidden") released.push(listed);
    }
    this.#held = stillHeld;
    this.#released = released.reverse();
  }

  #isInDoubt(name: string, page: Page): boolean {
    return this.#options.isOrdered ? isInDoubt(name, page) : !page.isLast;
  }

  /** Where the listing is: undefined before its first page. */
  #place(): string | undefined {
    const page = this.#page;
    if (page === undefined) return undefined;
    const object = page.names[this.#objectIndex];
    const directory = page.directories[this.#directoryIndex];
    if (object === undefined || directory === undefined) return object ?? directory ?? page.last;
    return compareKeys(object, directory) <= 0 ? object : directory;
  }
}

function sortName(inode: Inode): string {
  return inode.kind === "directory" ? `${inode.name}/` : inode.name;
}
