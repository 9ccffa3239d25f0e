/**
 * Joins what a mount loads at its start into one file, dist/mount/index.js, after the compiler has
 * written dist/: resolving a hundred small modules takes longer than running them, and a mount is
 * expected to be there at once. Packages stay outside; they are loaded when they are needed.
 */

import { rmSync } from "node:fs";
import { build } from "rolldown";

await build({
  input: "src/mount/index.ts",
  platform: "node",
  external: /^(?:node:|@?[a-z])/,
  output: { file: "dist/mount/index.js", format: "esm", codeSplitting: false },
  logLevel: "warn",
});

// The compiler would believe that its own dist/mount/index.js is still there, and leave this one
// standing when the sources have changed.
rmSync("dist/.tsbuildinfo", { force: true });
