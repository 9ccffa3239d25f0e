/** Open files by number. A handle reads or writes, never both. */

import type { FileInode } from "../inode/index.ts";
import type { ObjectReader } from "../read/index.ts";
import type { Fetched } from "./fetched-files.ts";
import type { FileWriter } from "./file-writer.ts";

export interface ReadHandle {
  readonly kind: "read";
  readonly file: FileInode;
  readonly reader: ObjectReader;
  /** Where the reader comes from, if the file was fetched before it was opened. */
  readonly fetched: Fetched | undefined;
  /** Whether the first read is still to come. */
  isUnread: boolean;
  /** "idle" behind a close; a read through a copy makes it active again, unless a writer came. */
  status: "active" | "idle" | "superseded";
  /** Of the handles that read the same file: kept by FileUses. */
  next: ReadHandle | undefined;
  previous: ReadHandle | undefined;
}

export interface WriteHandle {
  readonly kind: "write";
  readonly file: FileInode;
  readonly writer: FileWriter;
  /** The process that opened it, when that can be told. */
  readonly tgid: number | undefined;
}

/** Numbers are never used twice, so that a late request cannot meet another file. */
export class HandleTable<T> {
  readonly #handles = new Map<number, T>();
  readonly #numbers: () => number;

  constructor(numbers: () => number) {
    this.#numbers = numbers;
  }

  get size(): number {
    return this.#handles.size;
  }

  add(handle: T): number {
    const fh = this.#numbers();
    this.#handles.set(fh, handle);
    return fh;
  }

  get(fh: number): T | undefined {
    return this.#handles.get(fh);
  }

  /** Removes and returns it. */
  take(fh: number): T | undefined {
    const handle = this.#handles.get(fh);
    this.#handles.delete(fh);
    return handle;
  }

  takeAll(): T[] {
    const handles = [...this.#handles.values()];
    this.#handles.clear();
    return handles;
  }
}
