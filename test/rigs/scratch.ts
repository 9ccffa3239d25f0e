/**
 * The ground on which a test file works: one temporary directory, and the promise that nothing
 * remains. `close()` clears whatever is left (mounts, processes, files) and then fails if there was
 * anything, so that a leak is a failed test and still harms nobody.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child } from "./child.ts";

export class Scratch {
  readonly directory = mkdtempSync(join(tmpdir(), "mount-s3-ts-test-"));
  #count = 0;
  readonly #onExit = (): void => {
    this.#clear();
  };

  constructor() {
    // The last line of defence, for a test run that is cut short.
    process.once("exit", this.#onExit);
  }

  /** A new, empty directory. */
  makeDirectory(label: string): string {
    this.#count += 1;
    const path = join(this.directory, `${label}-${this.#count}`);
    mkdirSync(path);
    return path;
  }

  /** Mount points below this directory. */
  mounts(): readonly string[] {
    return mountsBelow(this.directory);
  }

  /** Clears everything away, and throws when anything should have been gone already. */
  async close(): Promise<void> {
    process.off("exit", this.#onExit);
    const mounts = this.mounts();
    const processes = [...Child.alive];
    const left = [
      ...mounts.map((path) => `mount at ${path}`),
      ...processes.map((child) => child.describe("still runs")),
    ];
    this.#clear();
    await Promise.all(processes.map((child) => child.exited));
    if (left.length > 0) throw new Error(`left behind: ${left.join("; ")}`);
  }

  #clear(): void {
    for (const child of Child.alive) child.signal("SIGKILL");
    for (const path of [...this.mounts()].reverse()) spawnSync("umount", ["-l", path]);
    // Never through a mount that would not go: that would delete the bucket.
    if (this.mounts().length === 0) rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Mount points at or below `directory`, in the order in which they were made. */
export function mountsBelow(directory: string): readonly string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => (line.split(" ")[1] ?? "").replaceAll("\\040", " "))
    .filter((path) => path === directory || path.startsWith(`${directory}/`));
}
