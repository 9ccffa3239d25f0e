/** Where the tests find what they run: this repository's build, and the programs that set-up made. */

import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const repository = resolve(fileURLToPath(import.meta.url), "../../..");
export const commandLine = join(repository, "dist/cli/main.js");

/** MINIO_BIN, or where set-up builds it. Set-up is plain JavaScript, since it runs before any build. */
export async function minioBinary(): Promise<string> {
  const path = pathToFileURL(join(repository, "scripts/cache-paths.mjs")).href;
  const { minioPathOf } = (await import(path)) as {
    readonly minioPathOf: (environment: NodeJS.ProcessEnv) => string;
  };
  return minioPathOf(process.env);
}
