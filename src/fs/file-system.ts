/**
 * The file system as the protocol layer calls it: the groups of operations behind one object, each
 * failure logged on its way out. `mount/` checks that this fits `Operations`.
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
import { AttributeOperations } from "./attribute-operations.ts";
import { Core, type FileSystemParts } from "./core.ts";
import { DataOperations, explainReadFailure } from "./data-operations.ts";
import { DirectoryOperations } from "./directory-operations.ts";
import { isOutdated } from "./error.ts";
import { FailureLog } from "./failure-log.ts";
import { NameOperations } from "./name-operations.ts";
import { type Created, OpenOperations } from "./open-operations.ts";
import { REFUSALS } from "./remedy.ts";
import { type ShutdownReport, storePending } from "./shutdown.ts";

type Reply<T> = T | Promise<T>;

/** What is held; all zero when everything was given back. */
export interface Gauges {
  readonly handles: number;
  readonly directoryHandles: number;
  /** Inodes, beyond the root, that the kernel refers to or that exist in this mount only. */
  readonly inodes: number;
  /** Inodes that a listing brought and that nobody asked for yet; bounded, and dropped with time. */
  readonly rememberedInodes: number;
  readonly uploads: number;
}

export function createFileSystem(parts: FileSystemParts): FileSystem {
  return new FileSystem(parts);
}

export class FileSystem {
  readonly #core: Core;
  readonly #failures: FailureLog;
  readonly #attributes: AttributeOperations;
  readonly #names: NameOperations;
  readonly #opens: OpenOperations;
  readonly #data: DataOperations;
  readonly #directories: DirectoryOperations;

  constructor(parts: FileSystemParts) {
    const core = new Core(parts);
    this.#core = core;
    this.#failures = new FailureLog(parts.log, parts.now);
    this.#attributes = new AttributeOperations(core);
    this.#names = new NameOperations(core);
    this.#opens = new OpenOperations(core);
    this.#data = new DataOperations(core);
    this.#directories = new DirectoryOperations(core);
  }

  lookup(parent: number, name: string): Reply<Entry> {
    const key = (): string => this.#core.keyIn(parent, name);
    return this.#logged("lookup", key, () => this.#names.lookup(parent, name));
  }

  forget(ino: number, lookups: number): void {
    this.#names.forget(ino, lookups);
  }

  getattr(ino: number, fh: number | undefined): Reply<AttributesReply> {
    return this.#logged("getattr", this.#keyOf(ino), () => this.#attributes.getattr(ino, fh));
  }

  setattr(ino: number, changes: AttributeChanges): Reply<AttributesReply> {
    return this.#logged("setattr", this.#keyOf(ino), () => this.#attributes.setattr(ino, changes));
  }

  mknod(parent: number, name: string, mode: number): Reply<Entry> {
    const key = (): string => this.#core.keyIn(parent, name);
    return this.#logged("mknod", key, () => this.#names.mknod(parent, name, mode));
  }

  mkdir(parent: number, name: string, _mode: number): Reply<Entry> {
    const key = (): string => this.#core.keyIn(parent, name);
    return this.#logged("mkdir", key, () => this.#names.mkdir(parent, name));
  }

  unlink(parent: number, name: string): Reply<void> {
    const key = (): string => this.#core.keyIn(parent, name);
    return this.#logged("unlink", key, () => this.#names.unlink(parent, name));
  }

  rmdir(parent: number, name: string): Reply<void> {
    const key = (): string => this.#core.keyIn(parent, name);
    return this.#logged("rmdir", key, () => this.#names.rmdir(parent, name));
  }

  rename(request: {
    readonly parent: number;
    readonly name: string;
    readonly newParent: number;
    readonly newName: string;
    readonly flags: number;
  }): Reply<void> {
    const key = (): string => this.#core.keyIn(request.parent, request.name);
    return this.#logged("rename", key, () => this.#names.rename(request));
  }

  open(ino: number, flags: number, caller: Caller): Reply<Opened> {
    return this.#logged("open", this.#keyOf(ino), () => this.#opens.open(ino, flags, caller));
  }

  create(
    parent: number,
    name: string,
    request: { readonly mode: number; readonly flags: number; readonly caller: Caller },
  ): Reply<Created> {
    const key = (): string => this.#core.keyIn(parent, name);
    return this.#logged("create", key, () => this.#opens.create(parent, name, request));
  }

