/**
 * open and create: who may read or write a file, and when S3 has to be asked whether it is still the
 * same. Readers or one writer; new files can be written and, with --allow-overwrite, truncated ones; with
 * --incremental-upload any file, behind its end.
 */

import { constants } from "node:fs";

import type { Caller, Entry, Opened } from "../base/attributes.ts";
import type { FileInode } from "../inode/index.ts";
import { type Core, isArchived } from "./core.ts";
import { FsError } from "./error.ts";
import type { ReadHandle } from "./handle.ts";

const { O_APPEND, O_DIRECT, O_DSYNC, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;
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
    if (this.#core.uses.writerOf(file) !== undefined) throw beingWritten();
    switch (file.state.status) {
      case "gone":
        throw this.#core.goneFile(file, true);
      case "local":
        if (access !== O_RDONLY) return this.#openForWriting(file, request);
        // Made but never opened: as an empty object it can be read.
        return this.#core
          .startWriter(file)
          .complete()
          .then(() => this.#openForReading(file, request));
      case "remote":
        if ((request.flags & O_TRUNC) !== 0) return this.#overwrite(file, request);
        if (this.#appends(request)) {
          this.#core.checkWritable();
          return this.#onceCurrent(file, request, () => this.#append(file, request));
        }
        if (access === O_WRONLY) throw overwriteDisabled(this.#core);
        return this.#onceCurrent(file, request, () => this.#openForReading(file, request));
    }
  }

  #overwrite(file: FileInode, request: OpenRequest): Opened {
    this.#core.checkWritable();
    if (!this.#core.options.allowOverwrite) throw overwriteDisabled(this.#core);
    if ((request.flags & O_ACCMODE) === O_RDONLY) {
      throw new FsError("unsupported-flags", "a file is truncated only to write it");
    }
    this.#checkUnused(file);
    this.#core.superblock.overwrite(file);
    return this.#openForWriting(file, request);
  }

  /** Without O_APPEND, O_RDWR opens for reading, as it does without --incremental-upload. */
  #appends({ flags }: OpenRequest): boolean {
    if (this.#core.options.incrementalUpload !== true) return false;
    const access = flags & O_ACCMODE;
    return access === O_WRONLY || (access === O_RDWR && (flags & O_APPEND) !== 0);
  }

  #append(file: FileInode, request: OpenRequest): Opened {
    if (file.state.status !== "remote") throw beingWritten();
    this.#checkUnused(file);
    this.#core.superblock.overwrite(file, file.state.object);
    return this.#openForWriting(file, request);
  }

  #checkUnused(file: FileInode): void {
    if (this.#core.uses.hasActiveReaders(file)) {
      throw new FsError(
        "being-read",
        "the file is open for reading: it cannot be written before it is closed",
      );
    }
    this.#core.checkNotRenaming(file);
  }

  #openForWriting(file: FileInode, { caller }: OpenRequest): Opened {
    this.#core.checkWritable();
    const { handles, parts } = this.#core;
    file.made = true;
    const writer = this.#core.startWriter(file);
    const tgid = parts.tgidOf(caller.pid);
    const fh = handles.add({ kind: "write", file, writer, tgid });
    // Through the kernel's pages each byte would be copied once more, and they would push others out.
    return { fh, directIo: true };
  }

  /** Opens what the name stands for now: what S3 said a moment ago will do for one open. */
  #onceCurrent(
    file: FileInode,
    { flags }: OpenRequest,
    open: () => Opened,
  ): Opened | Promise<Opened> {
    const { superblock } = this.#core;
    const isDirect = (flags & O_DIRECT) !== 0;
    if (!isDirect && superblock.claimForOpen(file)) return open();
    return superblock.refresh(file).then(() => {
      superblock.claimForOpen(file);
      return open();
    });
  }

  /** Whether a writer may come that has to know that a reader has closed the file, or it was mapped to write. */
  #needsFlush(flags: number): boolean {
    const { allowOverwrite, incrementalUpload, readOnly } = this.#core.options;
    if ((flags & O_ACCMODE) !== O_RDONLY) return true;
    return !readOnly && (allowOverwrite || incrementalUpload === true);
  }

  #openForReading(file: FileInode, { flags }: OpenRequest): Opened {
    if (file.state.status !== "remote") throw beingWritten();
    const { object } = file.state;
    if (isArchived(object)) {
      throw new FsError(
        "archived",
        `the object is archived as ${object.storageClass}; restore it before reading`,
      );
    }
    const isDirect = (flags & O_DIRECT) !== 0;
    const fetched = isDirect ? undefined : this.#core.fetchAhead?.take(file);
    const reader =
      fetched?.reader ??
      this.#core.parts.openReader({
        key: file.key,
        etag: object.etag,
        objectBytes: object.sizeBytes,
      });
    const isUnread = !isDirect && this.#core.fetchAhead !== undefined;
    const handle: ReadHandle = {
      kind: "read",
      file,
      reader,
      fetched,
      isUnread,
      status: "active",
      next: undefined,
      previous: undefined,
    };
    const fh = this.#core.handles.add(handle);
    this.#core.uses.addReader(file, handle);
    // An inode is one version of an object, so pages of it that the kernel has are right for ever.
    const caching = isDirect ? { directIo: true } : { keepCache: true };
    return { fh, ...caching, ...(this.#needsFlush(flags) ? {} : { noFlush: true }) };
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

function overwriteDisabled({ options, parts }: Core): FsError {
  const { allowOverwrite, incrementalUpload } = options;
  const overwriting = allowOverwrite
    ? "an existing object can only be replaced as a whole: open it with O_TRUNC (vim: `:w !tee %`)"
    : "overwriting needs a mount with --allow-overwrite, and O_TRUNC";
  const canAppend = parts.directoryBucket !== undefined && incrementalUpload !== true;
  const appending = canAppend ? "; appending needs a mount with --incremental-upload" : "";
  return new FsError("overwrite-disabled", overwriting + appending);
}

function beingWritten(): FsError {
  return new FsError(
    "being-written",
    "the file is being written: nobody else can open it before it is closed",
  );
}
