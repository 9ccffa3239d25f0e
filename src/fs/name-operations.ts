/** lookup, forget, mknod, mkdir, unlink, rmdir, rename: what happens to names. */

import type { Entry } from "../base/attributes.ts";
import { type DirectoryBucket, type FileInode, type Inode, InodeError } from "../inode/index.ts";
import { S3Error } from "../s3/index.ts";
import type { Core } from "./core.ts";
import { FsError } from "./error.ts";

/** include/uapi/linux/stat.h */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
/** include/uapi/linux/fs.h */
const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;
const RENAME_WHITEOUT = 4;

/** For programs that write a new file and give it the name of the old one. */
const SAVING =
  "what saves by renaming (editors, sed -i) has to write in place, " +
  "which needs --allow-overwrite (vim: `:w !tee %`)";

interface RenameRequest {
  readonly parent: number;
  readonly name: string;
  readonly newParent: number;
  readonly newName: string;
  readonly flags: number;
}

export class NameOperations {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  lookup(parent: number, name: string): Entry | Promise<Entry> {
    const directory = this.#core.directory(parent);
    const found = this.#core.superblock.lookup(directory, name);
    if (found instanceof Promise) this.#core.fetchAhead?.noteLookup(directory, name);
    return this.#introduce(found);
  }

  forget(ino: number, lookups: number): void {
    this.#core.superblock.table.forget(ino, lookups);
  }

  /** Makes a file that is stored once it has been opened, written and closed. */
  mknod(parent: number, name: string, mode: number): Entry | Promise<Entry> {
    this.#core.checkWritable();
    const type = mode & S_IFMT;
    if (type !== S_IFREG && type !== 0) {
      throw new FsError("unsupported-kind", "S3 stores regular files only");
    }
    return this.#introduce(this.#core.superblock.makeFile(this.#core.directory(parent), name));
  }

  mkdir(parent: number, name: string): Entry | Promise<Entry> {
    this.#core.checkWritable();
    return this.#introduce(this.#core.superblock.makeDirectory(this.#core.directory(parent), name));
  }

  async unlink(parent: number, name: string): Promise<void> {
    this.#core.checkWritable();
    if (!this.#core.options.allowDelete) {
      throw new FsError("delete-disabled", "deleting needs a mount with --allow-delete");
    }
    const file = await this.#find(parent, name);
    if (file.kind === "directory") {
      throw new InodeError("is-directory", `${JSON.stringify(file.key)} is a directory`);
    }
    await this.#endWriting(file);
    this.#core.checkNotRenaming(file);
    await this.#core.superblock.unlink(file);
  }

  async rmdir(parent: number, name: string): Promise<void> {
    this.#core.checkWritable();
    const directory = await this.#find(parent, name);
    if (directory.kind === "file") {
      throw new InodeError("not-directory", `${JSON.stringify(directory.key)} is a file`);
    }
    await this.#core.superblock.removeDirectory(directory, this.#core.options.allowDelete);
  }

  /** Only directory buckets can. */
  rename(request: RenameRequest): Promise<void> {
    const { flags } = request;
    if ((flags & (RENAME_EXCHANGE | RENAME_WHITEOUT)) !== 0) {
      throw new FsError("unsupported-flags", "names cannot be exchanged or whited out in S3");
    }
    this.#core.checkWritable();
    const { directoryBucket } = this.#core.parts;
    if (directoryBucket === undefined) this.#refuseRename();
    return this.#rename(request, directoryBucket);
  }

  /** Without asking S3: objects cannot be renamed, and compatible servers pretend to. */
  #refuseRename(): never {
    if (this.#core.options.allowDelete) {
      throw new FsError(
        "rename-by-copy",
        `S3 cannot rename objects; programs such as mv copy and delete instead; ${SAVING}`,
      );
    }
    throw new FsError(
      "rename-unsupported",
      `S3 cannot rename objects; with --allow-delete, mv copies and deletes instead; ${SAVING}`,
    );
  }

  /** What is overwritten with --allow-overwrite is gone for who reads it; who reads `file` fails too. */
  async #rename(request: RenameRequest, bucket: DirectoryBucket): Promise<void> {
    const { flags, name, newName } = request;
    const parent = this.#core.directory(request.newParent);
    const file = await this.#find(request.parent, name);
    const target = parent.children.get(newName);
    if (file === target) return;
    if (file.kind === "directory") {
      throw new FsError(
        "rename-directory",
        "S3 renames objects, and no directories: copy it, and remove the original (cp -r OLD NEW, rm -r OLD)",
      );
    }
    if (target?.kind === "directory") {
      throw new InodeError("is-directory", `${JSON.stringify(target.key)} is a directory`);
    }
    for (const used of target === undefined ? [file] : [file, target]) await this.#settle(used);
    const keys = [file.key, parent.prefix + newName];
    for (const used of target === undefined ? [file] : [file, target]) {
      this.#core.checkNotRenaming(used);
    }
    const mayReplace = this.#core.options.allowOverwrite && (flags & RENAME_NOREPLACE) === 0;
    const to = { parent, name: newName, ...(mayReplace ? {} : { ifNoneMatch: "*" as const }) };
    for (const key of keys) this.#core.renaming.add(key);
    try {
      await this.#core.superblock.rename(file, to, bucket);
    } catch (error) {
      throw this.#explainRename(error, file, newName);
    } finally {
      for (const key of keys) this.#core.renaming.delete(key);
    }
  }

  /** Brings what was written to S3; throws for a file that is being written. */
  async #settle(file: FileInode): Promise<void> {
    await this.#endWriting(file);
    if (file.state.status === "local") await this.#core.startWriter(file).complete();
  }

  #explainRename(error: unknown, file: FileInode, newName: string): unknown {
    if (!(error instanceof S3Error)) return error;
    if (error.kind !== "precondition-failed") {
      // It may have another name by now, or none.
      this.#core.distrust(file);
      return error;
    }
    const remedy = this.#core.options.allowOverwrite ? "" : ", and --allow-overwrite is not given";
    return new InodeError("exists", `${JSON.stringify(newName)} exists already${remedy}`);
  }

  #introduce(found: Inode | Promise<Inode>): Entry | Promise<Entry> {
    if (found instanceof Promise) return found.then((inode) => this.#core.introduce(inode));
    return this.#core.introduce(found);
  }

  /** What the kernel has just looked up, or what S3 says when it has not. */
  #find(parent: number, name: string): Inode | Promise<Inode> {
    const directory = this.#core.directory(parent);
    return directory.children.get(name) ?? this.#core.superblock.lookup(directory, name);
  }

  /** Lets an upload that nobody adds to end first; a file that is being written stays. */
  async #endWriting(file: FileInode): Promise<void> {
    const writer = this.#core.uses.writerOf(file);
    if (writer === undefined) return;
    if (writer.isClosed) {
      await writer.complete();
      return;
    }
    throw new FsError("being-written", "the file is being written; close it first");
  }
}
