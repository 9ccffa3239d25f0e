/**
 * opendir, readdir, releasedir. A directory is read page by page as S3 lists it; of what was read,
 * only the last reply is kept, because the kernel may ask for parts of it again.
 */

import type { DirectoryWriter, Opened } from "../base/attributes.ts";
import type { DirectoryInode, DirectoryListing, Inode, Listed } from "../inode/index.ts";
import type { Core } from "./core.ts";
import { FsError } from "./error.ts";
import { HandleTable } from "./handle.ts";

/** Names that are taken from a listing before they are asked for: what takes so long keeps others waiting. */
const PREPARED_MAX = 256;
/** "." and ".." come first. */
const DOTS = 2;

interface Item {
  readonly name: string;
  readonly inode: Inode;
  /** As what it was taken from the listing, until it is told. */
  readonly listed?: Listed | undefined;
}

export class DirectoryOperations {
  readonly #core: Core;
  readonly #handles: HandleTable<DirectoryReader>;

  constructor(core: Core) {
    this.#core = core;
    this.#handles = new HandleTable(core.takeHandleNumber);
  }

  get handleCount(): number {
    return this.#handles.size;
  }

  opendir(ino: number): Opened {
    const directory = this.#core.directory(ino);
    return { fh: this.#handles.add(new DirectoryReader(this.#core, directory)) };
  }

  readdir(fh: number, offset: number, writer: DirectoryWriter): void | Promise<void> {
    const reader = this.#handles.get(fh);
    if (reader === undefined) {
      throw new FsError("bad-directory-handle", `${fh} is not an open directory`);
    }
    return reader.read(offset, writer);
  }

  releasedir(fh: number): void {
    this.#handles.take(fh)?.close();
  }

  keyOf(fh: number): string {
    return this.#handles.get(fh)?.directory.key ?? `handle ${fh}`;
  }

  closeAll(): void {
    for (const reader of this.#handles.takeAll()) reader.close();
  }
}

/**
 * One open directory. Offsets count entries: the entry behind offset n has the number n.
 *
 * ```
 *            #replyStart          #position
 *   0 . . . . . . [ #reply . . . . . ] [ #queue ] . . listing . . .
 * ```
 */
class DirectoryReader {
  readonly directory: DirectoryInode;
  readonly #core: Core;
  #listing: DirectoryListing | undefined;
  #reply: Item[] = [];
  #replyStart = 0;
  /** The reply before, while the last one is empty: at the end, libc asks once more than it tells. */
  #before: Item[] = [];
  /** Taken from the listing, or to be told again, but not in the last reply. */
  #queue: Item[] = [];
  #underway: Promise<void> | undefined;

  constructor(core: Core, directory: DirectoryInode) {
    this.#core = core;
    this.directory = directory;
  }

  /** One reply at a time; the kernel does not send the next before, and nobody else may either. */
  read(offset: number, writer: DirectoryWriter): void | Promise<void> {
    if (this.#underway !== undefined) {
      const retry = (): void | Promise<void> => this.read(offset, writer);
      return this.#underway.then(retry, retry);
    }
    this.#seek(offset);
    if (this.#fill(writer)) return this.#endReply();
    const underway = this.#fillWaiting(writer).finally(() => {
      this.#underway = undefined;
      this.#endReply();
    });
    this.#underway = underway;
    return underway;
  }

  close(): void {
    this.#listing?.close();
    this.#listing = undefined;
  }

  #seek(offset: number): void {
    const position = this.#replyStart + this.#reply.length;
    if (offset === 0) {
      this.close();
      this.#listing = this.#core.superblock.openListing(this.directory);
      const { directory } = this;
      this.#queue = [
        { name: ".", inode: directory },
        { name: "..", inode: directory.parent },
      ];
    } else if (this.#listing === undefined || offset < this.#replyStart || offset > position) {
      throw new FsError(
        "bad-directory-offset",
        `cannot continue at entry ${offset}: the last reply had entries ${this.#replyStart} to ${position}`,
      );
    } else if (offset < position) {
      this.#queue = [...this.#reply.slice(offset - this.#replyStart), ...this.#queue];
    }
    this.#before = offset === position ? this.#reply : [];
    this.#reply = [];
    this.#replyStart = offset;
  }

  #endReply(): void {
    this.#keepReply();
    if (this.#listing !== undefined) this.#listing.hasUntold = this.#queue.length > 0;
    // While the kernel has to do with the reply, the next one is prepared.
    if (this.#queue.length > 0) setImmediate(() => this.#prepare());
  }

  /** Takes names from the listing, about as many as the last reply had. */
  #prepare(): void {
    const listing = this.#listing;
    if (listing === undefined || this.#underway !== undefined) return;
    const namesMax = Math.min(this.#reply.length, PREPARED_MAX);
    while (this.#queue.length < namesMax) {
      const item = this.#next(listing);
      if (item === "wait" || item === "end") break;
      this.#queue.push(item);
    }
    listing.hasUntold = this.#queue.length > 0;
  }

  #keepReply(): void {
    if (this.#reply.length > 0) return;
    this.#reply = this.#before;
    this.#replyStart -= this.#before.length;
    this.#before = [];
  }

  async #fillWaiting(writer: DirectoryWriter): Promise<void> {
    do {
      await this.#listing?.turnPage();
    } while (!this.#fill(writer));
  }

  /** Adds what is at hand. False when that is nothing, or just the dots, before the next page. */
  #fill(writer: DirectoryWriter): boolean {
    const { table } = this.#core.superblock;
    const listing = this.#listing;
    const queue = this.#queue;
    this.#queue = [];
    for (let queued = 0; ; queued++) {
      const item = queue[queued] ?? this.#next(listing);
      if (item === "wait") return this.#reply.length > (this.#replyStart === 0 ? DOTS : 0);
      if (item === "end") break;
      const told = queued < queue.length ? this.#renewed(item) : item;
      if (told === undefined) continue;
      if (!this.#add(told, writer)) {
        this.#queue = queued < queue.length ? queue.slice(queued) : [item];
        break;
      }
      this.#reply.push({ name: told.name, inode: told.inode });
    }
    table.expire(this.#core.parts.now());
    return true;
  }

  /** What was taken from the listing before, as it is now; undefined when it is gone. */
  #renewed(item: Item): Item | undefined {
    const { inode, listed, name } = item;
    if (listed !== undefined && this.#listing !== undefined) {
      const { superblock } = this.#core;
      const now = superblock.admit(this.directory, this.#listing, listed, inode);
      return now && { name, inode: now };
    }
    return inode.state.status === "gone" && inode !== this.directory ? undefined : item;
  }

  #next(listing: DirectoryListing | undefined): Item | "wait" | "end" {
    if (listing === undefined) return "end";
    for (;;) {
      const listed = listing.next();
      if (listed === "end") return listed;
      if (listed === "wait") {
        if (listing.tryTurnPage()) continue;
        return listed;
      }
      const inode = this.#core.superblock.admit(this.directory, listing, listed);
      if (inode !== undefined && !listed.isRepeated) return { name: listed.name, inode, listed };
    }
  }

  #add({ name, inode }: Item, writer: DirectoryWriter): boolean {
    const { ino, kind } = inode;
    const nextOffset = this.#replyStart + this.#reply.length + 1;
    const isLookup = writer.plus && name !== "." && name !== "..";
    if (!isLookup) return writer.add({ name, ino, kind, nextOffset });
    const entry = this.#core.entryOf(inode);
    if (!writer.add({ name, ino, kind, nextOffset, entry })) return false;
    this.#core.superblock.table.count(inode);
    return true;
  }
}
