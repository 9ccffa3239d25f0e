/**
 * Every test of this directory once more, on an addon built with AddressSanitizer: a read or write
 * out of bounds or after free ends the process that did it, and with it the test.
 *
 * Leak detection is off, since Node itself leaves memory behind when it exits, by design.
 */

import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** This one, and one that makes builds of its own. */
const notSanitized = ["address-sanitizer", "build-addon"];
const BUILD = join(ROOT, "native/build-asan");

/** The name of the library that the build was linked to, which must be loaded before Node itself. */
async function sanitizerRuntime(): Promise<string> {
  const prebuilds = await readdir(BUILD, { recursive: true });
  const file = prebuilds.find((name) => name.endsWith(".node")) ?? "";
  const [runtime = ""] =
    /libasan\.so[.\d]*/.exec(await readFile(join(BUILD, file), "latin1")) ?? [];
  return runtime;
}

/** The environment without what vitest puts there for its own workers. */
function environment(additions: Record<string, string>): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(?:VITEST|TINYPOOL|TEST$)/.test(name),
  );
  return { ...Object.fromEntries(own), ...additions };
}

/** Runs vitest on test/native with the sanitized addon; returns its output and the sanitizer's. */
async function runSanitized(args: readonly string[], reports: string) {
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const env = environment({
    LD_PRELOAD: await sanitizerRuntime(),
    MOUNT_S3_TS_PREBUILD: BUILD,
    ASAN_OPTIONS: `detect_leaks=0:disable_coredump=0:log_path=${join(reports, "report")}`,
  });
  const run = promisify(execFile)(process.execPath, [vitest, "run", ...args], { cwd: ROOT, env });
  const { stdout } = await run.catch((failure: { stdout: string }) => failure);
  const files = await readdir(reports);
  const texts = await Promise.all(files.map((name) => readFile(join(reports, name), "utf8")));
  return { stdout, reports: texts.join("\n") };
}

test("the native tests pass under AddressSanitizer, which has nothing to report", async () => {
  execFileSync(process.execPath, [join(ROOT, "scripts/build-addon.mjs"), "--asan"]);
  const reports = await mkdtemp(join(tmpdir(), "asan-"));
  try {
    const result = await runSanitized(
      ["test/native", ...notSanitized.flatMap((name) => ["--exclude", `**/${name}.test.ts`])],
      reports,
    );
    expect(result.reports).toBe("");
    expect(result.stdout).toMatch(/Tests\s+.*\d+ passed/);
    expect(result.stdout).not.toMatch(/failed/);
  } finally {
    await rm(reports, { recursive: true });
  }
}, 300_000);
