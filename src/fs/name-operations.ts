/** lookup, forget, mknod, mkdir, unlink, rmdir, rename: what happens to names. */

import type { Entry } from "../base/attributes.ts";
import { type FileInode, type Inode, InodeError } from "../inode/index.ts";
import type { Core } from "./core.ts";
import { FsError } from "./error.ts";

/** include/uapi/linux/stat.h */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
/** include/uapi/linux/fs.h */
const RENAME_EXCHANGE = 2;
const RENAME_WHITEOUT = 4;

/** For programs that write a new file and give it the name of the old one. */
const SAVING =
  "what saves by renaming (editors, sed -i) has to write in place, " +
  "which needs --allow-overwrite (vim: `:w !tee %`)";

export class NameOperations {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  lookup(parent: number, name: string): Entry | Promise<Entry> {
    const found = this.#core.superblock.lookup(this.#core.directory(parent), name);
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

  /** Refused, without asking S3: objects cannot be renamed, and compatible servers pretend to. */
  rename(flags: number): never {
    if ((flags & (RENAME_EXCHANGE | RENAME_WHITEOUT)) !== 0) {
      throw new FsError("unsupported-flags", "names cannot be exchanged or whited out in S3");
    }
    this.#core.checkWritable();
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
