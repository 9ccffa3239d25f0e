/**
 * Makes a fresh clone ready: node scripts/setup.mjs demo|test|ok|model|bench|pack, as the scripts of
 * package.json do. It runs before any package is installed, so it needs none itself; it does only what
 * is missing, and what it cannot do ends in one message with the remedy.
 */

import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheDirectoryOf, MINIO_MODULE, MINIO_VERSION, minioPathOf } from "./cache-paths.mjs";
import {
  compareOutput,
  deviceRemedy,
  formatSeconds,
  isInstalled,
  isStale,
  missingPackages,
  versionAtLeast,
} from "./setup-checks.mjs";
import { StepError, StepRunner } from "./step-runner.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const NODE_MIN = "20.19";
/** Go's module file of MinIO asks for 1.24; any Go since 1.21 fetches the toolchain that a module asks for. */
const GO_MIN = "1.21";

/** Which Debian package brings each program or library. */
const COMPILER_PROGRAMS = { gcc: "gcc", "g++": "g++", make: "make", python3: "python3" };
const BENCH_PROGRAMS = { fusermount3: "fuse3", fio: "fio", openssl: "openssl" };
const TEST_PROGRAMS = {
  ...BENCH_PROGRAMS,
  git: "git",
  perl: "perl",
  python3: "python3",
  rsync: "rsync",
  sqlite3: "sqlite3",
  unzip: "unzip",
  vim: "vim",
};
/** Of the back end fuse-native; from Debian 13 on libfuse2t64 stands in for it. */
const TEST_LIBRARIES = { "libfuse.so.2": "libfuse2" };
const TARGET_PROGRAMS = {
  pack: {},
  demo: { fusermount3: "fuse3" },
  test: { ...TEST_PROGRAMS, ...TEST_LIBRARIES },
  ok: { ...TEST_PROGRAMS, ...TEST_LIBRARIES, "clang-format": "clang-format" },
  model: { fusermount3: "fuse3", perl: "perl" },
  bench: BENCH_PROGRAMS,
};

const cacheDirectory = cacheDirectoryOf(process.env);
const minioPath = minioPathOf(process.env);

async function main(target) {
  if (!Object.hasOwn(TARGET_PROGRAMS, target)) {
    throw new StepError(
      `"${target ?? ""}" is not something to set up: write node scripts/setup.mjs ${Object.keys(TARGET_PROGRAMS).join("|")}`,
    );
  }
  if (!versionAtLeast(process.versions.node, NODE_MIN)) {
    throw new StepError(
      `this is Node.js ${process.versions.node}, and ${NODE_MIN} or later is needed: install a newer one`,
    );
  }
  if (process.platform !== "linux") {
    throw new StepError(
      `this is ${process.platform}, and only Linux is supported: use a Linux machine`,
    );
  }
  makeCacheDirectory();
  process.chdir(ROOT);
  const runner = new StepRunner(join(cacheDirectory, `setup-${process.pid}.log`));
  const startMs = performance.now();
  await takeLock(runner);
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => {
      runner.stop();
      process.exit(130);
    });
  }

  await installPrograms(runner, target);
  if (target !== "pack") requireDevice();
  await installNodePackages(runner);
  await buildAddon(runner);
  await compile(runner, { config: "tsconfig.build.json", source: "src", output: "dist" }, bundle);
  if (["bench", "test", "ok"].includes(target)) {
    await compile(runner, { config: "tsconfig.bench.json", source: "bench", output: "dist-bench" });
  }
  if (needsMinio(target)) await buildMinio(runner);
  runner.discardLog();
  if (performance.now() - startMs > 1000) {
    console.log(`setup: everything is ready after ${formatSeconds(performance.now() - startMs)}`);
  }
}

