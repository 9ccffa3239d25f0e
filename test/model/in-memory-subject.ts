/** The file system alone over a bucket in memory, with a clock that only moves when it is moved. */

import type { FileSystemOptions } from "../../src/fs/index.ts";
import { errnoOf } from "../../src/fs/index.ts";
import { compareKeys } from "../../src/inode/name.ts";
import { MemoryDirectoryBucket } from "../fs/memory-directory-bucket.ts";
import { list, type Rig, ROOT, rig, walk } from "../fs/rig.ts";
import { InProcessFile } from "../rigs/in-process-file.ts";
import { InProcessTree } from "../rigs/in-process-tree.ts";
import { KernelWalk } from "../rigs/kernel-walk.ts";
import type { OpenFile, Tree } from "../rigs/rig.ts";
import type { Listed, Subject } from "./subject.ts";

/** Entries that one reply to READDIRPLUS takes. */
const REPLY_ENTRIES = 3;

export class InMemorySubject implements Subject {
  readonly tree: Tree;
  readonly files = new Map<number, OpenFile>();
  readonly cachesPages = false;
  readonly clockRuns = false;
  readonly #rig: Rig;
  readonly #walk: KernelWalk;
  readonly #directories = new Set<number>();
  #inoMax = 0;

  constructor(
    options: Partial<FileSystemOptions>,
    bucket: { readonly pageKeysMax: number; readonly isDirectoryBucket?: boolean },
  ) {
    this.#rig = rig(options, bucket.isDirectoryBucket ? "directory" : "general purpose");
    this.#rig.bucket.pageKeysMax = bucket.pageKeysMax;
    this.#walk = new KernelWalk({ operations: this.#rig.operations, errnoOf });
    this.tree = new InProcessTree(this.#walk, "");
  }

  async store(key: string, content: string): Promise<void> {
    this.#rig.bucket.store(key, content);
  }

  async remove(key: string): Promise<void> {
    this.#rig.bucket.remove(key);
  }

  async closeDuplicate(number: number): Promise<void> {
    const file = this.files.get(number);
    if (!(file instanceof InProcessFile))
      throw new Error(`handle ${number} is not of this subject`);
    await file.closeDuplicate();
  }

  forget(): void {
    this.#walk.forgetDirectories();
    // Those that listing them has looked up.
    for (const ino of this.#directories) this.#rig.fs.forget(ino, Number.MAX_SAFE_INTEGER);
    this.#directories.clear();
  }

  async keys(): Promise<readonly string[]> {
    return [...this.#rig.bucket.objects.keys()].sort(compareKeys);
  }

  async sizeOf(key: string): Promise<number | undefined> {
    return this.#rig.bucket.objects.get(key)?.bytes.length;
  }

  async elapse(ms: number): Promise<void> {
    this.#rig.advance(ms);
  }

  async stored(): Promise<void> {
    // The release has been waited for.
  }

  /**
   * What a listing says; looking its names up must lead to the same inodes, except that a listing in no
   * order may have told of an object before it came to the directory of its name.
   */
  async list(directory: string): Promise<readonly Listed[]> {
    const ino = directory === "" ? ROOT : (await walk(this.#rig, directory)).attributes.ino;
    const entries = await list(this.#rig, ino, { plus: true, replyEntriesMax: REPLY_ENTRIES });
    const listed: Listed[] = [];
    for (const { name, kind, entry, ino: listedIno } of entries) {
      const { attributes: found } = await this.#rig.fs.lookup(ino, name);
      const path = directory === "" ? name : `${directory}/${name}`;
      const isOutdone = kind === "file" && found.kind === "directory" && this.#mayHaveBoth(path);
      if (!isOutdone && found.ino !== listedIno) {
        throw new Error(`${name} is listed as inode ${listedIno} and found as another`);
      }
      if (found.kind === "directory") this.#directories.add(found.ino);
      this.#inoMax = Math.max(this.#inoMax, found.ino, listedIno);
      const sizeBytes = isOutdone ? 0 : (entry?.attributes.sizeBytes ?? 0);
      listed.push({ name, kind: found.kind, ino: found.ino, sizeBytes });
    }
    return listed;
  }

  #mayHaveBoth(path: string): boolean {
    const { bucket } = this.#rig;
    return bucket instanceof MemoryDirectoryBucket && bucket.objects.has(path);
  }

  /** Ends it as an unmount does; what is left then. */
  async end() {
    const { fs } = this.#rig;
    await fs.shutdown(AbortSignal.timeout(1000));
    for (let ino = 2; ino <= this.#inoMax + 100; ino++) fs.forget(ino, Number.MAX_SAFE_INTEGER);
    this.#rig.advance(1e9);
    return fs.gauges();
  }
}
