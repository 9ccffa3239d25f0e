/** The small programs in C that show what the machine can do: where they are, compiled when they must be. */

import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { run } from "./processes.ts";

export const REFERENCE_SOURCES = join(import.meta.dirname, "../bench/reference");
const PROGRAMS = join(import.meta.dirname, "../dist-bench/reference");

/** The path of a reference program, which is compiled when its source is younger. */
export async function referenceProgram(name: "discard" | "memory-fs" | "receive"): Promise<string> {
  const source = join(REFERENCE_SOURCES, `${name}.c`);
  const path = join(PROGRAMS, name);
  if (existsSync(path) && statSync(path).mtimeMs >= statSync(source).mtimeMs) return path;
  mkdirSync(PROGRAMS, { recursive: true });
  await run("gcc", ["-O2", "-Wall", "-Wextra", "-o", path, source]);
  return path;
}
