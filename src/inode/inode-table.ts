/**
 * Which inodes exist: numbers, lookup counts, and when an inode may be dropped. An inode stays while
 * the kernel counts lookups of it, while it exists in this mount only, while one of its children
 * stays, or, for a short time and in a bounded number, because a listing has just brought it or this
 * mount has emptied it.
 */

import { DirectoryInode, type FileInode, type Inode, ROOT_INO } from "./inode.ts";
import { InodeNumbers } from "./inode-numbers.ts";

/** Inodes kept for lookups that may follow a listing: about 16 MB. */
const REMEMBERED_MAX = 32_768;
/** How much longer one is kept that this mount has emptied, for whoever may yet remove it. */
const REMOVAL_MS = 60_000;

export class InodeTable {
  readonly root: DirectoryInode;
  readonly #byIno = new InodeNumbers();
  /** What nobody refers to yet, oldest first. */
  readonly #remembered = new Set<Inode>();
  #inoNext = ROOT_INO + 1;

  constructor(prefix: string) {
    this.root = new DirectoryInode(ROOT_INO, { root: prefix });
    this.#byIno.set(ROOT_INO, this.root);
  }

  /** Inodes beyond the root that something refers to. */
  get referencedCount(): number {
    return this.#byIno.size - 1 - this.#remembered.size;
  }

  get rememberedCount(): number {
    return this.#remembered.size;
  }

  get(ino: number): Inode | undefined {
    return this.#byIno.get(ino);
  }

  takeIno(): number {
    return this.#inoNext++;
  }

  /** Makes `inode` what its name stands for. One that had the name before lives on without it. */
  attach(inode: Inode): void {
    const { parent, name } = inode;
    const before = parent.children.get(name);
    if (before !== undefined && before !== inode) this.detach(before);
    parent.children.set(name, inode);
    this.#byIno.set(inode.ino, inode);
  }

  /** Takes the name away from `inode`, which stays for as long as the kernel refers to it. */
  detach(inode: Inode): void {
    const { parent, name } = inode;
    if (parent.children.get(name) === inode) parent.children.delete(name);
    if (parent.unlisted.get(name) === inode) parent.unlisted.delete(name);
    this.dropIfUnused(inode);
  }

  /** Gives `file` another name, which is taken away from what had it. */
  move(file: FileInode, parent: DirectoryInode, name: string): void {
    const before = { parent: file.parent, name: file.name };
    for (const names of [before.parent.children, before.parent.unlisted]) {
      if (names.get(before.name) === file) names.delete(before.name);
    }
    file.parent = parent;
    file.name = name;
    this.attach(file);
    this.dropIfUnused(before.parent);
  }

  /** Keeps an inode that nobody refers to, until `expire` finds it too old or one of too many. */
  remember(inode: Inode): void {
    if (inode.lookups > 0 || isPinned(inode)) return;
    this.#remembered.delete(inode);
    this.#remembered.add(inode);
  }

  /** Drops what was remembered for long enough. */
  expire(nowMs: number): void {
    for (const inode of this.#remembered) {
      if (this.#remembered.size <= REMEMBERED_MAX && keptUntilMs(inode) > nowMs) return;
      this.#remembered.delete(inode);
      if (inode.kind === "directory") inode.emptiedUntilMs = 0;
      this.dropIfUnused(inode);
    }
  }

  /** The kernel was told of `inode`. */
  count(inode: Inode): void {
    inode.lookups++;
    // What is remembered has its number; what was dropped meanwhile may not.
    if (inode.lookups === 1 && !this.#remembered.delete(inode)) this.#byIno.set(inode.ino, inode);
  }

  /** The kernel forgets `lookups` of its lookups. Unknown numbers and too many are ignored. */
  forget(ino: number, lookups: number): void {
    const inode = this.#byIno.get(ino);
    if (inode === undefined || inode === this.root) return;
    inode.lookups = Math.max(0, inode.lookups - lookups);
    this.dropIfUnused(inode);
  }

  /** Removes `inode`, and then its ancestors, as far as nothing refers to them. */
  dropIfUnused(inode: Inode): void {
    let candidate = inode;
    while (candidate !== this.root && candidate.lookups === 0 && !isPinned(candidate)) {
      const { parent, name } = candidate;
      const isNamed = parent.children.get(name) === candidate;
      if (isNamed && candidate.kind === "directory" && candidate.emptiedUntilMs > 0) {
        this.#remembered.add(candidate);
        return;
      }
      this.#remembered.delete(candidate);
      this.#byIno.delete(candidate.ino);
      if (parent.unlisted.get(name) === candidate) parent.unlisted.delete(name);
      if (parent.children.get(name) === candidate) {
        parent.children.delete(name);
        // What the kernel no longer knows of may exist all the same.
        if (candidate.state.status === "remote") parent.completeUntilMs = 0;
      }
      candidate = parent;
      if (this.#remembered.has(candidate)) return;
    }
  }
}

/** A directory that was emptied here exists for a while, though S3 has nothing in it. */
function keptUntilMs(inode: Inode): number {
  if (inode.kind === "file") return inode.validUntilMs;
  const removalMs = inode.isRemovalDue ? REMOVAL_MS : 0;
  return Math.max(inode.validUntilMs, inode.emptiedUntilMs + removalMs);
}

function isPinned(inode: Inode): boolean {
  if (inode.state.status === "local") return true;
  return inode.kind === "directory" && inode.children.size > 0;
}
