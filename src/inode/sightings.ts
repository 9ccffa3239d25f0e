/**
 * Enters into the inode table what S3 was seen to have, and what this mount has made. Everything in
 * here is synchronous: the state of a name changes in one step.
 *
 * What a name stands for is decided in one order: a directory in S3, then what this mount has made
 * and not yet stored, then an object in S3.
 */

import { ownText } from "../base/own-text.ts";
import type { ObjectInfo } from "../s3/index.ts";
import { AbsentNames } from "./absent-names.ts";
import { InodeError } from "./error.ts";
import {
  DirectoryInode,
  FileInode,
  type Inode,
  isRestoreUnknown,
  isSameVersion,
  RemoteState,
  sizeAndTime,
  withKnownTime,
} from "./inode.ts";
import { InodeTable } from "./inode-table.ts";
import { type Lifetimes, lifetimesOf, type MetadataTtl } from "./metadata-ttl.ts";
import type { Answer, DirectoryBucket } from "./question.ts";

/** What S3 said, and the count of local changes when it was asked: of later ones it knows nothing. */
interface Told {
  readonly answer: Answer;
  readonly change: number;
}

export class Sightings {
  readonly table: InodeTable;
  readonly lifetimes: Lifetimes;
  readonly absent: AbsentNames;
  readonly now: () => number;
  /** Told of each key whose meaning this mount changed. */
  readonly #onChange: (key: string) => void;
  readonly #onFound: (parent: DirectoryInode, name: string) => void;
  /** Whether S3 lists a directory also for what is being uploaded into it, by this mount as well. */
  readonly #listsUploads: boolean;
  #changeCount = 0;

  constructor(options: {
    readonly prefix: string;
    readonly ttl: MetadataTtl;
    readonly negativeTtl?: MetadataTtl | undefined;
    readonly now: () => number;
    readonly onChange: (key: string) => void;
    /** Told of each name that S3 has, although the kernel may still believe that it is missing. */
    readonly onFound?: (parent: DirectoryInode, name: string) => void;
    readonly directoryBucket?: DirectoryBucket | undefined;
  }) {
    this.#listsUploads = options.directoryBucket !== undefined;
    this.table = new InodeTable(options.prefix);
    this.lifetimes = lifetimesOf(options.ttl, options.negativeTtl);
    this.now = options.now;
    this.#onChange = options.onChange;
    this.#onFound = options.onFound ?? (() => {});
    const { absentMs, cachingAbsent } = this.lifetimes;
    this.absent = new AbsentNames({ lifetimeMs: absentMs, caching: cachingAbsent });
  }

  /** Counts what this mount changed, to tell whether an answer of S3 is older than a change. */
  get changeCount(): number {
    return this.#changeCount;
  }

  lifetimeMs(inode: Inode): number {
    return inode.kind === "file" ? this.lifetimes.fileMs : this.lifetimes.directoryMs;
  }

  /**
   * S3's answer to what a name stands for, asked for when the count of changes was `change`. Throws
   * "not-found" when for nothing.
   */
  settle(parent: DirectoryInode, name: string, { answer, change }: Told): Inode {
    const seenAtMs = this.now();
    if (answer.kind === "directory") return this.seeDirectory(parent, name, seenAtMs);
    const child = parent.children.get(name);
    if (child?.kind === "directory") this.#prolong(child, seenAtMs);
    return answer.kind === "file"
      ? this.seeObject(parent, name, { object: answer.object, change, seenAtMs })
      : this.#seeNothing(parent, name, { change, seenAtMs });
  }

  seeDirectory(parent: DirectoryInode, name: string, seenAtMs: number): DirectoryInode {
    const child = parent.children.get(name);
    let directory: DirectoryInode;
    if (child?.kind === "directory") {
      directory = child;
      if (directory.state.status === "local") {
        if (this.#listsUploads && (directory.mayBeStored || this.#hasUnlisted(directory))) {
          directory.mayBeStored = true;
          directory.completeUntilMs = 0;
        } else {
          this.#markShared(directory, seenAtMs);
        }
      }
      // Unless it was emptied since it was seen, for all that is known here.
      if (!this.isUnlisted(directory)) {
        parent.unlisted.delete(name);
        directory.isRemovalDue = false;
      }
    } else {
      directory = new DirectoryInode(this.table.takeIno(), { parent, name: ownText(name) });
      this.#attachSeen(directory, seenAtMs);
    }
    directory.validUntilMs = seenAtMs + this.lifetimes.directoryMs;
    this.table.remember(directory);
    return directory;
  }

