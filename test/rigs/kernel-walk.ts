/**
 * The kernel's side of a file system that runs in this process: the walk from name to name, and the
 * books of lookups. Every lookup it was given is given back; `lookupsHeld` says how many are out.
 */

import type { Attributes, Caller, Entry } from "../../src/base/attributes.ts";
import { EEXIST, ENOTDIR } from "../../src/base/errno.ts";
import type { Operations } from "../../src/fuse/index.ts";
import { errnoError } from "./errno-names.ts";
import type { FileStatus } from "./rig.ts";

const ROOT_INO = 1;

export const CALLER: Caller = { uid: 0, gid: 0, pid: process.pid };

export interface InProcessFileSystem {
  readonly operations: Operations;
  /** What the session would tell the kernel. */
  errnoOf(error: unknown): number;
}

/** The kernel's side of the file system, shared by all trees over it. */
export class KernelWalk {
  readonly #operations: Operations;
  readonly #errnoOf: (error: unknown) => number;
  readonly #lookups = new Map<number, number>();
  readonly #directories = new Set<number>();

  constructor(fileSystem: InProcessFileSystem) {
    this.#operations = fileSystem.operations;
    this.#errnoOf = (error) => fileSystem.errnoOf(error);
  }

  /** Lookups that have not been given back; 0 after `forgetDirectories` when every file is closed. */
  get lookupsHeld(): number {
    return [...this.#lookups.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Runs one operation; a failure of any shape becomes an error with a `code`. */
  async call<T>(name: string, operation: (to: Operations) => T | Promise<T>): Promise<T> {
    try {
      return await operation(this.#operations);
    } catch (error) {
      throw Object.assign(errnoError(this.#errnoOf(error), name), { cause: error });
    }
  }

  take(entry: Entry): Entry {
    const { ino, kind } = entry.attributes;
    this.#lookups.set(ino, (this.#lookups.get(ino) ?? 0) + 1);
    if (kind === "directory") this.#directories.add(ino);
    return entry;
  }

  /** Nobody uses the entry any more. Directories stay known, as they do in the kernel's cache. */
  give(entry: Entry): void {
    const { ino, kind } = entry.attributes;
    if (kind === "directory") return;
    const count = this.#lookups.get(ino) ?? 0;
    if (count <= 1) this.#lookups.delete(ino);
    else this.#lookups.set(ino, count - 1);
    this.#operations.forget(ino, 1);
  }

  /** As an unmount: the kernel forgets the directories that it knows. */
  forgetDirectories(): void {
    for (const [ino, count] of this.#lookups) {
      if (!this.#directories.has(ino)) continue;
      this.#operations.forget(ino, count);
      this.#lookups.delete(ino);
    }
  }

  async lookup(parent: number, name: string): Promise<Entry> {
    return this.take(await this.call("lookup", (to) => to.lookup(parent, name)));
  }

  async lookupIfThere(parent: number, name: string): Promise<Entry | undefined> {
    try {
      return await this.lookup(parent, name);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Walks to the directory that holds the path's last name, and gives `use` both. */
  async inParent<T>(path: string, use: (parent: number, name: string) => Promise<T>): Promise<T> {
    const names = path.split("/").filter((name) => name !== "");
    const last = names.pop();
    if (last === undefined) throw errnoError(EEXIST, "the root has no parent");
    const held: Entry[] = [];
    try {
      let parent = ROOT_INO;
      for (const name of names) {
        const entry = await this.lookup(parent, name);
        held.push(entry);
        if (entry.attributes.kind !== "directory") throw errnoError(ENOTDIR, "walk");
        parent = entry.attributes.ino;
      }
      return await use(parent, last);
    } finally {
      for (const entry of held) this.give(entry);
    }
  }

  /** Looks the path up, gives `use` its attributes, and forgets it. */
  async at<T>(path: string, use: (attributes: Attributes) => Promise<T>): Promise<T> {
    if (path.split("/").every((name) => name === "")) {
      const reply = await this.call("getattr", (to) => to.getattr(ROOT_INO, undefined));
      return use(reply.attributes);
    }
    return this.inParent(path, async (parent, name) => {
      const entry = await this.lookup(parent, name);
      try {
        return await use(entry.attributes);
      } finally {
        this.give(entry);
      }
    });
  }
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

export function statusOf(attributes: Attributes): FileStatus {
  return { ...attributes };
}
