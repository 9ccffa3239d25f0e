/**
 * Directories that this mount has made: as long as nothing else is seen in one, a name that was not
 * made here does not exist, and files are made without asking for their names. That is believed for
 * as long as a directory's attributes are; while files are made, one LIST in half that time, behind
 * whoever makes them, shows that it is still true.
 */

import type { DirectoryListing } from "./directory-listing.ts";
import type { DirectoryInode } from "./inode.ts";
import { nameCount } from "./listing-page.ts";
import type { Listings } from "./listings.ts";
import type { Sightings } from "./sightings.ts";

/** Directories with more names are not looked through: each name is asked for. */
const NAMES_MAX = 1000;

export class OwnDirectories {
  readonly #listings: Listings;
  readonly #sightings: Sightings;
  readonly #checks = new Map<DirectoryInode, Promise<boolean>>();

  constructor(options: { readonly listings: Listings; readonly sightings: Sightings }) {
    this.#listings = options.listings;
    this.#sightings = options.sightings;
  }

  /** Whether a name that `directory` has no child for does not exist. */
  isComplete(directory: DirectoryInode): boolean {
    const { lifetimes, now } = this.#sightings;
    const remainingMs = directory.completeUntilMs - now();
    if (remainingMs <= 0) return false;
    if (remainingMs < lifetimes.directoryMs / 2) void this.renew(directory);
    return true;
  }

  /**
   * Lists a directory that was complete once; whether all names that are in it are known now. Never
   * fails: whoever needs an answer asks for a name then, and is told of the failure.
   */
  renew(directory: DirectoryInode): Promise<boolean> {
    const underway = this.#checks.get(directory);
    if (underway !== undefined) return underway;
    const check = this.#look(directory)
      .catch(() => false)
      .finally(() => this.#checks.delete(directory));
    this.#checks.set(directory, check);
    return check;
  }

  async #look(directory: DirectoryInode): Promise<boolean> {
    const { lifetimes, now } = this.#sightings;
    const askedAtMs = now();
    const listing = this.#listings.openPage(directory, { startAfter: "", keysMax: NAMES_MAX });
    try {
      await listing.turnPage();
      let listed = listing.next();
      for (; listed !== "wait" && listed !== "end"; listed = listing.next()) {
        // What somebody else has made ends it: see `Sightings.#markShared`.
        this.#listings.admit(directory, listing, listed);
      }
      this.#noteExistence(directory, listing);
      const isWhole = listed === "end";
      if (!isWhole) directory.completeUntilMs = 0;
      if (directory.completeUntilMs > 0) {
        directory.completeUntilMs = askedAtMs + lifetimes.directoryMs;
      }
      return isWhole;
    } finally {
      listing.close();
    }
  }

  /** With a key in it, it exists. */
  #noteExistence(directory: DirectoryInode, { page }: DirectoryListing): void {
    const { name, parent } = directory;
    if (page === undefined || nameCount(page) === 0) return;
    if (directory === parent || parent.children.get(name) !== directory) return;
    this.#sightings.seeDirectory(parent, name, page.arrivedAtMs);
  }
}
