/**
 * The tree of a file system that runs in this process, without a kernel: what the kernel makes of
 * each system call that takes a path, and nothing else (no cache of names, attributes or pages).
 */

import { constants } from "node:fs";
import type { DirectoryEntry, Entry } from "../../src/base/attributes.ts";
import { EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY } from "../../src/base/errno.ts";
import { errnoError } from "./errno-names.ts";
import { InProcessFile } from "./in-process-file.ts";
import { CALLER, codeOf, type KernelWalk, statusOf } from "./kernel-walk.ts";
import type { DirectoryItem, FileStatus, FileSystemStatus, OpenFile, Tree } from "./rig.ts";
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from "./system-call.ts";

/** Entries that one READDIR reply takes, so that directories need several. */
const READDIR_ENTRIES_MAX = 100;

export class InProcessTree implements Tree {
  readonly #walk: KernelWalk;
  readonly #root: string;

  constructor(walk: KernelWalk, root: string) {
    this.#walk = walk;
    this.#root = root;
  }

  /** A name that stands for something else by now is looked up again, once, as the kernel does. */
  async open(path: string, flags: number, mode = 0o644): Promise<OpenFile> {
    try {
      return await this.#open(path, flags, mode);
    } catch (error) {
      if (codeOf(error) !== "ESTALE") throw error;
      return this.#open(path, flags, mode);
    }
  }

