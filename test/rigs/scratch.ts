/**
 * The ground on which a test file works: one temporary directory, and the promise that nothing
 * remains. `close()` clears whatever is left (mounts, processes, files) and then fails if there was
 * anything, so that a leak is a failed test and still harms nobody.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child } from "./child.ts";

/**
 * Clears a directory when its standard input ends without a line: the last line of defence, for a
 * test run that is cut short and can run no code of its own any more.
 */
const GUARD = `
read -r line && exit
for process in /proc/[0-9]*; do
  grep -qsF "$1/" "$process/cmdline" && [ "\${process#/proc/}" != $$ ] && kill -9 "\${process#/proc/}"
done
while grep -sF " $1/" /proc/self/mounts; do
  cut -d " " -f 2 /proc/self/mounts | grep -F "$1/" | xargs -n 1 umount -l || break
done > /dev/null 2>&1
rm -rf --one-file-system "$1"
`;

export class Scratch {
  readonly directory = mkdtempSync(join(tmpdir(), "mount-s3-ts-test-"));
  readonly #guard: ChildProcess;
  #count = 0;

  constructor() {
    // A session of its own, so that Ctrl-C does not reach it.
    this.#guard = spawn("sh", ["-c", GUARD, "guard", this.directory], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#guard.unref();
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

  /**
   * Processes whose command line names something below this directory: also those that no test
   * started itself, as a daemon in the background.
   */
  processes(): readonly number[] {
    return processesNaming(`${this.directory}/`);
  }

  /** Clears everything away, and throws when anything should have been gone already. */
  async close(): Promise<void> {
    const mounts = this.mounts();
    const processes = [...Child.alive];
    const left = [
      ...mounts.map((path) => `mount at ${path}`),
      ...this.processes().map((pid) => `process ${pid}: ${commandLineOf(pid)}`),
      ...processes.map((child) => child.describe("still runs")),
    ];
    this.#clear();
    await Promise.all(processes.map((child) => child.exited));
    this.#guard.stdin?.end("all is well\n");
    if (left.length > 0) throw new Error(`left behind: ${left.join("; ")}`);
  }

  #clear(): void {
    for (const child of Child.alive) child.signal("SIGKILL");
    for (const pid of this.processes()) killIfThere(pid);
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

function processesNaming(text: string): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && commandLineOf(pid).includes(text));
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** "" for a process that is gone by now, or that has exited and waits for its parent. */
function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
