/**
 * What every group of operations shares: the options, the tree, who has what open, and how an inode
 * is told to the kernel.
 */

import type { Attributes, Entry } from "../base/attributes.ts";
import { inBackground, type Log } from "../base/log.ts";
import {
  type DirectoryBucket,
  type DirectoryInode,
  type FileInode,
  type Inode,
  InodeError,
  type MetadataTtl,
  type Store,
  Superblock,
  sizeAndTime,
  type Version,
} from "../inode/index.ts";
import type { ObjectReader } from "../read/index.ts";
import { isArchiveClass } from "../s3/index.ts";
import type { AppendedObject, Upload } from "../write/index.ts";
import { FsError } from "./error.ts";
import { FetchAhead } from "./fetch-ahead.ts";
import { FileUses } from "./file-use.ts";
import { FileWriter } from "./file-writer.ts";
import { HandleTable, type ReadHandle, type WriteHandle } from "./handle.ts";

/** What decides how the bucket looks; a subset of the mount's options. */
export interface FileSystemOptions {
  /** "" or a prefix that ends in "/". */
  readonly prefix: string;
  readonly readOnly: boolean;
  readonly allowDelete: boolean;
  readonly allowOverwrite: boolean;
  /** Objects grow while they are written, and can be appended to; for directory buckets only. */
  readonly incrementalUpload?: boolean;
  readonly uid: number;
  readonly gid: number;
  readonly dirMode: number;
  readonly fileMode: number;
  readonly metadataTtl: MetadataTtl;
  /** For names that do not exist; as `metadataTtl` when absent. */
  readonly negativeMetadataTtl?: MetadataTtl | undefined;
  /** Whether files may be fetched, and directories listed, before anybody opens them. */
  readonly fetchAhead: boolean;
}

/** An object to be written: a new one only, with `ifNoneMatch`, or one that is written on. */
export interface UploadTarget {
  readonly key: string;
  readonly ifNoneMatch?: "*";
  readonly appendTo?: AppendedObject;
}

