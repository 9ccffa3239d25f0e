/**
 * What every group of operations shares: the options, the tree, who has what open, and how an inode
 * is told to the kernel.
 */

import type { Attributes, Entry } from "../base/attributes.ts";
import { inBackground, type Log } from "../base/log.ts";
import {
  type DirectoryInode,
  type FileInode,
  type Inode,
  InodeError,
  type MetadataTtl,
  type Store,
  Superblock,
  sizeAndTime,
} from "../inode/index.ts";
import type { ObjectReader } from "../read/index.ts";
import { isArchiveClass, type ObjectInfo } from "../s3/index.ts";
import type { Upload } from "../write/index.ts";
import { FsError } from "./error.ts";
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
  readonly uid: number;
  readonly gid: number;
  readonly dirMode: number;
  readonly fileMode: number;
  readonly metadataTtl: MetadataTtl;
}

/** An object to be written: a new one only, with `ifNoneMatch`. */
export interface UploadTarget {
  readonly key: string;
  readonly ifNoneMatch?: "*";
}

export interface FileSystemParts {
  readonly store: Store;
  readonly openReader: (
    object: Readonly<{ key: string; etag: string; objectBytes: number }>,
  ) => ObjectReader;
  readonly startUpload: (target: UploadTarget) => Upload;
  readonly options: FileSystemOptions;
  readonly log: Log;
  /** The thread group of a thread, undefined when unknown. */
  readonly tgidOf: (pid: number) => number | undefined;
  /** Makes the kernel forget that `name` is in the directory `parent`. */
  readonly invalidateEntry?: (parent: number, name: string) => Promise<unknown>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export class Core {
  readonly options: FileSystemOptions;
  readonly parts: FileSystemParts;
  readonly superblock: Superblock;
  readonly uses = new FileUses();
  readonly handles: HandleTable<ReadHandle | WriteHandle>;
  readonly takeHandleNumber: () => number;
  readonly #mountedAtMs: number;
  /** No more files are written: those that are open are being stored for the last time. */
  isEnding: boolean = false;

  constructor(parts: FileSystemParts) {
    this.parts = parts;
    this.options = parts.options;
    this.#mountedAtMs = parts.now();
    const { prefix, metadataTtl } = parts.options;
    this.superblock = new Superblock({
      ...parts,
      prefix,
      ttl: metadataTtl,
      log: parts.log.named("inode"),
    });
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
    const { superblock, uses, parts } = this;
    const writer = new FileWriter({
      file,
      superblock,
      startUpload: () =>
        parts.startUpload({ key: file.key, ...(file.unasked ? { ifNoneMatch: "*" } : {}) }),
      onEnd: (failed) => {
        uses.clearWriter(file);
        if (failed) this.#forgetEntry(file);
      },
    });
    uses.setWriter(file, writer);
    return writer;
  }

  #forgetEntry(file: FileInode): void {
    const { invalidateEntry, log } = this.parts;
    if (invalidateEntry === undefined) return;
    const work = invalidateEntry(file.parent.ino, file.name);
    inBackground(log, `telling the kernel that ${JSON.stringify(file.key)} is gone`, work);
  }
}

/** Whether S3 refuses to give the object's bytes until it has been restored. */
export function isArchived(object: ObjectInfo): boolean {
  return isArchiveClass(object.storageClass) && object.restored !== true;
}
