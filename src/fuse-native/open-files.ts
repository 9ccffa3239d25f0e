/**
 * Open files by the numbers that fuse-native can carry: it hands them on as 32 bits, signed one way,
 * and takes 0 for none. So they are small, and used again.
 */

export interface OpenFile {
  /** The file system's own number. */
  readonly fh: number;
  readonly ino: number;
}

export class OpenFiles {
  /** By number, which is one more than the index. */
  readonly #files: (OpenFile | undefined)[] = [];
  readonly #freeNumbers: number[] = [];

  add(file: OpenFile): number {
    const number = this.#freeNumbers.pop() ?? this.#files.length + 1;
    this.#files[number - 1] = file;
    return number;
  }

  get(number: number): OpenFile | undefined {
    return this.#files[number - 1];
  }

  /** Removes and returns it. */
  take(number: number): OpenFile | undefined {
    const file = this.#files[number - 1];
    if (file === undefined) return undefined;
    this.#files[number - 1] = undefined;
    this.#freeNumbers.push(number);
    return file;
  }

  /** Removes and returns them. */
  takeAll(): readonly OpenFile[] {
    return this.#files.splice(0).filter((file) => file !== undefined);
  }

  /** Whether anybody has `ino` open. */
  has(ino: number): boolean {
    return this.#files.some((file) => file?.ino === ino);
  }
}