function makeCacheDirectory() {
  try {
    mkdirSync(cacheDirectory, { recursive: true });
    for (const name of readdirSync(cacheDirectory)) {
      const pid = /^setup-(\d+)\.log$/.exec(name)?.[1];
      if (pid && !isAlive(Number(pid))) rmSync(join(cacheDirectory, name), { force: true });
    }
  } catch (error) {
    throw new StepError(
      `the directory ${cacheDirectory} cannot be written: ${error.message}: set XDG_CACHE_HOME to one that can`,
    );
  }
}

/** One set-up of this user at a time; released when the process ends. A dead owner's lock is taken over. */
async function takeLock(runner) {
  const path = join(cacheDirectory, "setup.lock");
  for (let waited = 0; ; waited++) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      process.on("exit", () => rmSync(path, { force: true }));
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const owner = Number(readText(path));
    // An empty file is one that its owner is about to write.
    if (owner > 0 ? !isAlive(owner) : waited > 5) rmSync(path, { force: true });
    else if (waited % 60 === 0) runner.say(`waiting for another set-up (process ${owner}) to end`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function requireDevice() {
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
  } catch (error) {
    throw new StepError(deviceRemedy(error.code));
  }
}

async function installPrograms(runner, target) {
  const wanted = {
    ...(addonIsStale() ? COMPILER_PROGRAMS : {}),
    ...TARGET_PROGRAMS[target],
    ...(needsMinio(target) && !findGo() ? { go: "golang-go" } : {}),
  };
  const packages = missingPackages(wanted, isPresent);
  if (packages.length === 0) return;

  const names = packages.join(" ");
  const remedy = `install ${names} with your system's package manager, then try again`;
  if (!findProgram("apt-get") || process.getuid() !== 0) {
    const command = `sudo apt-get install -y --no-install-recommends ${names}`;
    const how = findProgram("apt-get") ? `run "${command}", then try again` : remedy;
    throw new StepError(`programs or libraries are missing: ${how}`);
  }
  await runner.step(`installing ${names} from Debian`, "about a minute", async () => {
    const environment = { DEBIAN_FRONTEND: "noninteractive" };
    const options = ["-o", "DPkg::Lock::Timeout=120", "-y", "--no-install-recommends"];
    await runner.run("apt-get", ["update"], remedy, environment);
    await runner.run("apt-get", ["install", ...options, ...packages], remedy, environment);
  });
}

async function installNodePackages(runner) {
  const lock = readJson("package-lock.json");
  const installed = readJson("node_modules/.package-lock.json");
  if (installed && isInstalled(lock, installed)) return;
  // Under "npm run" this is the npm that runs; by itself it is a script for node.
  const npm = process.env.npm_execpath;
  const [program, ...args] = npm?.endsWith("js") ? [process.execPath, npm] : ["npm"];
  await runner.step("installing npm packages", "about half a minute", () =>
    runner.run(
      program,
      [...args, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
      "Check that the npm registry can be reached (npm ping), and try again.",
    ),
  );
}

/** The builder leaves a stamp beside the addon; its age saves asking the builder each time. */
function addonStamps() {
  const directory = join("prebuilds", `linux-${process.arch}`);
  const names = listFiles(directory).filter((name) => name.endsWith(".sources"));
  return names.map((name) => join(directory, name));
}

function addonIsStale() {
  const stamps = addonStamps();
  const builtMs = stamps.length > 0 ? Math.max(...stamps.map(modifiedMs)) : undefined;
  const sources = readdirSync("native").filter((name) => /\.(?:c|h|gyp)$/.test(name));
  const paths = [...sources.map((name) => join("native", name)), "scripts/build-addon.mjs"];
  return isStale(builtMs, paths.map(modifiedMs));
}

async function buildAddon(runner) {
  if (!addonIsStale()) return;
  await runner.step("building the addon", "a few seconds", () =>
    runner.run(
      process.execPath,
      ["scripts/build-addon.mjs"],
      "It needs gcc, make, python3 and the headers of Node.js beside it (include/node).",
    ),
  );
  const now = new Date();
  for (const stamp of addonStamps()) utimesSync(stamp, now, now);
}

/** Writes `output` anew when it is out of date, and then does what `afterwards` does with it. */
async function compile(runner, { config, source, output }, afterwards = () => {}) {
  const sources = listFiles(source).filter((path) => path.endsWith(".ts"));
  const emitted = listFiles(output).filter(
    (path) => path.endsWith(".js") && !path.startsWith("program/"),
  );
  const { orphans, missing } = compareOutput(sources, emitted);
  const inputs = sources.map((path) => join(source, path));
  const settings = [
    config,
    "tsconfig.json",
    "package-lock.json",
    "scripts/bundle.mjs",
    "scripts/cache-code.mjs",
    "scripts/man-page.mjs",
  ];
  const stamp = join(output, ".setup-stamp");
  const builtMs = existsSync(stamp) ? modifiedMs(stamp) : undefined;
  const fresh = !isStale(builtMs, [...inputs, ...settings].map(modifiedMs));
  if (fresh && orphans.length === 0 && missing.length === 0) return;

  // The compiler does not write again what it believes to be there, and never deletes.
  if (orphans.length > 0 || missing.length > 0) rmSync(output, { recursive: true, force: true });
  await runner.step(`compiling ${output}/`, "a second", async () => {
    const remedy = "The sources do not compile: see the messages above.";
    await runner.run("node_modules/.bin/tsc", ["-p", config], remedy);
    await afterwards(runner);
  });
  writeFileSync(stamp, "");
}

async function bundle(runner) {
  const remedy = "The sources cannot be bundled: see the messages above.";
  await runner.run(process.execPath, ["scripts/bundle.mjs"], remedy);
  await runner.run(process.execPath, ["scripts/cache-code.mjs"], remedy);
  await runner.run(process.execPath, ["scripts/man-page.mjs"], remedy);
}

function needsMinio(target) {
  return (target === "test" || target === "ok") && !existsSync(minioPath);
}

async function buildMinio(runner) {
  if (process.env.MINIO_BIN) {
    throw new StepError(
      `MINIO_BIN names ${minioPath}, which does not exist: correct it or unset it`,
    );
  }
  const remedy = `Install Go ${GO_MIN} or later and try again, or set MINIO_BIN to a MinIO server program.`;
  const go = findGo();
  if (!go)
    throw new StepError(
      `MinIO, which the tests mount, is built with Go, and none is found. ${remedy}`,
    );
  const version = spawnSync(go, ["env", "GOVERSION"], { encoding: "utf8" }).stdout?.trim() ?? "";
  if (!versionAtLeast(version, GO_MIN)) {
    throw new StepError(`MinIO cannot be built with ${version || go}. ${remedy}`);
  }
  await runner.step("building MinIO for the tests, once", "about five minutes", () =>
    runner.run(
      go,
      ["install", `${MINIO_MODULE}@${MINIO_VERSION}`],
      `Check that Go's module proxy can be reached. ${remedy}`,
      {
        GOBIN: dirname(minioPath),
        CGO_ENABLED: "0",
      },
    ),
  );
}

function findGo() {
  const usual = "/usr/local/go/bin/go";
  return findProgram("go") ?? (existsSync(usual) ? usual : undefined);
}

function findProgram(name) {
  // Where Debian has the programs of the administrator, which users' paths may lack.
  const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return directories
    .map((directory) => join(directory, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Of a library, where nobody can tell, the tests that need it will. */
function isPresent(name) {
  if (!name.includes(".so.")) return findProgram(name) !== undefined;
  const { status, stdout } = spawnSync(findProgram("ldconfig") ?? "ldconfig", ["-p"], {
    encoding: "utf8",
  });
  return status !== 0 || stdout.includes(name);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Files below `directory`, as relative paths; none when it does not exist. */
function listFiles(directory) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

function modifiedMs(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function readText(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function readJson(path) {
  const text = readText(path);
  return text === "" ? undefined : JSON.parse(text);
}

try {
  await main(process.argv[2]);
} catch (error) {
  if (!(error instanceof StepError)) throw error;
  console.error(`setup: ${error.message}`);
  process.exit(1);
}
