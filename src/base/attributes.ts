/**
 * What a file or directory looks like from outside: the words that the protocol layer (`fuse/`) and
 * the file system (`fs/`) share, since neither may import the other.
 */

export type FileKind = "file" | "directory";

/** POSIX attributes, times in milliseconds since the epoch. */
export interface Attributes {
  readonly ino: number;
  readonly kind: FileKind;
  /** Permission bits only (07777); the kind supplies the file type. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/** The answer to a lookup: an inode, and for how long the kernel may believe what it says. */
export interface Entry {
  readonly attributes: Attributes;
  readonly entryValidMs: number;
  readonly attributesValidMs: number;
}

/** What `setattr` asks to change; an absent field stays as it is. "now" is the server's clock. */
export interface AttributeChanges {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly sizeBytes?: number;
  readonly atimeMs?: number | "now";
  readonly mtimeMs?: number | "now";
  readonly fh?: number;
}

export interface AttributesReply {
  readonly attributes: Attributes;
  readonly validMs: number;
}

/** Who asks. `pid` is the thread's id as the kernel numbers it, 0 for the kernel itself. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
}

/** An open file or directory. */
export interface Opened {
  readonly fh: number;
  /** Bypass the page cache for this handle. */
  readonly directIo?: boolean;
  /** The pages that the kernel holds of this inode are still right. */
  readonly keepCache?: boolean;
  /** Nobody need be told when a descriptor of it is closed, before the last one is. */
  readonly noFlush?: boolean;
}

/** Bytes lent to the protocol layer until it calls `release`, exactly once, after the reply. */
export interface ReadReply {
  readonly parts: readonly Uint8Array[];
  release(): void;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly ino: number;
  readonly kind: FileKind;
  /** The offset that a later readdir passes to continue behind this entry. */
  readonly nextOffset: number;
  /** For READDIRPLUS; absent for "." and "..", which are not looked up. */
  readonly entry?: Entry;
}

/** Collects one readdir reply. */
export interface DirectoryWriter {
  /** Whether the kernel asked for attributes (READDIRPLUS): each `entry` added counts a lookup. */
  readonly plus: boolean;
  /** Adds one entry, or returns false, adding nothing, when the reply is full. */
  add(entry: DirectoryEntry): boolean;
}

/** As struct kstatfs: counts of blocks of `blockBytes`, which are more than a double holds. */
export interface FileSystemStatistics {
  readonly blockBytes: number;
  readonly fragmentBytes: number;
  readonly blocks: bigint;
  readonly blocksFree: bigint;
  readonly blocksAvailable: bigint;
  readonly files: bigint;
  readonly filesFree: bigint;
  readonly nameBytesMax: number;
}
