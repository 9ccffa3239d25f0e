/**
 * Inodes: what the kernel knows by number. A file's inode is one version of one object (or a file
 * being written, which becomes one), so its bytes never change while it has its number.
 *
 * These are records; every change of state goes through `Superblock`.
 */

import { isArchiveClass, type ObjectInfo, type Stored } from "../s3/index.ts";
import { INDEFINITE_MS } from "./metadata-ttl.ts";

export const ROOT_INO = 1;

/** One walk from name to name through a directory, as `ls -l` makes it; kept by walks.ts. */
export interface Walk {
  /** Until then the next name that has to be asked for is taken for a part of the walk. */
  untilMs: number;
  /** The name that was asked for last. */
  lastName: string;
  /** Names that were looked up lately, whatever answered; in no order. */
  readonly recent: string[];
  /** How many lookups there were. */
  lookups: number;
  /** How many names the next request asks for. */
  keysMax: number;
  /** Lookups that needed no request since the last one. */
  served: number;
  /** Pages in a row that served nobody. */
  misses: number;
  /** The names that the last request covered, both included, and until when it is believed. */
  covered: { readonly from: string; readonly to: string; readonly untilMs: number } | undefined;
  /** Until then its lookups are taken for no walk, since the last requests served none but their own. */
  pausedUntilMs: number;
  /** Settles when the request under way has been entered, whatever came of it. */
  underway: { readonly from: string; readonly settled: Promise<void> } | undefined;
}

/** A listing in progress: it must not show what a change in this mount has outdated. */
export interface ChangeListener {
  noteChange(name: string, change: number): void;
}

/** Times that were set on something that exists in this mount only; S3 cannot keep them. */
export interface LocalTimes {
  atimeMs?: number;
  mtimeMs?: number;
}

/** What S3 said of one version of an object, whose key is that of the inode. */
export type Version = Omit<ObjectInfo, "key">;

/** The same number: V8 allocates 16 bytes for what arithmetic gives, unless it is seen to be a small integer. */
function unboxed(value: number): number {
  const small = value | 0;
  return small === value ? small : value;
}

/**
 * S3 has it. There may be millions of these and of `FileInode`: the version is not an object of its own,
 * and times are kept as numbers that V8 need not allocate.
 */
export class RemoteState implements Version {
  readonly sizeBytes: number;
  readonly etag: string;
  readonly storageClass: string | undefined;
  readonly restored: boolean | undefined;
  readonly #modifiedSeconds: number;
  readonly #modifiedMs: number;

  constructor({ sizeBytes, etag, lastModifiedMs, storageClass, restored }: Version) {
    this.sizeBytes = sizeBytes;
    this.etag = etag;
    this.storageClass = storageClass;
    this.restored = restored;
    const seconds = Math.floor(lastModifiedMs / 1000);
    this.#modifiedSeconds = unboxed(seconds);
    this.#modifiedMs = unboxed(lastModifiedMs - seconds * 1000);
  }

  get status(): "remote" {
    return "remote";
  }

  get lastModifiedMs(): number {
    return this.#modifiedSeconds * 1000 + this.#modifiedMs;
  }

  get object(): Version {
    return this;
  }
}

export type FileState =
  | RemoteState
  /** Made, being overwritten or appended to here. */
  | {
      readonly status: "local";
      sizeBytes: number;
      readonly madeAtMs: number;
      readonly times: LocalTimes;
      /** What S3 has of it, if it has anything. */
      stored?: Version;
    }
  /** Its upload failed or it was deleted: only open handles still know it. */
  | { readonly status: "gone"; readonly sizeBytes: number; readonly modifiedAtMs: number };

export type DirectoryState =
  /** Keys below it exist, or existed when last seen. */
  | { readonly status: "remote" }
  /** Made here, and nothing was stored in it yet. */
  | { readonly status: "local"; readonly times: LocalTimes }
  | { readonly status: "gone" };

interface Location {
  readonly parent: DirectoryInode;
  readonly name: string;
}

/** What times are kept relative to: for weeks, the differences are numbers that V8 need not allocate. */
const EPOCH_MS = Date.now();
/** How 0, and what need not be told from a hundred years, are kept: the ends of the range of such numbers. */
const NEVER = 1 << 31;
const INDEFINITE = ~NEVER;

function sinceEpoch(timeMs: number): number {
  if (timeMs === 0) return NEVER;
  const offsetMs = timeMs - EPOCH_MS;
  return offsetMs > INDEFINITE_MS / 2 ? INDEFINITE : unboxed(offsetMs);
}

function timeOf(offset: number): number {
  if (offset === NEVER) return 0;
  return EPOCH_MS + (offset === INDEFINITE ? INDEFINITE_MS : offset);
}

/** Bits of `FileInode`. */
const UNASKED = 1;
const REPLACES = 2;
const MADE = 4;

function withBit(bits: number, bit: number, is: boolean): number {
  return is ? bits | bit : bits & ~bit;
}

export class FileInode {
  readonly ino: number;
  /** Both change when it is renamed, and only then. */
  parent: DirectoryInode;
  name: string;
  state: FileState;
  /** How many times the kernel was told of it and has not forgotten. */
  lookups = 0;
  /** The name of the file that a listing showed behind it, if one did: it may be gone by now. */
  followedBy: string | undefined;
  #validUntil = NEVER;
  #openableUntil = NEVER;
  #bits = 0;

  constructor(ino: number, location: Location, state: FileState) {
    this.ino = ino;
    this.parent = location.parent;
    this.name = location.name;
    this.state = state;
  }

  get kind(): "file" {
    return "file";
  }

