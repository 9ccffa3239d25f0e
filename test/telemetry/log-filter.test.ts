import { describe, expect, test } from "vitest";
import { LOG_TARGETS, type LogTarget } from "../../src/base/log.ts";
import { parseLogFilter } from "../../src/telemetry/index.ts";
import { SEVERITY } from "../../src/telemetry/log-filter.ts";

const NAMES = ["off", ...Object.keys(SEVERITY)];

/** What the targets log, those that log at `usual` left out. */
function levelsOf(directives: string, usual: string): Partial<Record<LogTarget, string>> {
  const filter = parseLogFilter(directives);
  const levels = LOG_TARGETS.map((target) => [target, NAMES[filter.levelOf(target)]]);
  return Object.fromEntries(levels.filter(([, level]) => level !== usual));
}

describe("directives", () => {
  test("give one level to all parts, in letters of either case or as a number", () => {
    for (const text of ["debug", "DEBUG", " debug ", "4"]) {
      expect(levelsOf(text, "debug"), text).toEqual({});
    }
    expect(levelsOf("off", "off")).toEqual({});
  });

  test("give a part its own, wherever they stand", () => {
    expect(levelsOf("info,wire=off", "info")).toEqual({ wire: "off" });
    expect(levelsOf("s3=trace, warn", "warn")).toEqual({ s3: "trace" });
    expect(levelsOf("warn,fuse", "warn")).toEqual({ fuse: "trace" });
  });

  test("leave out what none of them fits", () => {
    expect(levelsOf("fs=debug", "off")).toEqual({ fs: "debug" });
  });

  test("count from the last when two say the same", () => {
    expect(levelsOf("warn,info,s3=debug,s3=error", "info")).toEqual({ s3: "error" });
  });

  test("written for mount-s3 mean the part that does the same here", () => {
    const usual = "warn,mountpoint_s3=info,awscrt=off,mountpoint_s3_fs::metrics=off";
    expect(levelsOf(usual, "info")).toEqual({ wire: "off", metrics: "off" });
    expect(levelsOf("warn,mountpoint_s3_fs::fuse=trace", "warn")).toEqual({ fuse: "trace" });
    expect(levelsOf("off,mountpoint_s3_client::s3_crt_client=debug", "off")).toEqual({
      s3: "debug",
    });
    expect(levelsOf("trace,awscrt=warn", "trace")).toEqual({ wire: "warn" });
    expect(levelsOf("mountpoint_s3=info,s3=debug,awscrt=off", "info")).toEqual({
      s3: "debug",
      wire: "off",
    });
  });

  test.each([
    ["info", false],
    ["trace,s3=off", false],
    ["mountpoint_s3=info", false],
    ["info,metrics=off", false],
    ["info,mountpoint_s3_fs::metrics=off", false],
    ["warn,metrics=info", true],
    ["off,mountpoint_s3_fs::metrics", true],
  ])("%j asks for metrics by name: %j", (text, expected) => {
    expect(parseLogFilter(text).asksFor("metrics")).toBe(expected);
  });

  test("for parts that are not here have no effect, and are told", () => {
    const filter = parseLogFilter("info,hyper=debug,s3=warn");
    expect(filter.unknown).toEqual(["hyper"]);
    expect(levelsOf("info,hyper=debug", "info")).toEqual({});
  });

  test.each([
    ["debgu", "no such level and no such target"],
    ["s3=loud", 'no level "loud"'],
    ["s3=", 'no level ""'],
    ["fs[op{name=x}]=debug", "neither LEVEL, TARGET nor TARGET=LEVEL"],
    ["=debug", "neither LEVEL"],
    ["6", "neither LEVEL"],
  ])("such as %s are refused with the reason and what there is", (text, reason) => {
    const parse = (): unknown => parseLogFilter(`info,${text}`);
    expect(parse).toThrow(`the log directive "${text}" is refused`);
    expect(parse).toThrow(reason);
    expect(parse).toThrow("levels are off, error, warn, info, debug and trace");
  });
});
