/**
 * Who has a file open: any number of readers, or one writer. A reader whose descriptor was closed
 * once (a copy may be left) does not keep a writer out; it is superseded by it.
 */

import type { FileInode } from "../inode/index.ts";
import type { FileWriter } from "./file-writer.ts";
import type { ReadHandle } from "./handle.ts";

interface FileUse {
  writer: FileWriter | undefined;
  readonly readers: Set<ReadHandle>;
}

export class FileUses {
  readonly #uses = new Map<FileInode, FileUse>();

  /** Writers that have neither stored their file nor failed. */
  writers(): FileWriter[] {
    return [...this.#uses.values()].flatMap(({ writer }) => writer ?? []);
  }

  writerOf(file: FileInode): FileWriter | undefined {
    return this.#uses.get(file)?.writer;
  }

  hasReaders(file: FileInode): boolean {
    return (this.#uses.get(file)?.readers.size ?? 0) > 0;
  }

  hasActiveReaders(file: FileInode): boolean {
    const readers = this.#uses.get(file)?.readers ?? [];
    for (const reader of readers) if (reader.status === "active") return true;
    return false;
  }

  addReader(file: FileInode, reader: ReadHandle): void {
    this.#useOf(file).readers.add(reader);
  }

  removeReader(file: FileInode, reader: ReadHandle): void {
    this.#uses.get(file)?.readers.delete(reader);
    this.#dropIfUnused(file);
  }

  /** The caller has made sure that there is no other writer and no active reader. */
  setWriter(file: FileInode, writer: FileWriter): void {
    const use = this.#useOf(file);
    for (const reader of use.readers) {
      reader.status = "superseded";
      reader.reader.close();
    }
    use.writer = writer;
  }

  clearWriter(file: FileInode): void {
    const use = this.#uses.get(file);
    if (use !== undefined) use.writer = undefined;
    this.#dropIfUnused(file);
  }

  #useOf(file: FileInode): FileUse {
    let use = this.#uses.get(file);
    if (use === undefined) {
      use = { writer: undefined, readers: new Set() };
      this.#uses.set(file, use);
    }
    return use;
  }

  #dropIfUnused(file: FileInode): void {
    const use = this.#uses.get(file);
    if (use?.writer === undefined && use?.readers.size === 0) this.#uses.delete(file);
  }
}
