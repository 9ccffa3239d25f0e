/**
 * `npm run ok`, the gate before every commit: types, Biome, dead code, the format of the C sources, and
 * all tests, the tidiness of the layers among them. Each step runs even when one before it failed, so
 * that one run shows everything.
 */

import { spawn, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatSeconds } from "./setup-checks.mjs";

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));

const cSources = ["native", "bench/reference"].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => /\.[ch]$/.test(name))
    .map((name) => join(folder, name)),
);
const bin = (name) => join("node_modules/.bin", name);

/** Each step: its name and the program that must exit with 0. */
const STEPS = [
  ["types", bin("tsc"), ["-p", "tsconfig.json"]],
  ["biome", bin("biome"), ["check", "--error-on-warnings"]],
  ["dead code", bin("knip"), []],
  ["C format", "clang-format", ["--dry-run", "-Werror", ...cSources]],
  ["tests", bin("vitest"), ["run"]],
];

function runStep(program, args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: "inherit" });
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) =>
      resolve(code === 0 ? undefined : (signal ?? `exit status ${code}`)),
    );
  });
}

const setup = spawnSync(process.execPath, ["scripts/setup.mjs", "ok"], { stdio: "inherit" });
if (setup.status !== 0) process.exit(1);

const summary = [];
let failed = false;
for (const [name, program, args] of STEPS) {
  console.log(`\n== ${name}`);
  const startMs = performance.now();
  const problem = await runStep(program, args);
  if (problem !== undefined) failed = true;
  const time = formatSeconds(performance.now() - startMs);
  summary.push(
    `${problem === undefined ? "ok  " : "FAIL"}  ${name.padEnd(12)} ${time.padStart(12)}  ${problem ?? ""}`.trimEnd(),
  );
}
console.log(`\n${summary.join("\n")}`);
process.exit(failed ? 1 : 0);
