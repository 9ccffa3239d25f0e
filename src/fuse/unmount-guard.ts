/**
 * A process of its own that unmounts when this one is killed (--auto-unmount): it reads from a pipe, and
 * the end of the pipe is the end of this process, however it came.
 *
 * fusermount3's own auto_unmount does this for root only: for other users it checks the directory as
 * root, whom a dead mount lets in no more than anybody else, and gives up.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

import { messageOf } from "../base/log.ts";
import { FuseError } from "./error.ts";
import { SEARCH_PATH } from "./fusermount.ts";

/** A line says that there is nothing to do; the first program that can unmount does it. */
const SCRIPT = `read -r line && exit
fusermount3 -u -z -- "$1" || fusermount -u -z -- "$1" || umount -l -- "$1"`;

export class UnmountGuard {
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
  }

  /**
   * Starts guarding the mount at `directory`.
   * @throws FuseError when there is no shell
   */
  static async start(directory: string): Promise<UnmountGuard> {
    // Detached: a Ctrl-C at the terminal is not for it.
    const child = spawn("/bin/sh", ["-c", SCRIPT, "sh", directory], {
      stdio: ["pipe", "ignore", "ignore"],
      env: { PATH: SEARCH_PATH },
      cwd: "/",
      detached: true,
    });
    try {
      await once(child, "spawn");
    } catch (error) {
      throw new FuseError("guard-failed", `--auto-unmount needs /bin/sh: ${messageOf(error)}`);
    }
    // It lives as long as we do: it must not keep the event loop alive, nor end it by dying first.
    child.unref();
    child.on("error", () => {});
    child.stdin?.on("error", () => {});
    return new UnmountGuard(child);
  }

  /** The mount is gone, or in better hands: ends the guard without unmounting. */
  dismiss(): void {
    this.#process.stdin?.end("done\n");
  }
}
