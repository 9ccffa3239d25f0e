/**
 * Who still needs an inode whose lookups the file system has counted. libfuse knows paths and never
 * says that it forgot one, so lookups are given back from here, when nobody needs the inode any more.
 */

import { assert } from "../base/assert.ts";
import type { Operations } from "../fuse/index.ts";

/** The root of every FUSE file system (FUSE_ROOT_ID); it is never looked up. */
export const ROOT_INO = 1;

interface Reference {
  /** Counted by the file system, to be given back. */
  lookups: number;
  users: number;
}

export class InodeReferences {
  readonly #operations: Pick<Operations, "forget">;
  readonly #byIno = new Map<number, Reference>([[ROOT_INO, { lookups: 0, users: 1 }]]);

  constructor(operations: Pick<Operations, "forget">) {
    this.#operations = operations;
  }

  /** Inodes in use, beyond the root. */
  get count(): number {
    return this.#byIno.size - 1;
  }

  /** Uses the inode of a reply that has counted a lookup. */
  take(ino: number): void {
    const reference = this.#byIno.get(ino);
    if (reference === undefined) {
      this.#byIno.set(ino, { lookups: 1, users: 1 });
      return;
    }
    reference.lookups++;
    reference.users++;
  }

  /** Uses an inode that is in use already. */
  share(ino: number): void {
    this.#get(ino).users++;
  }

  /** Ends one use; the last one gives the lookups back. */
  drop(ino: number): void {
    const reference = this.#get(ino);
    reference.users--;
    if (reference.users > 0) return;
    this.#byIno.delete(ino);
    this.#operations.forget(ino, reference.lookups);
  }

  #get(ino: number): Reference {
    const reference = this.#byIno.get(ino);
    assert(reference !== undefined, `inode ${ino} is in use`);
    return reference;
  }
}