export interface FileSystemParts {
  readonly store: Store;
  /** Present where the bucket is one. */
  readonly directoryBucket?: DirectoryBucket | undefined;
  readonly openReader: (
    object: Readonly<{ key: string; etag: string; objectBytes: number }>,
  ) => ObjectReader;
  readonly startUpload: (target: UploadTarget) => Upload;
  readonly options: FileSystemOptions;
  readonly log: Log;
  /** The thread group of a thread, undefined when unknown. */
  readonly tgidOf: (pid: number) => number | undefined;
  /**
   * Makes the kernel forget what it believes of `name` in the directory `parent`; with `expireOnly` it
   * asks again, and what is open or a working directory stays what it is.
   */
  readonly invalidateEntry?: (
    parent: number,
    name: string,
    expireOnly: boolean,
  ) => Promise<unknown>;
  /** Makes the kernel drop the pages that it has of a file. */
  readonly invalidatePages?: (ino: number) => Promise<unknown>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export class Core {
  readonly options: FileSystemOptions;
  readonly parts: FileSystemParts;
  readonly superblock: Superblock;
  readonly uses = new FileUses();
  readonly handles: HandleTable<ReadHandle | WriteHandle>;
  /** Absent where files are fetched only when they are read. */
  readonly fetchAhead: FetchAhead | undefined;
  readonly takeHandleNumber: () => number;
  readonly #mountedAtMs: number;
  /** Keys that are about to stand for something else: nobody may begin to write them. */
  readonly renaming = new Set<string>();
  /** No more files are written: those that are open are being stored for the last time. */
  isEnding: boolean = false;
  /** Files whose writing failed, and whose names stand for nothing in the kernel any more. */
  readonly #nameless = new WeakSet<FileInode>();

  constructor(parts: FileSystemParts) {
    this.parts = parts;
    this.options = parts.options;
    this.#mountedAtMs = parts.now();
    const { fetchAhead, metadataTtl, negativeMetadataTtl, prefix } = parts.options;
    this.superblock = new Superblock({
      ...parts,
      prefix,
      ttl: metadataTtl,
      negativeTtl: negativeMetadataTtl,
      listsAhead: fetchAhead,
      log: parts.log.named("inode"),
      onFound: (parent, name) => this.#invalidateEntry(parent, name, true),
    });
    this.fetchAhead = fetchAhead ? this.#newFetchAhead() : undefined;
    let handleNumber = 0;
    this.takeHandleNumber = () => ++handleNumber;
    this.handles = new HandleTable(this.takeHandleNumber);
  }

  inode(ino: number): Inode {
    const inode = this.superblock.table.get(ino);
    if (inode === undefined) throw new InodeError("not-found", `there is no inode ${ino}`);
    return inode;
  }

  directory(ino: number): DirectoryInode {
    const inode = this.inode(ino);
    if (inode.kind === "directory") return inode;
    throw new InodeError("not-directory", `${JSON.stringify(inode.key)} is a file`);
  }

  file(ino: number): FileInode {
    const inode = this.inode(ino);
    if (inode.kind === "file") return inode;
    throw new InodeError("is-directory", `${JSON.stringify(inode.key)} is a directory`);
  }

  /** The key that an inode stands for, to name it in a message. */
  keyOf(ino: number): string {
    return this.superblock.table.get(ino)?.key ?? `inode ${ino}`;
  }

  /** The key of a name, to name it in a message. */
  keyIn(parent: number, name: string): string {
    const inode = this.superblock.table.get(parent);
    return inode?.kind === "directory" ? inode.prefix + name : name;
  }

  checkWritable(): void {
    if (!this.options.readOnly) return;
    throw new FsError("read-only", "the bucket is mounted with --read-only");
  }

  /** Tells the kernel of `inode`, which counts a lookup. */
  introduce(inode: Inode): Entry {
    this.superblock.table.count(inode);
    return this.entryOf(inode);
  }

  entryOf(inode: Inode): Entry {
    const validMs = this.superblock.validMs(inode);
    return {
      attributes: this.attributesOf(inode),
      entryValidMs: validMs,
      attributesValidMs: validMs,
    };
  }

  attributesOf(inode: Inode): Attributes {
    const { uid, gid, dirMode, fileMode } = this.options;
    const times = inode.state.status === "local" ? inode.state.times : undefined;
    if (inode.kind === "directory") {
      const atMs = this.#mountedAtMs;
      return {
        ino: inode.ino,
        kind: "directory",
        mode: dirMode,
        nlink: 2,
        uid,
        gid,
        sizeBytes: 0,
        atimeMs: times?.atimeMs ?? atMs,
        mtimeMs: times?.mtimeMs ?? atMs,
        ctimeMs: atMs,
      };
    }
    const { sizeBytes, modifiedAtMs } = sizeAndTime(inode.state);
    const isSealed = inode.state.status === "remote" && isArchived(inode.state.object);
    return {
      ino: inode.ino,
      kind: "file",
      mode: isSealed ? 0 : fileMode,
      nlink: inode.state.status === "gone" ? 0 : 1,
      uid,
      gid,
      sizeBytes,
      atimeMs: times?.atimeMs ?? modifiedAtMs,
      mtimeMs: times?.mtimeMs ?? modifiedAtMs,
      ctimeMs: modifiedAtMs,
    };
  }

  /** Begins to write `file`, which is local. The caller has made sure that nobody else uses it. */
  startWriter(file: FileInode): FileWriter {
    if (this.isEnding) throw new FsError("shutting-down", "the bucket is being unmounted");
    this.checkNotRenaming(file);
    const { superblock, uses, parts } = this;
    const writer = new FileWriter({
      file,
      superblock,
      startUpload: () => parts.startUpload(targetOf(file)),
      onEnd: (failed) => {
        uses.clearWriter(file);
        if (!failed) return;
        const onDropped = (): void => {
          this.#nameless.add(file);
        };
        if (!file.replaces && !file.unasked) onDropped();
        this.#invalidateEntry(file.parent, file.name, false, onDropped);
      },
    });
    uses.setWriter(file, writer);
    return writer;
  }

  checkNotRenaming({ key }: FileInode): void {
    if (!this.renaming.has(key)) return;
    throw new FsError("being-renamed", `${JSON.stringify(key)} is the old or new name of a rename`);
  }

  /** A read showed that S3 no longer has the object that `file` stands for. */
  distrust(file: FileInode): void {
    this.superblock.distrust(file);
    this.#invalidateEntry(file.parent, file.name, true);
  }

  /** The kernel may hold bytes of an object that only a program wrote, through a mapping of it. */
  dropPages(file: FileInode): void {
    const work = this.parts.invalidatePages?.(file.ino);
    if (work === undefined) return;
    inBackground(this.parts.log, `dropping the pages of ${JSON.stringify(file.key)}`, work);
  }

  #newFetchAhead(): FetchAhead {
    return new FetchAhead({
      ...this.parts,
      isOpen: (file) => this.uses.hasReaders(file),
      onOutdated: (file) => this.distrust(file),
    });
  }

  /**
   * Why `file`, which is gone, has nothing to tell. S3 may have another object of its name, as behind an
   * overwrite that failed: while the kernel has the name, it is told that this is stale, and looks it
   * up again. Who comes later has the file open, unless he opens it: then he was on his way from the name
   * when the kernel was told to forget it.
   */
  goneFile(file: FileInode, isOpened: boolean): InodeError {
    const kind = this.#nameless.has(file) && !isOpened ? "not-found" : "stale";
    return new InodeError(kind, `${JSON.stringify(file.key)} is gone`);
  }

  #invalidateEntry(
    parent: DirectoryInode,
    name: string,
    expireOnly: boolean,
    onDone?: () => void,
  ): void {
    const { invalidateEntry, log } = this.parts;
    if (invalidateEntry === undefined) {
      onDone?.();
      return;
    }
    const work = invalidateEntry(parent.ino, name, expireOnly).then(onDone);
    const key = JSON.stringify(parent.prefix + name);
    inBackground(log, `telling the kernel to ask about ${key} again`, work);
  }
}

function targetOf({ key, state, unasked }: FileInode): UploadTarget {
  const appendTo = state.status === "local" ? state.stored : undefined;
  return { key, ...(unasked && { ifNoneMatch: "*" }), ...(appendTo && { appendTo }) };
}

/** Whether S3 refuses to give the object's bytes until it has been restored. */
export function isArchived(object: Version): boolean {
  return isArchiveClass(object.storageClass) && object.restored !== true;
}
