/** The set-up script is plain JavaScript without types, because it runs before anything is installed. */

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface Checks {
  versionAtLeast(version: string, minimum: string): boolean;
  isInstalled(lock: Lock, installed: Lock): boolean;
  missingPackages(
    packages: Readonly<Record<string, string>>,
    isOnPath: (program: string) => boolean,
  ): string[];
  deviceRemedy(code: string): string;
  isStale(builtMs: number | undefined, sourcesMs: readonly number[]): boolean;
  compareOutput(
    sources: readonly string[],
    emitted: readonly string[],
  ): { orphans: string[]; missing: string[] };
  formatSeconds(milliseconds: number): string;
}

interface Paths {
  minioPathOf(environment: Readonly<Record<string, string | undefined>>): string;
}

const scripts = (name: string): string => pathToFileURL(resolve("scripts", name)).href;
const checks = (await import(scripts("setup-checks.mjs"))) as Checks;
const paths = (await import(scripts("cache-paths.mjs"))) as Paths;

test.each([
  ["20.19.0", "20.19", true],
  ["20.18.3", "20.19", false],
  ["22.0.0", "20.19", true],
  ["v20.20.2", "20.19", true],
  ["go1.24.8", "1.21", true],
  ["go1.9", "1.21", false],
  ["go1.25-rc1", "1.21", true],
  ["", "1.21", false],
])("version %s is at least %s: %s", (version, minimum, expected) => {
  expect(checks.versionAtLeast(version, minimum)).toBe(expected);
});

describe("installed packages", () => {
  const wanted = { version: "1.0.0", integrity: "sha512-a" };
  const lock = {
    packages: {
      "": { version: "0.1.0", optionalDependencies: { c: "1.0.0" } },
      "node_modules/a": wanted,
      "node_modules/b": { ...wanted, optional: true },
      "node_modules/c": { ...wanted, optional: true },
    },
  };

  test.each([
    ["all of them", { a: wanted, b: wanted, c: wanted }, true],
    ["all but one for another platform", { a: wanted, c: wanted }, true],
    ["all but one that only this package asks for", { a: wanted, b: wanted }, false],
    ["none", {}, false],
    ["another version", { a: { ...wanted, version: "1.0.1" }, c: wanted }, false],
    ["other content", { a: { ...wanted, integrity: "sha512-b" }, c: wanted }, false],
  ])("%s", (_, found, expected) => {
    const packages = Object.fromEntries(
      Object.entries(found).map(([name, installed]) => [`node_modules/${name}`, installed]),
    );
    expect(checks.isInstalled(lock, { packages })).toBe(expected);
  });

  test("are those of this very repository", () => {
    const read = (path: string): Lock => JSON.parse(readFileSync(path, "utf8")) as Lock;
    const installed = read(join("node_modules", ".package-lock.json"));
    expect(checks.isInstalled(read("package-lock.json"), installed)).toBe(true);
  });
});

test("a Debian package is asked for once, however many of its programs are missing", () => {
  const programs = { fio: "fio", gcc: "build", make: "build", openssl: "openssl" };
  expect(checks.missingPackages(programs, (program) => program === "openssl")).toEqual([
    "fio",
    "build",
  ]);
});

test.each([
  [undefined, [], true],
  [5, [], false],
  [5, [5], false],
  [5, [1, 6], true],
])("what was built at %s from sources of %s is stale: %s", (builtMs, sourcesMs, expected) => {
  expect(checks.isStale(builtMs, sourcesMs)).toBe(expected);
});

test("emitted files are compared with their sources, both ways", () => {
  expect(checks.compareOutput(["a.ts", "b/c.ts", "d.d.ts"], ["a.js", "old.js"])).toEqual({
    orphans: ["old.js"],
    missing: ["b/c.js"],
  });
});

test("a device that cannot be opened is told with the remedy", () => {
  expect(checks.deviceRemedy("ENOENT")).toMatch(/^\/dev\/fuse .*ENOENT.*modprobe fuse/);
  expect(checks.deviceRemedy("EACCES")).toMatch(/^\/dev\/fuse .*EACCES.*chmod 666/);
});

test("times read well", () => {
  expect([250, 59_940, 59_990, 119_700, 245_000].map(checks.formatSeconds)).toEqual([
    "0.3 s",
    "59.9 s",
    "1 min 0 s",
    "2 min 0 s",
    "4 min 5 s",
  ]);
});

test("MinIO is where MINIO_BIN says, or in the user's cache", () => {
  expect(paths.minioPathOf({ MINIO_BIN: "/opt/minio" })).toBe("/opt/minio");
  expect(paths.minioPathOf({ XDG_CACHE_HOME: "/cache" })).toMatch(
    /^\/cache\/mount-s3-ts\/minio-v[\w.-]+\/minio$/,
  );
});
