/**
 * open and create: who may read or write a file, and when S3 has to be asked whether it is still the
 * same. Readers or one writer; new files and, with --allow-overwrite, truncated ones can be written.
 */

import { constants } from "node:fs";

import type { Caller, Entry, Opened } from "../base/attributes.ts";
import type { FileInode } from "../inode/index.ts";
import { type Core, isArchived } from "./core.ts";
import { FsError } from "./error.ts";
import type { ReadHandle } from "./handle.ts";

const { O_DIRECT, O_DSYNC, O_RDONLY, O_TRUNC, O_WRONLY } = constants;
const O_ACCMODE = 3;

interface OpenRequest {
  readonly flags: number;
  readonly caller: Caller;
}

export interface Created {
  readonly entry: Entry;
  readonly opened: Opened;
}

export class OpenOperations {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  open(ino: number, flags: number, caller: Caller): Opened | Promise<Opened> {
    const file = this.#core.file(ino);
    checkFlags(flags);
    const writer = this.#core.uses.writerOf(file);
    if (writer?.isClosed !== true) return this.#open(file, { flags, caller });
    // Closed but not stored yet: a descriptor that is left of that open cannot write any more.
    return writer.complete().then(() => this.#open(file, { flags, caller }));
  }

  create(parent: number, name: string, request: OpenRequest): Created | Promise<Created> {
    this.#core.checkWritable();
    checkFlags(request.flags);
    const made = this.#core.superblock.makeFile(this.#core.directory(parent), name);
    if (!(made instanceof Promise)) return this.#openMade(made, request);
    return made.then((file) => this.#openMade(file, request));
  }

  #openMade(file: FileInode, request: OpenRequest): Created | Promise<Created> {
    const opened = this.#open(file, { ...request, flags: request.flags & ~O_TRUNC });
    const withEntry = (handle: Opened): Created => ({
      entry: this.#core.introduce(file),
      opened: handle,
    });
    return opened instanceof Promise ? opened.then(withEntry) : withEntry(opened);
  }

  #open(file: FileInode, request: OpenRequest): Opened | Promise<Opened> {
    const access = request.flags & O_ACCMODE;
    if (this.#core.uses.writerOf(file) !== undefined) {
      throw new FsError(
        "being-written",
        "the file is being written: nobody else can open it before it is closed",
      );
    }
    switch (file.state.status) {
      case "gone":
        throw this.#core.goneFile(file);
      case "local":
        if (access !== O_RDONLY) return this.#openForWriting(file, request);
        // Made but never opened: as an empty object it can be read.
        return this.#core
          .startWriter(file)
          .complete()
          .then(() => this.#openForReading(file, request));
      case "remote":
        if ((request.flags & O_TRUNC) !== 0) return this.#overwrite(file, request);
        if (access === O_WRONLY) throw overwriteDisabled(this.#core.options.allowOverwrite);
        return this.#openCurrent(file, request);
    }
  }

  #overwrite(file: FileInode, request: OpenRequest): Opened {
    this.#core.checkWritable();
    if (!this.#core.options.allowOverwrite) throw overwriteDisabled(false);
    if ((request.flags & O_ACCMODE) === O_RDONLY) {
      throw new FsError("unsupported-flags", "a file is truncated only to write it");
    }
    if (this.#core.uses.hasActiveReaders(file)) {
      throw new FsError(
        "being-read",
        "the file is open for reading: it cannot be written before it is closed",
      );
    }
    this.#core.checkNotRenaming(file);
    this.#core.superblock.overwrite(file);
    return this.#openForWriting(file, request);
  }

  #openForWriting(file: FileInode, { flags, caller }: OpenRequest): Opened {
    this.#core.checkWritable();
    const { handles, parts } = this.#core;
    file.made = true;
    const writer = this.#core.startWriter(file);
    const tgid = parts.tgidOf(caller.pid);
    const fh = handles.add({ kind: "write", file, writer, tgid });
    return (flags & O_DIRECT) === 0 ? { fh } : { fh, directIo: true };
  }

  /** Reads what the name stands for now: what S3 said a moment ago will do for one open. */
  #openCurrent(file: FileInode, request: OpenRequest): Opened | Promise<Opened> {
    const { superblock } = this.#core;
    const isDirect = (request.flags & O_DIRECT) !== 0;
    if (!isDirect && superblock.claimForOpen(file)) return this.#openForReading(file, request);
    return superblock.refresh(file).then(() => {
      superblock.claimForOpen(file);
      return this.#openForReading(file, request);
    });
  }

  #openForReading(file: FileInode, { flags }: OpenRequest): Opened {
    if (file.state.status !== "remote") {
      throw new FsError(
        "being-written",
        "the file is being written: it cannot be read before it is closed",
      );
    }
    const { object } = file.state;
    if (isArchived(object)) {
      throw new FsError(
        "archived",
        `the object is archived as ${object.storageClass}; restore it before reading`,
      );
    }
    const reader = this.#core.parts.openReader({
      key: file.key,
      etag: object.etag,
      objectBytes: object.sizeBytes,
    });
    const handle: ReadHandle = { kind: "read", file, reader, status: "active" };
    const fh = this.#core.handles.add(handle);
    this.#core.uses.addReader(file, handle);
    // An inode is one version of an object, so pages of it that the kernel has are right for ever.
    return (flags & O_DIRECT) === 0 ? { fh, keepCache: true } : { fh, directIo: true };
  }
}

/** O_SYNC includes the bit of O_DSYNC. */
function checkFlags(flags: number): void {
  if ((flags & O_DSYNC) === 0) return;
  throw new FsError(
    "unsupported-flags",
    "O_SYNC and O_DSYNC are not supported: an object is stored whole, at close or fsync",
  );
}

function overwriteDisabled(isAllowed: boolean): FsError {
  return new FsError(
    "overwrite-disabled",
    isAllowed
      ? "an existing object can only be replaced as a whole: open it with O_TRUNC (vim: `:w !tee %`)"
      : "overwriting needs a mount with --allow-overwrite, and O_TRUNC",
  );
}