  seeObject(
    parent: DirectoryInode,
    name: string,
    seen: {
      readonly object: ObjectInfo;
      /** The count of local changes when it was asked for. */
      readonly change: number;
      readonly seenAtMs: number;
      /** From when on its attributes count, if not from when they were seen. */
      readonly toldAtMs?: number;
    },
  ): Inode {
    const child = parent.children.get(name);
    if (child !== undefined && this.#isStill(child, seen.change)) return child;
    let file: FileInode;
    if (
      child?.kind === "file" &&
      child.state.status === "remote" &&
      isSameVersion(child.state.object, seen.object)
    ) {
      file = child;
      file.state = new RemoteState(withKnownTime(child.state.object, seen.object));
    } else {
      const location = { parent, name: ownText(name) };
      file = new FileInode(this.table.takeIno(), location, new RemoteState(seen.object));
      this.#attachSeen(file, seen.seenAtMs);
    }
    this.touchFile(file, seen.seenAtMs, seen.toldAtMs);
    // Whether it can be read was not asked, so nothing but the listing itself is served by this.
    if (isRestoreUnknown(seen.object)) {
      file.validUntilMs = seen.seenAtMs;
      file.openableUntilMs = 0;
    }
    this.table.remember(file);
    return file;
  }

  #seeNothing(
    parent: DirectoryInode,
    name: string,
    { change, seenAtMs }: { readonly change: number; readonly seenAtMs: number },
  ): Inode {
    const child = parent.children.get(name);
    if (child !== undefined && this.#isStill(child, change)) {
      if (child.state.status === "local") child.validUntilMs = seenAtMs + this.lifetimeMs(child);
      return child;
    }
    if (child !== undefined) this.table.detach(child);
    this.absent.add(parent.prefix + name, seenAtMs);
    throw notFound(name, this.knownAbsentMs(parent, name));
  }

  /** For how long the kernel may believe that there is no such name. */
  knownAbsentMs(parent: DirectoryInode, name: string): number {
    if (!this.lifetimes.cachingAbsent) return 0;
    return this.absent.remainingMs(parent.prefix + name, this.now());
  }

  /** Something made here, which S3 does not have. */
  attachLocal(inode: Inode): void {
    inode.made = true;
    inode.validUntilMs = this.now() + this.lifetimeMs(inode);
    this.absent.delete(inode.parent.prefix + inode.name);
    this.table.attach(inode);
    this.markUnlisted(inode);
    this.noteChange(inode);
  }

