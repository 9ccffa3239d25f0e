/**
 * What a file system must be able to do: the upper edge of the protocol layer. `mount/` hands the
 * session one object of this shape; the session decodes requests, calls it, and encodes what it
 * returns. Every operation may answer at once or with a promise; the first way costs nothing, so a
 * hot path should take it whenever it can. Failures are thrown (or rejections) of any shape: the
 * session asks the `errnoOf` it was given what number the kernel is to see.
 *
 * Names arrive as strings: the session itself answers for names that are not valid UTF-8.
 */

import type {
  AttributeChanges,
  AttributesReply,
  Caller,
  DirectoryWriter,
  Entry,
  FileSystemStatistics,
  Opened,
  ReadReply,
} from "../base/attributes.ts";

/** A value now or later. */
export type Reply<T> = T | Promise<T>;

export interface RenameRequest {
  readonly parent: number;
  readonly name: string;
  readonly newParent: number;
  readonly newName: string;
  /** RENAME_NOREPLACE 1, RENAME_EXCHANGE 2, RENAME_WHITEOUT 4; 0 for a plain RENAME. */
  readonly flags: number;
}

export interface Operations {
  /** Every successful reply counts one lookup of the inode, which `forget` gives back. */
  lookup(parent: number, name: string): Reply<Entry>;
  forget(ino: number, lookups: number): void;
  getattr(ino: number, fh: number | undefined): Reply<AttributesReply>;
  setattr(ino: number, changes: AttributeChanges): Reply<AttributesReply>;
  /** `mode` with its file type bits. Counts a lookup, as do `mkdir` and `create`. */
  mknod(parent: number, name: string, mode: number): Reply<Entry>;
  mkdir(parent: number, name: string, mode: number): Reply<Entry>;
  unlink(parent: number, name: string): Reply<void>;
  rmdir(parent: number, name: string): Reply<void>;
  rename(request: RenameRequest): Reply<void>;
  /** `flags` as open(2) has them, O_TRUNC included (ATOMIC_O_TRUNC is negotiated). */
  open(ino: number, flags: number, caller: Caller): Reply<Opened>;
  create(
    parent: number,
    name: string,
    request: { readonly mode: number; readonly flags: number; readonly caller: Caller },
  ): Reply<{ readonly entry: Entry; readonly opened: Opened }>;
  /** Fewer bytes than asked for mean end of file. */
  read(fh: number, offset: number, byteCount: number): Reply<ReadReply>;
  /** `data` is valid until the reply. Returns the number of bytes taken, all of them or a failure. */
  write(fh: number, offset: number, data: Uint8Array): Reply<number>;
  /** Once for each close(2) of a descriptor; several per handle after dup or fork. */
  flush(fh: number, caller: Caller): Reply<void>;
  fsync(fh: number): Reply<void>;
  /** The last descriptor is gone; nobody waits for the result. */
  release(fh: number): Reply<void>;
  opendir(ino: number): Reply<Opened>;
  /**
   * Adds entries from `offset` on until the writer is full or there are no more. With `writer.plus`
   * each entry that was added counts a lookup; should this fail, the session forgets them again.
   */
  readdir(fh: number, offset: number, writer: DirectoryWriter): Reply<void>;
  releasedir(fh: number): void;
  statfs(): Reply<FileSystemStatistics>;
  /** The session itself has refused what no file system on S3 can do, and a person may wonder why. */
  noteRefusal?(refusal: Refusal): void;
}

export interface Refusal {
  /** As row.ts names it: "symlink". */
  readonly opcode: string;
  /** The inode that it is about, or the directory in which `name` was to be made. */
  readonly ino: number;
  readonly name: string | undefined;
  /** What the program sees. */
  readonly errno: number;
}
