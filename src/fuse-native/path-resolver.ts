/**
 * Finds the inode that a path leads to, as the kernel does where it speaks with us itself: one lookup
 * for each name. Nothing is believed here: the file system knows for how long each answer holds, and
 * answers from memory until then, provided that the inode is still in use. So those that were seen
 * last stay in use for a while.
 */

import { LRUCache } from "lru-cache";

import type { Attributes } from "../base/attributes.ts";
import type { Operations, Reply } from "../fuse/index.ts";
import { type InodeReferences, ROOT_INO } from "./inode-references.ts";

/** Enough for the tree that a build or a copy works on; a few hundred bytes each. */
const RECENT_MAX = 8192;

interface Found {
  readonly ino: number;
  /** As the last lookup told them; absent for what was not looked up. */
  readonly attributes?: Attributes;
}

export class PathResolver {
  readonly #operations: Pick<Operations, "lookup">;
  readonly #references: InodeReferences;
  readonly #recent: LRUCache<number, true>;
  readonly #hidden = new Map<string, number>();

  constructor(operations: Pick<Operations, "lookup">, references: InodeReferences) {
    this.#operations = operations;
    this.#references = references;
    this.#recent = new LRUCache({
      max: RECENT_MAX,
      dispose: (_, ino) => references.drop(ino),
    });
  }

  /** Calls `work` with what `path` leads to, which stays in use until `work` is done. */
  async use<T>(path: string, work: (ino: number, found: Found) => Reply<T>): Promise<T> {
    const found = await this.#walk(path);
    try {
      return await work(found.ino, found);
    } finally {
      this.#references.drop(found.ino);
    }
  }

  /** Keeps an inode whose lookup has just been counted, because its path will be asked for next. */
  learn(ino: number): void {
    this.#take(ino);
    this.#references.drop(ino);
  }

  /** Makes `path`, of which the file system knows nothing, lead to `ino`, which is in use. */
  hide(path: string, ino: number): void {
    this.#references.share(ino);
    this.#hidden.set(path, ino);
  }

  /** Undoes `hide`; false for a path that was not hidden. */
  unhide(path: string): boolean {
    const ino = this.#hidden.get(path);
    if (ino === undefined) return false;
    this.#hidden.delete(path);
    this.#references.drop(ino);
    return true;
  }

  /** Gives back all that is kept without being used. */
  clear(): void {
    this.#recent.clear();
    for (const path of [...this.#hidden.keys()]) this.unhide(path);
  }

  async #walk(path: string): Promise<Found> {
    const hidden = this.#hidden.get(path);
    let found: Found = { ino: hidden ?? ROOT_INO };
    this.#references.share(found.ino);
    if (hidden !== undefined) return found;
    for (const name of path.split("/")) {
      if (name === "") continue;
      const parent = found.ino;
      try {
        const { attributes } = await this.#operations.lookup(parent, name);
        this.#take(attributes.ino);
        found = { ino: attributes.ino, attributes };
      } finally {
        this.#references.drop(parent);
      }
    }
    return found;
  }

  #take(ino: number): void {
    this.#references.take(ino);
    if (this.#recent.get(ino) !== undefined) return;
    this.#references.share(ino);
    this.#recent.set(ino, true);
  }
}

/** The directory of a path, and the name in it. */
export function splitPath(path: string): { readonly directory: string; readonly name: string } {
  const slash = path.lastIndexOf("/");
  return { directory: path.slice(0, slash), name: path.slice(slash + 1) };
}