  read(fh: number, offset: number, byteCount: number): Reply<ReadReply> {
    try {
      const reply = this.#data.read(fh, offset, byteCount);
      if (!(reply instanceof Promise)) return reply;
      return reply.catch((error: unknown) => this.#failRead(fh, error));
    } catch (error) {
      return this.#failRead(fh, error);
    }
  }

  write(fh: number, offset: number, data: Uint8Array): Reply<number> {
    return this.#logged("write", this.#keyOfHandle(fh), () => this.#data.write(fh, offset, data));
  }

  flush(fh: number, caller: Caller): Reply<void> {
    return this.#logged("close", this.#keyOfHandle(fh), () => this.#data.flush(fh, caller));
  }

  fsync(fh: number): Reply<void> {
    return this.#logged("fsync", this.#keyOfHandle(fh), () => this.#data.fsync(fh));
  }

  release(fh: number): Reply<void> {
    const key = this.#core.handles.get(fh)?.file.key ?? `handle ${fh}`;
    return this.#logged(
      "release",
      () => key,
      () => this.#data.release(fh),
    );
  }

  opendir(ino: number): Reply<Opened> {
    return this.#logged("opendir", this.#keyOf(ino), () => this.#directories.opendir(ino));
  }

  readdir(fh: number, offset: number, writer: DirectoryWriter): Reply<void> {
    const key = (): string => this.#directories.keyOf(fh);
    return this.#logged("readdir", key, () => this.#directories.readdir(fh, offset, writer));
  }

  releasedir(fh: number): void {
    this.#directories.releasedir(fh);
  }

  statfs(): FileSystemStatistics {
    return this.#attributes.statfs();
  }

  /** `opcode` was refused with `errno` before it came here; see `REFUSALS` for those it may be. */
  noteRefusal(refusal: {
    readonly opcode: string;
    readonly ino: number;
    readonly name: string | undefined;
    readonly errno: number;
  }): void {
    const { errno, ino, name, opcode } = refusal;
    const key = name === undefined ? this.#core.keyOf(ino) : this.#core.keyIn(ino, name);
    this.#failures.refuse(opcode, key, errno, REFUSALS.get(opcode) ?? "S3 has nothing like it");
  }

  gauges(): Gauges {
    const { superblock, handles, uses, parts } = this.#core;
    superblock.table.expire(parts.now());
    return {
      handles: handles.size,
      directoryHandles: this.#directories.handleCount,
      inodes: superblock.table.referencedCount,
      rememberedInodes: superblock.table.rememberedCount,
      uploads: uses.writers().filter(({ isUploading }) => isUploading).length,
    };
  }

  /**
   * Stores every file that was written and not stored yet, gives up on those that `signal` leaves no
   * time for, and closes every handle. Nothing can be written from here on.
   */
  async shutdown(signal: AbortSignal): Promise<ShutdownReport> {
    const report = await storePending(this.#core, signal);
    for (const handle of this.#core.handles.takeAll()) {
      if (handle.kind === "write") continue;
      this.#core.uses.removeReader(handle.file, handle);
      handle.reader.close();
    }
    this.#core.fetchAhead?.dropAll();
    this.#directories.closeAll();
    return report;
  }

  #logged<T>(operation: string, key: () => string, work: () => Reply<T>): Reply<T> {
    const fail = (error: unknown): never => {
      this.#failures.report(operation, key(), error);
      throw error;
    };
    try {
      const reply = work();
      return reply instanceof Promise ? reply.catch(fail) : reply;
    } catch (error) {
      return fail(error);
    }
  }

  #failRead(fh: number, error: unknown): never {
    const file = this.#core.handles.get(fh)?.file;
    if (file !== undefined && isOutdated(error)) this.#core.distrust(file);
    const explained = explainReadFailure(error);
    this.#failures.report("read", this.#keyOfHandle(fh)(), explained);
    throw explained;
  }

  #keyOf(ino: number): () => string {
    return () => this.#core.keyOf(ino);
  }

  #keyOfHandle(fh: number): () => string {
    return () => this.#core.handles.get(fh)?.file.key ?? `handle ${fh}`;
  }
}
