/**
 * Which lines are wanted: directives such as `info`, `warn,s3=debug` or `debug,wire=off`, as mount-s3
 * takes them in MOUNTPOINT_LOG. Its names for parts of itself are taken for the part that does the
 * same here, so that directives written for it have the effect that was meant.
 */

import { LOG_TARGETS, type LogLevel, type LogTarget } from "../base/log.ts";
import { TelemetryError } from "./error.ts";

/** The higher, the more is logged; 0 is nothing. As numbers, a directive may give these too. */
export const SEVERITY = {
  error: 1,
  warn: 2,
  info: 3,
  debug: 4,
  trace: 5,
} as const satisfies Record<LogLevel, number>;

const LEVELS: ReadonlyMap<string, number> = new Map([
  ["off", 0],
  ...Object.entries(SEVERITY),
  ...[0, 1, 2, 3, 4, 5].map((level): [string, number] => [String(level), level]),
]);

/** What mount-s3, and what it is made of, calls a part. */
const FOREIGN_NAMES: Readonly<Record<LogTarget, readonly string[]>> = {
  cli: ["mountpoint_s3::cli"],
  mount: ["mountpoint_s3::run", "mountpoint_s3_fs::s3"],
  fuse: ["mountpoint_s3_fs::fuse", "fuser"],
  fs: ["mountpoint_s3_fs::fs"],
  inode: ["mountpoint_s3_fs::superblock", "mountpoint_s3_fs::metablock"],
  read: ["mountpoint_s3_fs::prefetch"],
  write: ["mountpoint_s3_fs::upload"],
  memory: ["mountpoint_s3_fs::memory", "mountpoint_s3_fs::mem_limiter"],
  cache: ["mountpoint_s3_fs::data_cache"],
  s3: ["mountpoint_s3_client"],
  wire: ["awscrt"],
  metrics: ["mountpoint_s3_fs::metrics"],
};

export interface LogFilter {
  /** The directives, as they were written. */
  readonly text: string;
  /** The least severe lines of `target` that are wanted, as a `SEVERITY`; 0 for none. */
  levelOf(target: LogTarget): number;
  /** Whether a directive asks for lines of `target` by its own name, ours or the foreign one. */
  asksFor(target: LogTarget): boolean;
  /** Names in the directives that stand for nothing here. */
  readonly unknown: readonly string[];
}

interface Directive {
  /** "" for everything. */
  readonly name: string;
  readonly level: number;
}

/**
 * Parses directives, separated by commas: LEVEL, TARGET=LEVEL, or TARGET for all that it says. The most
 * specific one that fits a target counts, and targets that none fits log nothing.
 * @throws TelemetryError
 */
export function parseLogFilter(text: string): LogFilter {
  const directives = text
    .split(",")
    .map((directive) => directive.trim())
    .filter((directive) => directive !== "")
    .map(parseDirective);
  const levels = new Map(LOG_TARGETS.map((target) => [target, levelFor(target, directives)]));
  return {
    text,
    levelOf: (target) => levels.get(target) ?? 0,
    asksFor: (target) =>
      levels.get(target) !== 0 &&
      directives.some(({ name }) => name === target || FOREIGN_NAMES[target].includes(name)),
    unknown: directives
      .map(({ name }) => name)
      .filter((name) => !LOG_TARGETS.some((target) => fits(name, target))),
  };
}

function parseDirective(text: string): Directive {
  const alone = LEVELS.get(text.toLowerCase());
  if (alone !== undefined) return { name: "", level: alone };
  const [, name, levelText] = /^([A-Za-z_][\w:]*)(?:=(.*))?$/.exec(text) ?? [];
  if (name === undefined) {
    throw refusal(text, "it is neither LEVEL, TARGET nor TARGET=LEVEL");
  }
  if (levelText === undefined) {
    if (LOG_TARGETS.some((target) => fits(name, target))) return { name, level: SEVERITY.trace };
    throw refusal(text, "there is no such level and no such target");
  }
  const level = LEVELS.get(levelText.toLowerCase());
  if (level === undefined) throw refusal(text, `there is no level "${levelText}"`);
  return { name, level };
}

function refusal(directive: string, reason: string): TelemetryError {
  return new TelemetryError(
    "bad-directive",
    `the log directive "${directive}" is refused: ${reason}: levels are off, error, warn, info, debug and ` +
      `trace; targets are ${LOG_TARGETS.join(", ")}; an example is info,s3=debug`,
  );
}

/** The last of the most specific names that fit. */
function levelFor(target: LogTarget, directives: readonly Directive[]): number {
  let level = 0;
  let best = -1;
  for (const directive of directives) {
    const { name } = directive;
    const specificity = name === target ? Number.POSITIVE_INFINITY : name.length;
    if (!fits(name, target) || specificity < best) continue;
    best = specificity;
    level = directive.level;
  }
  return level;
}

/** Our own name exactly; of a foreign one the beginning will do, as will a part of what it names. */
function fits(name: string, target: LogTarget): boolean {
  if (name === "" || name === target) return true;
  return FOREIGN_NAMES[target].some(
    (foreign) =>
      foreign === name ||
      name.startsWith(`${foreign}::`) ||
      (name.startsWith("mountpoint_s3") && foreign.startsWith(name)),
  );
}
