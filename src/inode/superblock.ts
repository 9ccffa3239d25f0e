/**
 * The tree of names: asks S3 what a name stands for, remembers the answer for as long as it may, and
 * makes and removes what exists in this mount.
 *
 * Another operation may run during any `await`. So what S3 said is entered, and what depends on it
 * decided, in one synchronous block behind it (sightings.ts).
 */

import type { Stored } from "../s3/index.ts";
import type { DirectoryListing, Listed } from "./directory-listing.ts";
import { InodeError } from "./error.ts";
import {
  DirectoryInode,
  FileInode,
  type Inode,
  localFile,
  objectStored,
  RemoteState,
  type Version,
} from "./inode.ts";
import type { InodeTable } from "./inode-table.ts";
import { Listings } from "./listings.ts";
import { checkName } from "./name.ts";
import { OwnDirectories } from "./own-directories.ts";
import {
  type Answer,
  askForContent,
  askForDirectory,
  askForFile,
  askForName,
  type DirectoryBucket,
  isStored,
  type Store,
} from "./question.ts";
import { exists, notEmpty, remoteDirectory, stale } from "./refusals.ts";
import { notFound, Sightings } from "./sightings.ts";
import type { SuperblockOptions } from "./superblock-options.ts";
import { Walks } from "./walks.ts";

/** A lookup on its way; `outdated` when the name was changed here meanwhile, so that it asks again. */
interface Question {
  readonly inode: Promise<Inode>;
  outdated: boolean;
}

export class Superblock {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #sightings: Sightings;
  readonly #listings: Listings;
  readonly #walks: Walks;
  readonly #own: OwnDirectories;
  /** By key, so that lookups of one name at one time are one. */
  readonly #questions = new Map<string, Question>();
  readonly #refreshes = new Map<Inode, Promise<void>>();

