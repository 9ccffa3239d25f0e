/**
 * getattr, setattr, statfs. S3 keeps neither modes nor owners nor times: setting them succeeds, and
 * changes nothing in S3, on what this mount has made (so that `cp -a` and `tar x` work), and is
 * refused on everything else. Times show until the file is stored; modes and owners never do, since a
 * directory made private that opens up with its first file would be worse than one that never was.
 */

import type {
  AttributeChanges,
  AttributesReply,
  FileSystemStatistics,
} from "../base/attributes.ts";
import {
  type DirectoryInode,
  type FileInode,
  type Inode,
  InodeError,
  sizeAndTime,
} from "../inode/index.ts";
import type { Core } from "./core.ts";
import { FsError } from "./error.ts";

/** A bucket has no size. As mount-s3: the bytes still fit a signed 64-bit number. */
const UNLIMITED_BLOCKS = (2n ** 64n - 1n) / 1024n;

const STATISTICS: FileSystemStatistics = {
  blockBytes: 512,
  fragmentBytes: 512,
  blocks: UNLIMITED_BLOCKS,
  blocksFree: UNLIMITED_BLOCKS,
  blocksAvailable: UNLIMITED_BLOCKS,
  files: UNLIMITED_BLOCKS,
  filesFree: UNLIMITED_BLOCKS,
  nameBytesMax: 255,
};

export class AttributeOperations {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  getattr(ino: number, fh: number | undefined): AttributesReply | Promise<AttributesReply> {
    const inode = this.#core.inode(ino);
    // An open file is one version of an object, whatever its name stands for by now.
    const isOpen = inode.kind === "file" && this.#core.uses.hasReaders(inode);
    if (inode.state.status === "gone" && !isOpen) {
      // The kernel asks for a read, to whose answer this must not come first.
      if (fh !== undefined) return { attributes: this.#core.attributesOf(inode), validMs: 0 };
      if (inode.kind === "file") throw this.#core.goneFile(inode, false);
      throw new InodeError("not-found", `${JSON.stringify(inode.key)} is gone`);
    }
    if (isOpen || this.#core.superblock.isFresh(inode)) return this.#reply(inode);
    return this.#core.superblock.refresh(inode).then(() => this.#reply(inode));
  }

  setattr(ino: number, changes: AttributeChanges): AttributesReply {
    const inode = this.#core.inode(ino);
    if (changes.sizeBytes !== undefined) this.#checkSize(inode, changes.sizeBytes);
    if (setsAttributes(changes)) this.#setAttributes(inode, changes);
    return this.#reply(inode);
  }

  statfs(): FileSystemStatistics {
    return STATISTICS;
  }

  #reply(inode: Inode): AttributesReply {
    return {
      attributes: this.#core.attributesOf(inode),
      validMs: this.#core.superblock.validMs(inode),
    };
  }

  /** A size that is there already is fine; no other can be had. */
  #checkSize(inode: FileInode | DirectoryInode, sizeBytes: number): void {
    if (inode.kind === "directory") {
      throw new InodeError("is-directory", `${JSON.stringify(inode.key)} is a directory`);
    }
    const current = sizeAndTime(inode.state).sizeBytes;
    if (sizeBytes === current) return;
    this.#core.checkWritable();
    throw new FsError(
      "attributes-fixed",
      `the size is ${current} bytes and cannot be set to ${sizeBytes}: S3 stores whole objects; ` +
        "write the file anew (with --allow-overwrite) instead",
    );
  }

  #setAttributes(inode: Inode, changes: AttributeChanges): void {
    this.#core.checkWritable();
    if (!inode.made) {
      throw new FsError(
        "attributes-fixed",
        "S3 keeps no mode, owner or times; they can be set only on what this mount has made",
      );
    }
    if (inode.state.status !== "local") return;
    const { times } = inode.state;
    const nowMs = this.#core.parts.now();
    const { atimeMs, mtimeMs } = changes;
    if (atimeMs !== undefined) times.atimeMs = atimeMs === "now" ? nowMs : atimeMs;
    if (mtimeMs !== undefined) times.mtimeMs = mtimeMs === "now" ? nowMs : mtimeMs;
  }
}

function setsAttributes(changes: AttributeChanges): boolean {
  const { mode, uid, gid, atimeMs, mtimeMs } = changes;
  return [mode, uid, gid, atimeMs, mtimeMs].some((change) => change !== undefined);
}
