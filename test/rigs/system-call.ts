/**
 * System calls that Node does not offer, made by Perl, which every Debian has, or by Python where Perl
 * lacks them, too. Both end with the error number as their exit status.
 */

import { run } from "./child.ts";
import { errnoError } from "./errno-names.ts";

/** RENAME_NOREPLACE, RENAME_EXCHANGE and RENAME_WHITEOUT of linux/fs.h. */
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
export const RENAME_WHITEOUT = 4;

/** renameat2 has this number on x86-64, and 276 on arm64. */
const RENAMEAT2 = process.arch === "x64" ? 316 : 276;

/** truncate(2): by path, where Node's own opens the file first. */
export async function truncatePath(path: string, sizeBytes: number): Promise<void> {
  await perl("truncate", "truncate($ARGV[0], $ARGV[1]) or exit $!", [path, String(sizeBytes)]);
}

export async function renameat2(from: string, to: string, flags: number): Promise<void> {
  const script = `syscall(${RENAMEAT2}, -100, $ARGV[0], -100, $ARGV[1], ${flags}) == 0 or exit $!`;
  await perl("renameat2", script, [from, to]);
}

/** mknod(2), with mode 0600. */
export async function mknod(path: string, type: number): Promise<void> {
  const script = "os.mknod(sys.argv[1], int(sys.argv[2]) | 0o600, os.makedev(1, 3))";
  await python("mknod", script, [path, String(type)]);
}

/** Runs a script, with `os` and `sys` at hand; the OSError that it ends with is thrown here. */
export async function python(call: string, script: string, args: readonly string[]): Promise<void> {
  const lines = ["import os, sys", "try:", ...script.split("\n").map((line) => `  ${line}`)];
  const program = [...lines, "except OSError as error:", "  sys.exit(error.errno)"].join("\n");
  const { code, signal, stderr } = await run("python3", ["-c", program, ...args]);
  if (code === null || stderr !== "") throw new Error(`python3: ${signal ?? code} ${stderr}`);
  if (code !== 0) throw errnoError(code, call);
}

/** Runs a script that ends with 0 or with the number of the error. */
export async function perl(call: string, script: string, args: readonly string[]): Promise<void> {
  const { code, signal, stderr } = await run("perl", ["-MPOSIX", "-e", script, ...args]);
  if (code === null || stderr !== "") throw new Error(`perl: ${signal ?? code} ${stderr}`);
  if (code !== 0) throw errnoError(code, call);
}
