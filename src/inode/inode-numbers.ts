/**
 * Inodes by their numbers, which are given out in sequence: in groups of neighbours, so that a million of
 * them take a third of what a Map of numbers takes, and one that is left of a group little.
 */

import type { Inode } from "./inode.ts";

const GROUP_SIZE = 16;

type Group = (Inode | undefined)[];

export class InodeNumbers {
  readonly #groups = new Map<number, Group>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(ino: number): Inode | undefined {
    return this.#groups.get(groupOf(ino))?.[ino % GROUP_SIZE];
  }

  set(ino: number, inode: Inode): void {
    const number = groupOf(ino);
    let group = this.#groups.get(number);
    if (group === undefined) {
      group = new Array<Inode | undefined>(GROUP_SIZE).fill(undefined);
      this.#groups.set(number, group);
    }
    if (group[ino % GROUP_SIZE] === undefined) this.#size += 1;
    group[ino % GROUP_SIZE] = inode;
  }

  delete(ino: number): void {
    const number = groupOf(ino);
    const group = this.#groups.get(number);
    if (group?.[ino % GROUP_SIZE] === undefined) return;
    this.#size -= 1;
    group[ino % GROUP_SIZE] = undefined;
    if (group.every((inode) => inode === undefined)) this.#groups.delete(number);
  }
}

/** Numbers may be larger than what can be shifted. */
function groupOf(ino: number): number {
  return Math.floor(ino / GROUP_SIZE);
}
