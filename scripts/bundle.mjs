/**
 * Joins the programs and what they load into few files, dist/program/: resolving a hundred small
 * modules takes longer than running them, and a mount is expected to be there at once. Packages stay
 * outside; they are loaded when they are needed.
 */

import { chmodSync, rmSync } from "node:fs";
import { build } from "rolldown";

const OUTPUT = "dist/program";

rmSync(OUTPUT, { recursive: true, force: true });
await build({
  input: {
    main: "src/cli/main.ts",
    daemon: "src/cli/daemon.ts",
    "sandbox-process": "src/cli/demo/sandbox-process.ts",
    "load-process": "src/cli/bench/load-process.ts",
  },
  platform: "node",
  external: /^(?:node:|@?[a-z])/,
  // That what serves a mount is loaded late pays although other commands load it at once.
  checks: { ineffectiveDynamicImport: false },
  output: {
    dir: OUTPUT,
    format: "esm",
    chunkFileNames: "[name].js",
    // What every command loads, and what a mount loads besides.
    codeSplitting: {
      groups: [
        { name: "common", test: /src\/(?:base\/|cli\/(?:error|mount-point|daemon-channel)\.ts)/ },
        {
          name: "service",
          test: /src\/(?:cli\/(?:serve|log-choice|mounts\/record)\.ts|(?!base|cli|sandbox)\w+\/)/,
        },
      ],
    },
  },
  logLevel: "warn",
});
chmodSync(`${OUTPUT}/main.js`, 0o755);
