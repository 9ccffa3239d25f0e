/**
 * Checks the code's own manners: which layer may import which, through which door, in what shape files
 * are, and that none has grown too long. `LAYERS` is the table of docs/ARCHITECTURE.md in executable
 * form. Type-only imports count: what one must know to read a file is a dependency, erased or not.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";

const LINES_MAX = 400;

/** Each layer, bottom first, with the layers it may import besides `base`. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  native: [],
  fuse: ["native"],
  "fuse-native": ["fuse"],
  s3: ["native"],
  memory: ["native"],
  cache: ["s3", "memory", "native"],
  inode: ["s3"],
  read: ["s3", "memory", "cache"],
  write: ["s3", "memory"],
  fs: ["s3", "memory", "inode", "read", "write"],
  telemetry: ["native"],
  mount: [
    "native",
    "fuse",
    "fuse-native",
    "s3",
    "memory",
    "cache",
    "inode",
    "read",
    "write",
    "fs",
    "telemetry",
  ],
  sandbox: [],
  cli: ["mount", "sandbox", "telemetry", "native"],
};

/** Layers that nothing imports have no door, and words are taken from `base` one by one. */
const WITHOUT_DOOR = new Set(["base", "cli"]);

/** What only a program that a person started may touch. */
const PROCESS_WIDE = /\bprocess\.(?:env|argv|exit|exitCode)\b|\bconsole\./;

const FORBIDDEN_NAMES = /(?:^|[-/])(?:utils?|helpers?|common|manager)(?:[-./]|$)/;

const IMPORT =
  /^\s*(?:import|export)\b[^'";]*?\bfrom\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)|^import\s*["']([^"']+)["']/gm;

const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join("src", name))
  .sort();
const layers = [...new Set(sources.map((path) => path.split("/")[1] ?? ""))];

function importsOf(path: string): string[] {
  const matches = withoutComments(readFileSync(path, "utf8")).matchAll(IMPORT);
  return [...matches].map(([, from, dynamic, bare]) => from ?? dynamic ?? bare ?? "");
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

/** The source files that `path` imports, by path from the root. */
function importedFiles(path: string): string[] {
  const relativeOnes = importsOf(path).filter((specifier) => specifier.startsWith("."));
  return relativeOnes.map((specifier) => join(dirname(path), specifier));
}

test("the sources are found", () => {
  expect(sources.length).toBeGreaterThan(20);
});

describe.each(sources)("%s", (path) => {
  const text = readFileSync(path, "utf8");
  const layer = path.split("/")[1] ?? "";

  test("imports only from below, through the door", () => {
    const allowed = LAYERS[layer];
    expect(allowed, `src/${layer}/ is a layer`).toBeDefined();
    for (const file of importedFiles(path)) {
      const [target = "", ...inside] = relative("src", file).split("/");
      if (target === layer || target === "base") continue;
      expect(allowed, `${layer}/ may import ${target}/`).toContain(target);
      expect(inside, `${target}/ is entered by its door`).toEqual(["index.ts"]);
    }
  });

  test("imports files that exist, by their real name", () => {
    for (const file of importedFiles(path)) expect(existsSync(file), file).toBe(true);
  });

  test("opens with its purpose and stays short", () => {
    expect(text).toMatch(/^(#!.*\n)?\/\*\*/);
    expect(text.split("\n").length).toBeLessThanOrEqual(LINES_MAX);
  });

  test("has a name that says what it is", () => {
    expect(path).not.toMatch(FORBIDDEN_NAMES);
  });

  if (layer !== "cli") {
    test("leaves the process to cli/", () => {
      expect(withoutComments(text)).not.toMatch(PROCESS_WIDE);
    });
  }

  if (basename(path) === "index.ts" && !WITHOUT_DOOR.has(layer)) {
    test("is a door: re-exports and nothing else", () => {
      const rest = withoutComments(text).replace(
        /export\s+(?:type\s+)?\{[^}]*\}\s*from\s*"[^"]+";/g,
        "",
      );
      expect(rest.trim()).toBe("");
    });
  }
});

test.each(layers.filter((layer) => !WITHOUT_DOOR.has(layer)))("src/%s/ has a door", (layer) => {
  expect(existsSync(`src/${layer}/index.ts`)).toBe(true);
});

test("no file imports itself by way of others", () => {
  const graph = new Map(sources.map((path) => [path, importedFiles(path)]));
  const finished = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (finished.has(path)) return;
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
      return;
    }
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of sources) visit(path, []);
  expect(cycles).toEqual([]);
});
