/**
 * The program as mount(8) calls it: under the name mount.TYPE, with the source, the directory, and
 * flags of its own (mount(8), "External helpers"), which mean other things than ours.
 */

import { basename } from "node:path";
import { parseCommandLine } from "./command-line.ts";
import { argumentsOfList } from "./mount-option-list.ts";
import { MOUNT_TABLE } from "./mount-table.ts";
import type { OptionTable } from "./option.ts";
import { text } from "./option-values.ts";

const MOUNT_8 = "mount(8)";

const HELPER_TABLE = {
  sloppy: { short: "s", group: MOUNT_8, help: "Ignore options that are not known." },
  fake: { short: "f", group: MOUNT_8, help: "Do everything but mount." },
  "no-mtab": { short: "n", group: MOUNT_8, help: "Do not write /etc/mtab." },
  verbose: { short: "v", group: MOUNT_8, help: "Say more." },
  options: {
    short: "o",
    group: MOUNT_8,
    help: "Options.",
    value: argumentsOfList,
    repeatable: true,
  },
  type: { short: "t", group: MOUNT_8, help: "Type of the file system.", value: text },
  help: { short: "h", group: MOUNT_8, help: "Of a person who calls it by this name." },
  version: { short: "V", group: MOUNT_8, help: "The same." },
} as const satisfies OptionTable;

const NAME = /^mount\.[^/]+$/;

/** Whether the program was called as a helper of mount(8). `path` is that of the program. */
export function isMountHelper(path: string): boolean {
  return NAME.test(basename(path));
}

export interface HelperRequest {
  /** What the main command would be called with. */
  readonly args: readonly string[];
  readonly fake: boolean;
}

/** Reads what mount(8) asks for, or throws a usage error. */
export function parseHelperArguments(given: readonly string[]): HelperRequest {
  const { positionals, values } = parseCommandLine(HELPER_TABLE, given, "mount-s3-ts --help");
  if (values.help) return { args: ["--help"], fake: false };
  if (values.version) return { args: ["--version"], fake: false };
  const options = values.options.flat();
  const wanted = values.sloppy ? options.filter(isKnown) : options;
  return { args: [...wanted, "--", ...positionals], fake: values.fake };
}

function isKnown(argument: string): boolean {
  const [name = ""] = argument.replace(/^--/, "").split("=");
  return Object.hasOwn(MOUNT_TABLE, name);
}
