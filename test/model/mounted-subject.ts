/** A directory of a kernel mount, with the kernel's caches and a clock that cannot be moved. */

import { setTimeout as delay } from "node:timers/promises";
import { compareKeys } from "../../src/inode/name.ts";
import type { OpenFile, Tree, World } from "../rigs/rig.ts";
import { LATER_MS, type Listed, type Subject } from "./subject.ts";

/** Names and attributes live for a second at most where a mount believes S3 for a moment only. */
const LIFETIME_MS = 1100;
const POLL_MS = 5;

export class MountedSubject implements Subject {
  readonly tree: Tree;
  readonly files = new Map<number, OpenFile>();
  readonly cachesPages = true;
  readonly clockRuns: boolean;
  readonly #world: World;

  /** `believes`: whether the mount believes what it knows for as long as the test runs. */
  constructor(world: World, { believes }: { readonly believes: boolean }) {
    this.#world = world;
    this.tree = world.tree;
    this.clockRuns = !believes;
  }

  async store(key: string, content: string): Promise<void> {
    await this.#world.bucket.put(key, content);
  }

  async remove(key: string): Promise<void> {
    await this.#world.bucket.delete(key);
  }

  async closeDuplicate(): Promise<void> {
    throw new Error("Node has no dup(2)");
  }

  forget(): void {
    throw new Error("the kernel cannot be told to forget");
  }

  async keys(): Promise<readonly string[]> {
    return [...(await this.#world.bucket.keys())].sort(compareKeys);
  }

  async sizeOf(key: string): Promise<number | undefined> {
    return (await this.#world.bucket.get(key))?.length;
  }

  /** What the model calls a long time is over as soon as every lifetime is. */
  async elapse(ms: number): Promise<void> {
    if (ms >= LATER_MS) await delay(LIFETIME_MS);
  }

  async stored(path: string): Promise<void> {
    while ((await this.sizeOf(path)) !== 0) await delay(POLL_MS);
  }

  async list(directory: string): Promise<readonly Listed[]> {
    const listed: Listed[] = [];
    for (const { name, kind } of await this.tree.readdir(directory)) {
      const path = directory === "" ? name : `${directory}/${name}`;
      const { ino, sizeBytes } = await this.tree.stat(path);
      listed.push({ name, kind, ino, sizeBytes });
    }
    return listed;
  }
}
