/**
 * Who has a file open: any number of readers, or one writer. A reader whose descriptor was closed
 * once (a copy may be left) does not keep a writer out; it is superseded by it.
 */

import type { FileInode } from "../inode/index.ts";
import type { FileWriter } from "./file-writer.ts";
import type { ReadHandle } from "./handle.ts";

/** There may be hundreds of thousands, most with one reader: a list through the readers takes the least. */
interface FileUse {
  writer: FileWriter | undefined;
  firstReader: ReadHandle | undefined;
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
    return this.#uses.get(file)?.firstReader !== undefined;
  }

  hasActiveReaders(file: FileInode): boolean {
    let reader = this.#uses.get(file)?.firstReader;
    while (reader !== undefined && reader.status !== "active") reader = reader.next;
    return reader !== undefined;
  }

  addReader(file: FileInode, reader: ReadHandle): void {
    const use = this.#useOf(file);
    reader.next = use.firstReader;
    if (reader.next !== undefined) reader.next.previous = reader;
    use.firstReader = reader;
  }

  removeReader(file: FileInode, reader: ReadHandle): void {
    const { next, previous } = reader;
    if (next !== undefined) next.previous = previous;
    if (previous !== undefined) previous.next = next;
    else this.#useOf(file).firstReader = next;
    reader.next = undefined;
    reader.previous = undefined;
    this.#dropIfUnused(file);
  }

  /** The caller has made sure that there is no other writer and no active reader. */
  setWriter(file: FileInode, writer: FileWriter): void {
    const use = this.#useOf(file);
    for (let reader = use.firstReader; reader !== undefined; reader = reader.next) {
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
      use = { writer: undefined, firstReader: undefined };
      this.#uses.set(file, use);
    }
    return use;
  }

  #dropIfUnused(file: FileInode): void {
    const use = this.#uses.get(file);
    if (use?.writer === undefined && use?.firstReader === undefined) this.#uses.delete(file);
  }
}