  constructor(options: SuperblockOptions) {
    this.#store = options.store;
    this.#now = options.now;
    this.#sightings = new Sightings({
      ...options,
      onChange: (key) => {
        const question = this.#questions.get(key);
        if (question !== undefined) question.outdated = true;
      },
    });
    this.#listings = new Listings({ ...options, sightings: this.#sightings });
    this.#walks = new Walks({ ...options, listings: this.#listings });
    this.#own = new OwnDirectories({ listings: this.#listings, sightings: this.#sightings });
  }

  get table(): InodeTable {
    return this.#sightings.table;
  }

  /** What `name` stands for; HEAD and LIST unless it is known. Throws "not-found" among others. */
  lookup(parent: DirectoryInode, name: string): Inode | Promise<Inode> {
    checkName(parent.prefix, name);
    const known = this.#known(parent, name);
    if (known !== undefined) return known;
    if (!parent.children.has(name)) {
      if (parent.state.status === "gone" || this.#own.isComplete(parent)) throw notFound(name);
      const absentMs = this.#sightings.knownAbsentMs(parent, name);
      if (absentMs > 0) throw notFound(name, absentMs);
    }
    return this.#ask(parent, name);
  }

  /** For how long the kernel may believe what it is told of `inode` now. */
  validMs(inode: Inode): number {
    const lifetimeMs = this.#sightings.lifetimeMs(inode);
    if (inode.state.status === "local" || inode === this.table.root) return lifetimeMs;
    return Math.min(lifetimeMs, Math.max(0, inode.validUntilMs - this.#now()));
  }

  /** Whether the attributes of `inode` can be told without asking S3. */
  isFresh(inode: Inode): boolean {
    if (inode === this.table.root || inode.state.status === "local") return true;
    return inode.validUntilMs > this.#now();
  }

  /** Whether an open can trust what is known of `file`. Each answer of S3 serves one, unless cached. */
  claimForOpen(file: FileInode): boolean {
    const { caching } = this.#sightings.lifetimes;
    const isServed = (caching ? file.validUntilMs : file.openableUntilMs) > this.#now();
    file.openableUntilMs = 0;
    return isServed;
  }

  /** What is known of `file` has proved wrong: the next lookup or open asks S3. */
  distrust(file: FileInode): void {
    if (file.state.status !== "remote") return;
    file.validUntilMs = 0;
    file.openableUntilMs = 0;
  }

  /**
   * Asks S3 whether `inode` is still what it has: one HEAD for a file, one LIST for a directory.
   * Throws "stale" when its name stands for something else now, "not-found" when for nothing.
   */
  refresh(inode: Inode): Promise<void> {
    const underway = this.#refreshes.get(inode);
    if (underway !== undefined) return underway;
    const refresh = (
      inode.kind === "file" ? this.#refreshFile(inode) : this.#refreshDirectory(inode)
    ).finally(() => this.#refreshes.delete(inode));
    this.#refreshes.set(inode, refresh);
    return refresh;
  }

  /** Makes a file that exists here only. Asks S3 for the name unless it is known to be free. */
  makeFile(parent: DirectoryInode, name: string): FileInode | Promise<FileInode> {
    const make = (): FileInode => {
      const ino = this.table.takeIno();
      const file = new FileInode(ino, { parent, name }, localFile(this.#now()));
      file.unasked = !this.#isAbsent(parent, name);
      this.#sightings.attachLocal(file);
      return file;
    };
    return this.#onceFree(parent, name, make);
  }

  /** Makes a directory that exists here only. Asks S3 for the name unless it is known to be free. */
  makeDirectory(parent: DirectoryInode, name: string): DirectoryInode | Promise<DirectoryInode> {
    const make = (): DirectoryInode => {
      const directory = new DirectoryInode(this.table.takeIno(), { parent, name });
      directory.state = { status: "local", times: {} };
      this.#sightings.attachLocal(directory);
      directory.completeUntilMs = directory.validUntilMs;
      return directory;
    };
    return this.#onceFree(parent, name, make);
  }

  /** Turns an existing object's inode into a file that is written anew, or on where `stored` ends. */
  overwrite(file: FileInode, stored?: Version): void {
    file.state = localFile(this.#now(), stored);
    file.made = true;
    file.unasked = false;
    file.replaces = true;
    this.#sightings.noteChange(file);
    this.#sightings.markUnlisted(file);
  }

  /** S3 has `sizeBytes` bytes of a file that is being written, and its directories with it. */
  noteStored(file: FileInode, stored: Stored, sizeBytes: number): void {
    const { state } = file;
    if (state.status !== "local" || state.stored?.etag === stored.etag) return;
    const nowMs = this.#now();
    state.stored = objectStored(stored, sizeBytes, nowMs);
    file.unasked = false;
    file.replaces = true;
    this.#sightings.noteChange(file);
    this.#sightings.touchFile(file, nowMs);
    this.#sightings.noteStored(file.parent, nowMs);
  }

  /** The file is in S3 now, and so are its directories. */
  commit(file: FileInode, stored: Stored, sizeBytes: number): void {
    const nowMs = this.#now();
    const known = file.state.status === "local" ? file.state.stored : undefined;
    const isKnown = known?.etag === stored.etag;
    file.state = new RemoteState(isKnown ? known : objectStored(stored, sizeBytes, nowMs));
    this.#sightings.noteChange(file);
    const { parent, name } = file;
    if (parent.unlisted.get(name) === file) parent.unlisted.delete(name);
    if (!isKnown) {
      this.#sightings.touchFile(file, nowMs);
      this.#sightings.noteStored(parent, nowMs);
    }
    this.table.remember(file);
    this.table.dropIfUnused(parent);
  }

  /** What was written will never be stored: the name is free, or S3's again. */
  abandon(file: FileInode): void {
    this.#sightings.setGone(file);
    file.parent.completeUntilMs = 0;
    file.parent.mayBeStored = file.parent.state.status === "local";
    this.table.detach(file);
  }

  /** Deletes the object. The caller has made sure that nobody writes it. */
  async unlink(file: FileInode): Promise<void> {
    if (file.state.status === "remote") {
      await this.#delete(file.key, file.parent);
      // Somebody began to write it anew meanwhile, so that the name stays.
      if (file.state.status !== "remote") return;
    }
    this.#sightings.remove(file);
  }

  /**
   * Removes an empty directory: one that exists in this mount only and, with `mayDelete`, one that it
   * has emptied or that nothing but a marker makes, which is deleted.
   */
  async removeDirectory(directory: DirectoryInode, mayDelete: boolean): Promise<void> {
    if (directory.mayBeStored && (await isStored(this.#store, directory.prefix))) {
      this.#sightings.markStored(directory, this.#now());
    }
    this.#checkEmpty(directory);
    if (directory.state.status === "remote") {
      if (!mayDelete) throw remoteDirectory(directory);
      const wasEmptied = directory.emptiedUntilMs > this.#now();
      const content = await askForContent(this.#store, directory.prefix);
      if (content === "more") {
        throw wasEmptied ? notEmpty(directory) : remoteDirectory(directory);
      }
      if (content === "marker") await this.#delete(directory.prefix, directory);
      this.#checkEmpty(directory);
    }
    this.#sightings.remove(directory);
  }

  /**
   * Renames the object of `file`, which keeps its number, in a directory bucket. The caller has made sure
   * that nobody writes it, nor what has the new name; that is replaced unless `ifNoneMatch`.
   */
  async rename(
    file: FileInode,
    to: { readonly parent: DirectoryInode; readonly name: string; readonly ifNoneMatch?: "*" },
    bucket: DirectoryBucket,
  ): Promise<void> {
    const { name, parent, ...condition } = to;
    checkName(parent.prefix, name);
    const keys = { from: file.key, to: parent.prefix + name };
    await this.#emptying(file.parent, () => bucket.rename({ ...keys, ...condition }));
    this.#sightings.move(file, parent, name);
  }

  /** Starts to read `directory` from its beginning. The caller closes it. */
  openListing(directory: DirectoryInode): DirectoryListing {
    return this.#listings.open(directory);
  }

  /** As `Listings.admit`. */
  admit(
    directory: DirectoryInode,
    listing: DirectoryListing,
    listed: Listed,
    before?: Inode,
  ): Inode | undefined {
    if (listed.page !== undefined) this.#walks.noteListing(directory, this.#now());
    return this.#listings.admit(directory, listing, listed, before);
  }

  #delete(key: string, directory: DirectoryInode): Promise<void> {
    return this.#emptying(directory, () => this.#store.delete(key));
  }

  /** Runs `work`, which may take the last key of `directory`. */
  async #emptying(directory: DirectoryInode, work: () => Promise<void>): Promise<void> {
    const end = this.#sightings.beginDeletion(directory);
    try {
      await work();
    } finally {
      end();
    }
  }

  #ask(parent: DirectoryInode, name: string): Promise<Inode> {
    const key = parent.prefix + name;
    const underway = this.#questions.get(key);
    if (underway !== undefined) return underway.inode;
    const question: Question = {
      inode: Promise.resolve().then(() => this.#answer(parent, name, question)),
      outdated: false,
    };
    this.#questions.set(key, question);
    return question.inode;
  }

  async #answer(parent: DirectoryInode, name: string, question: Question): Promise<Inode> {
    try {
      if (parent.completeUntilMs > 0 && (await this.#own.renew(parent))) {
        if (!parent.children.has(name)) throw notFound(name);
        const known = this.#known(parent, name);
        if (known !== undefined) return known;
      }
      for (;;) {
        for (let awaited = 0; ; awaited++) {
          const underway = this.#walks.underway(parent, name, awaited);
          if (underway === undefined) break;
          await underway;
          const known = this.#known(parent, name);
          if (known !== undefined) return known;
        }
        question.outdated = false;
        const change = this.#sightings.changeCount;
        const answer = await this.#askStore(parent, name);
        this.#walks.noteAnswer(parent, name, answer);
        if (!question.outdated) return this.#sightings.settle(parent, name, { answer, change });
      }
    } finally {
      this.#questions.delete(parent.prefix + name);
    }
  }

  async #askStore(parent: DirectoryInode, name: string): Promise<Answer> {
    const key = parent.prefix + name;
    const child = parent.children.get(name);
    // What is local hides an object anyhow, so only a directory is looked for.
    if (child?.state.status === "local") {
      const isDirectory = await askForDirectory(this.#store, `${key}/`);
      return { kind: isDirectory ? "directory" : "nothing" };
    }
    const answer = await this.#walks.ask(parent, name);
    if (answer !== undefined) return answer;
    if (child?.kind !== "directory") return await askForName(this.#store, key);
    // It is most likely still there, and then nothing else matters.
    const isStill = await askForDirectory(this.#store, `${key}/`);
    return isStill ? { kind: "directory" } : await askForFile(this.#store, key);
  }

  async #refreshFile(file: FileInode): Promise<void> {
    const { parent, name, state } = file;
    if (parent.children.get(name) !== file) throw stale(file);
    const change = this.#sightings.changeCount;
    const answer = await askForFile(this.#store, file.key);
    // Written here meanwhile: what is known is newer than the answer.
    if (file.state !== state && file.state.status !== "gone") return;
    if (parent.children.get(name) !== file) throw stale(file);
    if (this.#sightings.settle(parent, name, { answer, change }) !== file) throw stale(file);
  }

  async #refreshDirectory(directory: DirectoryInode): Promise<void> {
    const { parent, name } = directory;
    if (parent.children.get(name) !== directory) throw stale(directory);
    const change = this.#sightings.changeCount;
    const exists = await askForDirectory(this.#store, directory.prefix);
    if (parent.children.get(name) !== directory) throw stale(directory);
    const answer: Answer = { kind: exists ? "directory" : "nothing" };
    const settled = this.#sightings.settle(parent, name, { answer, change });
    if (settled !== directory) throw stale(directory);
  }

  #onceFree<T extends Inode>(parent: DirectoryInode, name: string, make: () => T): T | Promise<T> {
    checkName(parent.prefix, name);
    if (parent.state.status === "gone") throw notFound(name);
    if (this.#known(parent, name) !== undefined) throw exists(name);
    if (!parent.children.has(name)) {
      if (this.#own.isComplete(parent) || this.#isAbsent(parent, name)) return make();
    }
    return this.#ask(parent, name).then(
      () => {
        throw exists(name);
      },
      (error: unknown) => {
        if (!(error instanceof InodeError && error.kind === "not-found")) throw error;
        if (parent.children.has(name)) throw exists(name);
        if (parent.state.status === "gone") throw notFound(name);
        return make();
      },
    );
  }

  /** What a lookup of `name` may answer with and ask nothing. */
  #known(parent: DirectoryInode, name: string): Inode | undefined {
    const child = parent.children.get(name);
    if (child === undefined) return undefined;
    // Nothing that S3 can answer would make a directory that is local something else.
    const isLocalDirectory = child.kind === "directory" && child.state.status === "local";
    if (child.validUntilMs <= this.#now() && !isLocalDirectory) return undefined;
    this.#walks.noteServed(parent, name);
    return child;
  }

  #isAbsent(parent: DirectoryInode, name: string): boolean {
    return this.#sightings.absent.remainingMs(parent.prefix + name, this.#now()) > 0;
  }

  #checkEmpty(directory: DirectoryInode): void {
    if (directory.state.status === "local" && directory.children.size > 0)
      throw notEmpty(directory);
    for (const child of directory.unlisted.values()) {
      if (this.#sightings.isUnlisted(child)) throw notEmpty(directory);
    }
  }
}
