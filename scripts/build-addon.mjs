/**
 * Makes sure that the native addon for this platform is there: does nothing when the prebuild in
 * prebuilds/ fits native/ and loads, compiles it otherwise. It is the package's `install` script,
 * so it needs nothing but Node and what the package depends on, and says nothing when all is well.
 *
 *   node scripts/build-addon.mjs          prebuilds/<platform>-<arch>/
 *   node scripts/build-addon.mjs --asan   native/build-asan/prebuilds/..., with AddressSanitizer
 *
 * MOUNT_S3_TS_PREBUILD=<directory>, a convention of node-gyp-build, loads the addon from elsewhere.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const SOURCES = join(ROOT, "native");
const REMEDY = `It needs a C and C++ compiler, make and Python 3. Install them with
  apt-get install -y build-essential python3             (Debian, Ubuntu)
  apk add build-base linux-headers python3               (Alpine)
and then run
  node ${join(ROOT, "scripts/build-addon.mjs")}`;

const require = createRequire(import.meta.url);

class BuildError extends Error {}

/** As node-gyp-build decides it, since that is who looks for the result. */
function libcName() {
  return process.env.LIBC || (existsSync("/etc/alpine-release") ? "musl" : "glibc");
}

/** The files in native/ that the result depends on, in a fixed order. */
function sourceFiles() {
  return readdirSync(SOURCES)
    .filter((name) => /\.(c|h|gyp)$/.test(name))
    .sort();
}

/** A digest of the sources: the stamp beside a prebuild says what it was made from. */
function sourceDigest() {
  const hash = createHash("sha256");
  for (const name of sourceFiles()) {
    const content = readFileSync(join(SOURCES, name));
    hash.update(`${name} ${content.length}\n`).update(content);
  }
  return hash.digest("hex");
}

function isCurrent(target) {
  try {
    return existsSync(target.addon) && readFileSync(target.stamp, "utf8") === sourceDigest();
  } catch {
    return false;
  }
}

/** The reason why the addon does not load, or undefined. An ASan build loads only under its runtime. */
function loadFailure(target) {
  if (target.asan) return undefined;
  try {
    require(target.addon);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The project's own node-gyp, else the one that npm names or carries. */
function nodeGyp() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const candidates = [
    join(ROOT, "node_modules/node-gyp/bin/node-gyp.js"),
    process.env.npm_config_node_gyp,
    join(prefix, "lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js"),
    join(prefix, "share/nodejs/node-gyp/bin/node-gyp.js"),
  ];
  const found = candidates.find((path) => path !== undefined && existsSync(path));
  if (found === undefined) throw new BuildError("node-gyp is missing: neither here nor with npm");
  return found;
}

/** Headers lie beside a Node that was installed whole; only without them may node-gyp fetch some. */
function headerOptions() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  return existsSync(join(prefix, "include/node/node_api.h")) ? [`--nodedir=${prefix}`] : [];
}

/** What the compiler said, and of node-gyp's own report only the error itself. */
function reasonsIn(output) {
  const lines = output.split("\n").map((line) => line.replace(/^gyp ERR! stack Error: /, "  "));
  return lines
    .filter((line) => !/^gyp |^\s*$|^make: \w+ing directory/.test(line))
    .slice(-25)
    .join("\n");
}

/** Compiles in a directory of its own, so that several may at once, and puts the result in place. */
function compile(target) {
  mkdirSync(join(SOURCES, "build"), { recursive: true });
  const work = mkdtempSync(join(SOURCES, "build", "work-"));
  try {
    const digest = sourceDigest();
    for (const name of sourceFiles()) copyFileSync(join(SOURCES, name), join(work, name));
    const run = spawnSync(
      process.execPath,
      [nodeGyp(), "rebuild", "--directory", work, "--loglevel=error", ...headerOptions()],
      {
        encoding: "utf8",
        env: { ...process.env, GYP_DEFINES: target.asan ? "sanitize=address" : "" },
      },
    );
    if (run.status !== 0) {
      const output = `${run.stdout ?? ""}${run.stderr ?? ""}${run.error?.message ?? ""}`;
      throw new BuildError(`node-gyp failed:\n${reasonsIn(output)}`);
    }
    mkdirSync(dirname(target.addon), { recursive: true });
    rmSync(target.stamp, { force: true });
    // Renamed into place: a process that has the old one mapped keeps it.
    copyFileSync(join(work, "build/Release/mount_s3_ts.node"), `${target.addon}.${process.pid}`);
    renameSync(`${target.addon}.${process.pid}`, target.addon);
    writeFileSync(target.stamp, digest);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function build(target) {
  if (isCurrent(target) && loadFailure(target) === undefined) return;
  console.log(`Building the native addon for ${target.name} (a few seconds) ...`);
  compile(target);
  const failure = loadFailure(target);
  if (failure !== undefined) throw new BuildError(`the result does not load: ${failure}`);
}

function targetOf(asan) {
  const tuple = `${process.platform}-${process.arch}`;
  const libc = libcName();
  const directory = join(asan ? join(SOURCES, "build-asan") : ROOT, "prebuilds", tuple);
  return {
    asan,
    name: `${tuple} (${libc})`,
    addon: join(directory, `node.napi.${libc}.node`),
    stamp: join(directory, `node.napi.${libc}.sources`),
  };
}

function main(options) {
  const unknown = options.find((option) => option !== "--asan");
  if (unknown !== undefined) {
    console.error(`build-addon: unknown option ${unknown}; the only one is --asan`);
    return 2;
  }
  const target = targetOf(options.includes("--asan"));
  if (process.platform !== "linux") {
    console.error(`mount-s3-ts runs on Linux only, not on ${process.platform}.`);
    return 1;
  }
  try {
    build(target);
    return 0;
  } catch (error) {
    if (!(error instanceof BuildError) && !(error instanceof Error && "code" in error)) throw error;
    console.error(`Cannot build the native addon for ${target.name}, Node ${process.version}.`);
    console.error(`${error.message}\n${REMEDY}`);
    return 1;
  }
}

process.exitCode = main(process.argv.slice(2));