  async #open(path: string, flags: number, mode: number): Promise<OpenFile> {
    return this.#walk.inParent(this.#at(path), async (parent, name) => {
      const found = await this.#walk.lookupIfThere(parent, name);
      if (found !== undefined) return this.#openFound(found, flags);
      if ((flags & constants.O_CREAT) === 0) throw errnoError(ENOENT, "open");
      return this.#create(parent, name, { mode, flags });
    });
  }

  async #openFound(entry: Entry, flags: number): Promise<OpenFile> {
    try {
      const { ino, kind } = entry.attributes;
      const exclusive = constants.O_CREAT | constants.O_EXCL;
      if ((flags & exclusive) === exclusive) throw errnoError(EEXIST, "open");
      if (kind === "directory") throw errnoError(EISDIR, "open");
      // The kernel keeps O_CREAT, O_EXCL and O_NOCTTY to itself.
      const passed = flags & ~(exclusive | constants.O_NOCTTY);
      const { fh } = await this.#walk.call("open", (to) => to.open(ino, passed, CALLER));
      return new InProcessFile(this.#walk, { entry, fh, flags });
    } catch (error) {
      this.#walk.give(entry);
      throw error;
    }
  }

  async #create(
    parent: number,
    name: string,
    request: { readonly mode: number; readonly flags: number },
  ): Promise<OpenFile> {
    const { flags } = request;
    const mode = constants.S_IFREG | request.mode;
    try {
      const { entry, opened } = await this.#walk.call("create", (to) =>
        to.create(parent, name, { mode, flags, caller: CALLER }),
      );
      return new InProcessFile(this.#walk, { entry: this.#walk.take(entry), fh: opened.fh, flags });
    } catch (error) {
      if (codeOf(error) !== "ENOSYS") throw error;
      const made = await this.#walk.call("mknod", (to) => to.mknod(parent, name, mode));
      return this.#openFound(this.#walk.take(made), flags & ~constants.O_EXCL);
    }
  }

  async stat(path: string): Promise<FileStatus> {
    return this.#walk.at(this.#at(path), async ({ ino }) => {
      const reply = await this.#walk.call("getattr", (to) => to.getattr(ino, undefined));
      return statusOf(reply.attributes);
    });
  }

  async readdir(path: string): Promise<readonly DirectoryItem[]> {
    return this.#walk.at(this.#at(path), async ({ ino, kind }) => {
      if (kind !== "directory") throw errnoError(ENOTDIR, "scandir");
      const { fh } = await this.#walk.call("opendir", (to) => to.opendir(ino));
      try {
        return await this.#readAll(fh);
      } finally {
        await this.#walk.call("releasedir", (to) => to.releasedir(fh));
      }
    });
  }

  /** READDIRPLUS until a reply stays empty, as getdents(2) does. */
  async #readAll(fh: number): Promise<readonly DirectoryItem[]> {
    const items: DirectoryItem[] = [];
    for (let offset = 0; ; ) {
      const taken: DirectoryEntry[] = [];
      const writer = {
        plus: true,
        add: (entry: DirectoryEntry): boolean => {
          if (taken.length === READDIR_ENTRIES_MAX) return false;
          taken.push(entry);
          return true;
        },
      };
      const from = offset;
      await this.#walk.call("readdir", (to) => to.readdir(fh, from, writer));
      for (const { name, kind, entry } of taken) {
        if (entry !== undefined) this.#walk.give(this.#walk.take(entry));
        if (name !== "." && name !== "..") items.push({ name, kind });
      }
      const last = taken.at(-1);
      if (last === undefined) return items;
      offset = last.nextOffset;
    }
  }

  async mkdir(path: string, mode = 0o755): Promise<void> {
    await this.#walk.inParent(this.#at(path), async (parent, name) => {
      await this.#mustBeFree(parent, name);
      const wanted = constants.S_IFDIR | mode;
      const made = await this.#walk.call("mkdir", (to) => to.mkdir(parent, name, wanted));
      this.#walk.give(this.#walk.take(made));
    });
  }

  async #mustBeFree(parent: number, name: string): Promise<void> {
    const found = await this.#walk.lookupIfThere(parent, name);
    if (found === undefined) return;
    this.#walk.give(found);
    throw errnoError(EEXIST, "mkdir");
  }

  async rmdir(path: string): Promise<void> {
    await this.#remove(path, { operation: "rmdir", kind: "directory", otherwise: ENOTDIR });
  }

  async unlink(path: string): Promise<void> {
    await this.#remove(path, { operation: "unlink", kind: "file", otherwise: EISDIR });
  }

  async #remove(
    path: string,
    how: { operation: "rmdir" | "unlink"; kind: "directory" | "file"; otherwise: number },
  ): Promise<void> {
    await this.#walk.inParent(this.#at(path), async (parent, name) => {
      const entry = await this.#walk.lookup(parent, name);
      try {
        if (entry.attributes.kind !== how.kind) throw errnoError(how.otherwise, how.operation);
        await this.#walk.call(how.operation, (to) => to[how.operation](parent, name));
      } finally {
        this.#walk.give(entry);
      }
    });
  }

  async rename(from: string, to: string, flags = 0): Promise<void> {
    await this.#walk.inParent(this.#at(from), (parent, name) =>
      this.#walk.inParent(this.#at(to), async (newParent, newName) => {
        const entry = await this.#walk.lookup(parent, name);
        let target: Entry | undefined;
        try {
          target = await this.#walk.lookupIfThere(newParent, newName);
          // The kernel refuses by itself what would turn the tree around (lock_rename).
          if (to.startsWith(`${from}/`)) throw errnoError(EINVAL, "rename");
          if (from.startsWith(`${to}/`)) throw errnoError(ENOTEMPTY, "rename");
          checkRename(entry, target, flags);
          if (entry.attributes.ino === target?.attributes.ino) return;
          await this.#walk.call("rename", (operations) =>
            operations.rename({ parent, name, newParent, newName, flags }),
          );
        } catch (error) {
          // The kernel takes ENOSYS of RENAME2 for an old server that knows no flags.
          throw flags !== 0 && codeOf(error) === "ENOSYS" ? errnoError(EINVAL, "rename") : error;
        } finally {
          this.#walk.give(entry);
          if (target !== undefined) this.#walk.give(target);
        }
      }),
    );
  }

  async mknod(path: string, type: number): Promise<void> {
    await this.#walk.inParent(this.#at(path), async (parent, name) => {
      await this.#mustBeFree(parent, name);
      const made = await this.#walk.call("mknod", (to) => to.mknod(parent, name, type | 0o600));
      this.#walk.give(this.#walk.take(made));
    });
  }

  async truncate(path: string, sizeBytes: number): Promise<void> {
    await this.#walk.at(this.#at(path), async ({ ino, kind }) => {
      if (kind === "directory") throw errnoError(EISDIR, "truncate");
      await this.#walk.call("setattr", (to) => to.setattr(ino, { sizeBytes }));
    });
  }

  async utimes(path: string, atimeMs: number, mtimeMs: number): Promise<void> {
    await this.#walk.at(this.#at(path), async ({ ino }) => {
      await this.#walk.call("setattr", (to) => to.setattr(ino, { atimeMs, mtimeMs }));
    });
  }

  async chmod(path: string, mode: number): Promise<void> {
    await this.#walk.at(this.#at(path), async ({ ino }) => {
      await this.#walk.call("setattr", (to) => to.setattr(ino, { mode }));
    });
  }

  async chown(path: string, uid: number, gid: number): Promise<void> {
    await this.#walk.at(this.#at(path), async ({ ino }) => {
      await this.#walk.call("setattr", (to) => to.setattr(ino, { uid, gid }));
    });
  }

  async statfs(): Promise<FileSystemStatus> {
    const reply = await this.#walk.call("statfs", (to) => to.statfs());
    return {
      blockBytes: reply.blockBytes,
      blocks: Number(reply.blocks),
      blocksAvailable: Number(reply.blocksAvailable),
      files: Number(reply.files),
      filesFree: Number(reply.filesFree),
    };
  }

  #at(path: string): string {
    return `${this.#root}/${path}`;
  }
}

/** What the kernel refuses by itself (vfs_rename). */
function checkRename(from: Entry, to: Entry | undefined, flags: number): void {
  const isExchange = (flags & RENAME_EXCHANGE) !== 0;
  if (to === undefined) {
    if (isExchange) throw errnoError(ENOENT, "rename");
    return;
  }
  if ((flags & RENAME_NOREPLACE) !== 0) throw errnoError(EEXIST, "rename");
  if (isExchange || from.attributes.ino === to.attributes.ino) return;
  const isDirectory = from.attributes.kind === "directory";
  if (isDirectory && to.attributes.kind === "file") throw errnoError(ENOTDIR, "rename");
  if (!isDirectory && to.attributes.kind === "directory") throw errnoError(EISDIR, "rename");
}
