/** Where the tests find what they run: this repository's build, and the programs that set-up made. */

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const repository = resolve(fileURLToPath(import.meta.url), "../../..");
export const commandLine = join(repository, "dist/cli/main.js");

/** MINIO_BIN, or where `scripts/setup.mjs` builds it. */
export function minioBinary(): string {
  const { MINIO_BIN, XDG_CACHE_HOME } = process.env;
  return MINIO_BIN ?? join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "mount-s3-ts/minio");
}