  /** This mount has stored a key below `directory`. */
  noteStored(directory: DirectoryInode, nowMs: number): void {
    this.markStored(directory, nowMs);
    for (const above of this.#upFrom(directory)) above.storedAtChange = this.#changeCount;
  }

  /** There is a key below `directory`: it and all above it are S3's now. */
  markStored(directory: DirectoryInode, seenAtMs: number): void {
    let stored = directory;
    while (stored.state.status === "local") {
      stored.state = { status: "remote" };
      stored.mayBeStored = false;
      stored.validUntilMs = seenAtMs + this.lifetimes.directoryMs;
      // Not while something local is inside, which keeps it whatever happens to its keys.
      if (stored.unlisted.size === 0) stored.parent.unlisted.delete(stored.name);
      stored = stored.parent;
    }
  }

  /** S3 said at `seenAtMs` what the file is; its attributes count from `toldAtMs` on. */
  touchFile(file: FileInode, seenAtMs: number, toldAtMs: number = seenAtMs): void {
    file.validUntilMs = toldAtMs + this.lifetimes.fileMs;
    file.openableUntilMs = seenAtMs + this.lifetimes.fileMs;
  }

  /** What is known of `inode` is told later than thought: it counts from then on, unless it has proved wrong. */
  prolongTold(inode: Inode, toldAtMs: number): void {
    if (inode.kind === "directory" || inode.state.status !== "remote") return;
    if (inode.validUntilMs === 0 || isRestoreUnknown(inode.state.object)) return;
    inode.validUntilMs = Math.max(inode.validUntilMs, toldAtMs + this.lifetimes.fileMs);
  }

  /**
   * A key in `directory` is being deleted, which may be its last and that of those above: S3 may show
   * that before it answers. Returns what ends this.
   */
  beginDeletion(directory: DirectoryInode): () => void {
    const above = [...this.#upFrom(directory)];
    for (const each of above) each.deletions++;
    this.markUnlisted(directory);
    return () => {
      for (const each of above) each.deletions--;
    };
  }

  /** Takes the name away; every directory above may have lost its last key by this. */
  remove(inode: Inode): void {
    // Behind a directory that S3 had there may be an object of its name.
    const mayHide = inode.kind === "directory" && inode.state.status === "remote";
    this.setGone(inode);
    this.#empty(inode, mayHide);
    this.table.detach(inode);
  }

  /** The object of `file` has another key now. What had that key before is gone. */
  move(file: FileInode, parent: DirectoryInode, name: string): void {
    const nowMs = this.now();
    const replaced = parent.children.get(name);
    if (replaced !== undefined) this.setGone(replaced);
    this.noteChange(file);
    this.#empty(file, false);
    this.table.move(file, parent, name);
    this.absent.delete(file.key);
    this.noteChange(file);
    this.noteStored(parent, nowMs);
    this.touchFile(file, nowMs);
  }

  /** The name is to be taken away from `inode`. */
  #empty(inode: Inode, mayHide: boolean): void {
    const nowMs = this.now();
    if (!mayHide) this.absent.add(inode.parent.prefix + inode.name, nowMs);
    for (const directory of this.#upFrom(inode.parent)) {
      if (directory.state.status !== "remote") continue;
      directory.emptiedUntilMs = nowMs + this.lifetimes.directoryMs;
      directory.isRemovalDue = true;
    }
    this.markUnlisted(inode.parent);
  }

  /** Nothing has this name any more, or something else. */
  setGone(inode: Inode): void {
    if (inode.kind === "file") inode.state = { status: "gone", ...sizeAndTime(inode.state) };
    else inode.state = { status: "gone" };
    this.noteChange(inode);
  }

  /** This mount changed what the inode's name stands for: answers on their way are outdated. */
  noteChange(inode: Inode): void {
    this.#changeCount++;
    this.#onChange(inode.parent.prefix + inode.name);
    for (const listing of inode.parent.listings) {
      listing.noteChange(inode.name, this.#changeCount);
    }
  }

  /**
   * Whether the name is `child`'s whatever object S3 has, and whether S3 lists it or not: it is local,
   * was emptied here, or has something local inside.
   */
  isUnlisted(child: Inode): boolean {
    if (child.state.status === "local") return true;
    if (child.kind === "file") return false;
    if (child.deletions > 0 || child.emptiedUntilMs > this.now()) return true;
    return this.#hasUnlisted(child);
  }

  #hasUnlisted(directory: DirectoryInode): boolean {
    for (const child of directory.unlisted.values()) {
      if (this.isUnlisted(child)) return true;
    }
    return false;
  }

  /** S3's listings may lack `inode` from here on, and with it the directories above. */
  markUnlisted(inode: Inode): void {
    let child = inode;
    while (child !== this.table.root && child.parent.children.get(child.name) === child) {
      child.parent.unlisted.set(child.name, child);
      child = child.parent;
    }
  }

  /** Whether `child` stays what its name stands for, though S3 said otherwise when asked at `change`. */
  #isStill(child: Inode, change: number): boolean {
    if (this.isUnlisted(child)) return true;
    return child.kind === "directory" && (child.isRemovalDue || child.storedAtChange > change);
  }

  /**
   * S3 has nothing in `directory` any more. The kernel looks it up before it is removed, and whoever
   * emptied it may take long to come to that: one lookup finds it, however late.
   */
  #prolong(directory: DirectoryInode, nowMs: number): void {
    if (!directory.isRemovalDue || directory.emptiedUntilMs > nowMs) return;
    directory.isRemovalDue = false;
    directory.emptiedUntilMs = nowMs + this.lifetimes.directoryMs;
    this.markUnlisted(directory);
  }

  /** `directory` and those above it, without the root. */
  *#upFrom(directory: DirectoryInode): Generator<DirectoryInode> {
    for (let above = directory; above !== this.table.root; above = above.parent) yield above;
  }

  #attachSeen(inode: Inode, seenAtMs: number): void {
    const { parent, name } = inode;
    const wasAbsent = this.absent.size > 0 && this.absent.delete(parent.prefix + name);
    if (wasAbsent && this.lifetimes.cachingAbsent) this.#onFound(parent, name);
    this.table.attach(inode);
    this.#markShared(inode.parent, seenAtMs);
  }

  /** S3 has something in `directory` that was not known of here: others may put more into it. */
  #markShared(directory: DirectoryInode, seenAtMs: number): void {
    this.markStored(directory, seenAtMs);
    directory.completeUntilMs = 0;
  }
}

/** Without a stack, which takes longer than the rest of a lookup, and which nobody looks at. */
export function notFound(name: string, absentMs = 0): InodeError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const error = new InodeError("not-found", `there is no ${JSON.stringify(name)}`, { absentMs });
  Error.stackTraceLimit = stackTraceLimit;
  return error;
}
