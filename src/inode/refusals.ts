/** What this layer refuses, in words. */

import { InodeError } from "./error.ts";
import type { DirectoryInode, Inode } from "./inode.ts";

export function remoteDirectory(directory: DirectoryInode): InodeError {
  return new InodeError(
    "remote-directory",
    `${JSON.stringify(directory.prefix)} exists in the bucket: it goes when its last key is deleted`,
  );
}

export function notEmpty(directory: DirectoryInode): InodeError {
  return new InodeError("not-empty", `${JSON.stringify(directory.prefix)} is not empty`);
}

export function exists(name: string): InodeError {
  return new InodeError("exists", `${JSON.stringify(name)} exists already`);
}

export function stale(inode: Inode): InodeError {
  return new InodeError("stale", `${JSON.stringify(inode.key)} was replaced in the bucket`);
}
