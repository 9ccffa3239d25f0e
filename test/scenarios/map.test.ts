/** docs/SCENARIOS.md tells the truth: every name in it is a scenario's, and no family is left out. */

import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { sorted } from "../rigs/bytes.ts";
import { CAPABILITIES, type Capability } from "../rigs/rig.ts";
import { expressScenarios, scenarios } from "./index.ts";
import { RIGS } from "./rigs.ts";
import { canRun, omissions } from "./scenario.ts";

/** The test files of mount-s3's fuse_tests, and what comes behind them. */
const FAMILIES = [
  "cache_test",
  "consistency_test",
  "error_logger_test",
  "fs_perm_test",
  "iam_perm_test",
  "lookup_test",
  "manifest_test",
  "metrics_test",
  "mkdir_test",
  "prefetch_test",
  "read_test",
  "readdir_test",
  "rename_test",
  "rmdir_test",
  "semantics_doc_test",
  "setattr_test",
  "statfs_test",
  "unlink_test",
  "write_test",
  "Other tests",
  "Better than mount-s3",
] as const;

const names = [...scenarios, ...expressScenarios].map(({ name }) => name);

/** By family, the text of its section. */
const sections = new Map(
  readFileSync("docs/SCENARIOS.md", "utf8")
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [heading = "", ...lines] = section.split("\n");
      return [heading, lines.filter((line) => line.startsWith("- ")).join("\n")];
    }),
);

/** The names that a sentence of the page stands for. */
function matching(sentence: string): readonly string[] {
  const parts = sentence.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(`^${parts.join(".+")}$`);
  return names.filter((name) => pattern.test(name));
}

test("there are at least 300 scenarios, each with a name of its own", () => {
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThanOrEqual(300);
});

describe.each(Object.entries(RIGS))("the rig %s", (_, capabilities) => {
  test("runs at least 300 scenarios", () => {
    const possible = scenarios.filter((scenario) => canRun(capabilities, scenario));
    expect(possible.length).toBeGreaterThanOrEqual(300);
  });

  test("prints every other one, once, with what it lacks", () => {
    const lines = [...omissions(capabilities, scenarios)];
    const printed = lines.flatMap((line) => {
      const [, count, reason = "", list = ""] =
        /^(\d+) scenarios do not run here: they need (.*?): (.*)$/s.exec(line) ?? [];
      expect(Object.values(CAPABILITIES)).toContain(reason);
      expect(list.split("; ")).toHaveLength(Number(count));
      return list.split("; ");
    });
    const impossible = scenarios.filter((scenario) => !canRun(capabilities, scenario));
    expect(sorted(printed)).toEqual(sorted(impossible.map(({ name }) => name)));
  });
});

test("every scenario runs on one rig at least", () => {
  // As root has them.
  const rigs: readonly (readonly Capability[])[] = Object.values(RIGS).map((rig) => [
    ...rig,
    "root",
  ]);
  const orphans = scenarios.filter((scenario) => !rigs.some((rig) => canRun(rig, scenario)));
  expect(orphans.map(({ name }) => name)).toEqual([]);
});

test("the page has a section for every family, and for nothing else", () => {
  expect([...sections.keys()]).toEqual(FAMILIES);
});

describe.each(FAMILIES)("%s", (family) => {
  const section = sections.get(family) ?? "";
  const sentences = [...section.matchAll(/"([^"]+)"/g)].map(([, sentence = ""]) => sentence);
  const paths = [...section.matchAll(/\btest\/[\w/-]+\.test\.ts/g)].map(([path]) => path);

  test("has a scenario", () => {
    expect(sentences.length).toBeGreaterThan(0);
  });

  test.each(sentences)("%s", (sentence) => {
    expect(matching(sentence)).not.toEqual([]);
  });

  test.each(paths)("%s is there", (path) => {
    expect(existsSync(path)).toBe(true);
  });
});