  get validUntilMs(): number {
    return timeOf(this.#validUntil);
  }

  set validUntilMs(timeMs: number) {
    this.#validUntil = sinceEpoch(timeMs);
  }

  /** Until then an open can trust the last answer of S3; 0 once it has served one. */
  get openableUntilMs(): number {
    return timeOf(this.#openableUntil);
  }

  set openableUntilMs(timeMs: number) {
    this.#openableUntil = sinceEpoch(timeMs);
  }

  /** Whether nobody asked S3 for the name before the file was made, so that the upload has to. */
  get unasked(): boolean {
    return (this.#bits & UNASKED) !== 0;
  }

  set unasked(is: boolean) {
    this.#bits = withBit(this.#bits, UNASKED, is);
  }

  /** Whether S3 has an object of its name, should its writing fail. */
  get replaces(): boolean {
    return (this.#bits & REPLACES) !== 0;
  }

  set replaces(is: boolean) {
    this.#bits = withBit(this.#bits, REPLACES, is);
  }

  /** Whether its bytes were written in this mount. */
  get made(): boolean {
    return (this.#bits & MADE) !== 0;
  }

  set made(is: boolean) {
    this.#bits = withBit(this.#bits, MADE, is);
  }

  get key(): string {
    return this.parent.prefix + this.name;
  }
}

export class DirectoryInode {
  readonly kind = "directory";
  readonly ino: number;
  /** The root is its own parent. */
  readonly parent: DirectoryInode;
  readonly name: string;
  /** What every key inside begins with: "" or ending in "/". */
  readonly prefix: string;
  state: DirectoryState = { status: "remote" };
  lookups = 0;
  validUntilMs = 0;
  made: boolean = false;
  readonly children = new Map<string, Inode>();
  /** The children that a listing of S3 may lack: local ones, and directories emptied here. */
  readonly unlisted = new Map<string, Inode>();
  readonly listings = new Set<ChangeListener>();
  walk: Walk | undefined;
  /** Until then, a name that is not in `children` does not exist: nobody else had time to make it. */
  completeUntilMs = 0;
  /** Until then it exists even if no key is left in it, since the last one was deleted here. */
  emptiedUntilMs = 0;
  /** Whether a lookup behind that time finds it once more: a slow `rm -r` has yet to remove it. */
  isRemovalDue: boolean = false;
  /** The name of the first directory that a listing of it showed. */
  firstDirectory: string | undefined;
  /** The name of the directory that a listing showed behind it, if one did: it may be gone by now. */
  followedBy: string | undefined;
  /** Requests under way that delete a key in it: it exists until they are answered, whatever S3 says. */
  deletions = 0;
  /** While it is local: S3 may list it, and perhaps for nothing but what was being uploaded into it. */
  mayBeStored: boolean = false;
  /** The count of local changes when this mount stored something in it: older answers may lack it. */
  storedAtChange = 0;

  constructor(ino: number, location: Location | { readonly root: string }) {
    this.ino = ino;
    if ("root" in location) {
      this.parent = this;
      this.name = "";
      this.prefix = location.root;
    } else {
      this.parent = location.parent;
      this.name = location.name;
      this.prefix = `${location.parent.prefix}${location.name}/`;
    }
  }

  get key(): string {
    return this.prefix;
  }
}

/** What the file is now, as far as it is anything. */
export function sizeAndTime(state: FileState): { sizeBytes: number; modifiedAtMs: number } {
  switch (state.status) {
    case "remote":
      return { sizeBytes: state.object.sizeBytes, modifiedAtMs: state.object.lastModifiedMs };
    case "local":
      return { sizeBytes: state.sizeBytes, modifiedAtMs: state.madeAtMs };
    case "gone":
      return state;
  }
}

export type Inode = FileInode | DirectoryInode;

/** Whether the object may be archived, and S3 has not said if it can be read all the same. */
export function isRestoreUnknown({ storageClass, restored }: Version): boolean {
  return isArchiveClass(storageClass) && restored === undefined;
}

/** S3's clock and this machine's, which times what it has stored itself, differ, as do their ways of rounding. */
const SAME_TIME_MS = 2000;

/**
 * What S3 says now of a version that is known: its time stays as it was first told, or programs that
 * compare times (tar, vim, git) would take the file for changed.
 */
export function withKnownTime(known: Version, seen: Version): Version {
  const { lastModifiedMs } = known;
  const differenceMs = Math.abs(seen.lastModifiedMs - lastModifiedMs);
  if (differenceMs === 0 || differenceMs >= SAME_TIME_MS) return seen;
  const { etag, restored, sizeBytes, storageClass } = seen;
  return { etag, lastModifiedMs, restored, sizeBytes, storageClass };
}

/** A file that is begun at `nowMs`, or written on where `stored` ends. */
export function localFile(nowMs: number, stored?: Version): FileState {
  const sizeBytes = stored?.sizeBytes ?? 0;
  const known = stored && { stored };
  return { status: "local", sizeBytes, madeAtMs: nowMs, times: {}, ...known };
}

/** An object that was stored at `nowMs`, as S3 would tell of it. */
export function objectStored({ etag }: Stored, sizeBytes: number, nowMs: number): Version {
  const lastModifiedMs = Math.floor(nowMs / 1000) * 1000;
  return { sizeBytes, etag, lastModifiedMs, storageClass: undefined, restored: false };
}

/** Whether two answers of S3 speak of the same bytes. */
export function isSameVersion(a: Version, b: Version): boolean {
  if (a.etag !== b.etag || a.sizeBytes !== b.sizeBytes) return false;
  return a.etag !== "" || a.lastModifiedMs === b.lastModifiedMs;
}
