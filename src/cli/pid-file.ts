/**
 * The file that tells others which process serves a mount. It is put in place whole, by a rename, so
 * that nobody reads half of it and no link in its place is followed.
 */

import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { messageOf } from "../base/log.ts";
import { CliError } from "./error.ts";

/** Whoever wants to signal the process may read it, whatever the umask. */
const FILE_MODE = 0o644;

/**
 * Writes this process's id to `path`, in place of what is there. Returns how to take the file away
 * again, which spares one that another process has written since. Throws a failure.
 */
export function claimPidFile(path: string): () => void {
  const content = `${process.pid}\n`;
  const temporary = `${path}.${process.pid}`;
  try {
    rmSync(temporary, { force: true });
    writeFileSync(temporary, content, { flag: "wx" });
    chmodSync(temporary, FILE_MODE);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new CliError(
      "failure",
      `the PID file ${path} cannot be written: ${messageOf(error)}: name a file in a directory that can be written, or leave it out`,
      { cause: error },
    );
  }
  return () => {
    try {
      if (readFileSync(path, "utf8") === content) rmSync(path);
    } catch {
      // It is gone, or cannot be taken away: nothing depends on it any more.
    }
  };
}
