/**
 * The tree of a kernel mount: Node's own file functions, which report errors as the system gives
 * them. Only promises here, so that a mount that does not answer blocks no event loop.
 */

import { constants, type Stats } from "node:fs";
import {
  chmod,
  chown,
  type FileHandle,
  mkdir,
  open,
  readdir,
  rename,
  rmdir,
  stat,
  statfs,
  unlink,
  utimes,
} from "node:fs/promises";
import { join } from "node:path";
import { Child } from "./child.ts";
import type { DirectoryItem, FileStatus, FileSystemStatus, OpenFile, Tree } from "./rig.ts";
import { mknod, renameat2, truncatePath } from "./system-call.ts";

export class KernelTree implements Tree {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  async open(path: string, flags: number, mode = 0o644): Promise<OpenFile> {
    return new KernelFile(await open(this.#at(path), flags, mode));
  }

  async stat(path: string): Promise<FileStatus> {
    return statusOf(await stat(this.#at(path)));
  }

  async readdir(path: string): Promise<readonly DirectoryItem[]> {
    const items = await readdir(this.#at(path), { withFileTypes: true });
    return items.map((item) => ({ name: item.name, kind: kindOf(item) }));
  }

  async mkdir(path: string, mode = 0o755): Promise<void> {
    await mkdir(this.#at(path), mode);
  }

  async rmdir(path: string): Promise<void> {
    await rmdir(this.#at(path));
  }

  async unlink(path: string): Promise<void> {
    await unlink(this.#at(path));
  }

  async rename(from: string, to: string, flags = 0): Promise<void> {
    if (flags === 0) await rename(this.#at(from), this.#at(to));
    else await renameat2(this.#at(from), this.#at(to), flags);
  }

  async mknod(path: string, type: number): Promise<void> {
    await mknod(this.#at(path), type);
  }

  async truncate(path: string, sizeBytes: number): Promise<void> {
    await truncatePath(this.#at(path), sizeBytes);
  }

  async utimes(path: string, atimeMs: number, mtimeMs: number): Promise<void> {
    await utimes(this.#at(path), atimeMs / 1000, mtimeMs / 1000);
  }

  async chmod(path: string, mode: number): Promise<void> {
    await chmod(this.#at(path), mode);
  }

  async chown(path: string, uid: number, gid: number): Promise<void> {
    await chown(this.#at(path), uid, gid);
  }

  async statfs(): Promise<FileSystemStatus> {
    const { bsize, blocks, bavail, files, ffree } = await statfs(this.root);
    return { blockBytes: bsize, blocks, blocksAvailable: bavail, files, filesFree: ffree };
  }

  #at(path: string): string {
    return path === "" ? this.root : join(this.root, path);
  }
}

const SCRATCH_BYTES = 1024 * 1024;
/** What nobody reads into. One for each read of a few bytes would have the garbage collector work all the time. */
const free: Buffer[] = [];

class KernelFile implements OpenFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async read(offset: number, byteCount: number): Promise<Buffer> {
    const buffer =
      (byteCount <= SCRATCH_BYTES ? free.pop() : undefined) ??
      Buffer.allocUnsafeSlow(Math.max(byteCount, SCRATCH_BYTES));
    try {
      const { bytesRead } = await this.#handle.read(buffer, 0, byteCount, offset);
      return Buffer.from(buffer.subarray(0, bytesRead));
    } finally {
      if (buffer.length === SCRATCH_BYTES) free.push(buffer);
    }
  }

  async write(data: Uint8Array, offset: number): Promise<void> {
    const { bytesWritten } = await this.#handle.write(data, 0, data.length, offset);
    if (bytesWritten !== data.length) {
      throw new Error(`only ${bytesWritten} of ${data.length} bytes were written`);
    }
  }

  async sync(): Promise<void> {
    await this.#handle.sync();
  }

  async stat(): Promise<FileStatus> {
    return statusOf(await this.#handle.stat());
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#handle.truncate(sizeBytes);
  }

  async utimes(atimeMs: number, mtimeMs: number): Promise<void> {
    await this.#handle.utimes(atimeMs / 1000, mtimeMs / 1000);
  }

  async closeCopyOfChild(): Promise<void> {
    const child = new Child("true", [], { stdio: ["ignore", "ignore", "ignore", this.#handle.fd] });
    await child.exited;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function statusOf(stats: Stats): FileStatus {
  return {
    kind: kindOf(stats),
    ino: stats.ino,
    sizeBytes: stats.size,
    mode: stats.mode & ~constants.S_IFMT,
    nlink: stats.nlink,
    uid: stats.uid,
    gid: stats.gid,
    atimeMs: stats.atimeMs,
    mtimeMs: stats.mtimeMs,
    ctimeMs: stats.ctimeMs,
  };
}

function kindOf(item: { isDirectory(): boolean; isFile(): boolean }): "file" | "directory" {
  if (item.isDirectory()) return "directory";
  if (item.isFile()) return "file";
  throw new Error("neither a file nor a directory");
}
