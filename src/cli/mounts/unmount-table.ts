/** The command `mount-s3-ts unmount`: its options, what they mean, and its help. */

import { resolve } from "node:path";
import { parseCommandLine } from "../command-line.ts";
import { CliError } from "../error.ts";
import type { CommandPage } from "../guide/page.ts";
import { renderHelp } from "../help.ts";
import type { OptionTable } from "../option.ts";
import { wholeNumber } from "../option-values.ts";

const UNMOUNT = "Unmount";
const TIMEOUT_SECONDS_DEFAULT = 30;
const USAGE = "mount-s3-ts unmount DIRECTORY [--timeout SECONDS] [--lazy]";

const UNMOUNT_TABLE = {
  timeout: {
    group: UNMOUNT,
    help: "How long to wait for programs that use the directory, before it is detached all the same.",
    placeholder: "SECONDS",
    value: wholeNumber("seconds", 0, 86_400),
    default: String(TIMEOUT_SECONDS_DEFAULT),
  },
  lazy: {
    group: UNMOUNT,
    help: "Detach the directory at once and wait for nobody. Files that are open in it can be used and are stored until they are closed.",
    conflicts: ["timeout"],
  },
  help: { short: "h", group: "More", help: "Show this help." },
} as const satisfies OptionTable;

export const UNMOUNT_PAGE: CommandPage = {
  name: "unmount",
  summary: "Unmount, and wait until all is stored.",
  positionals: ["directory"],
  table: UNMOUNT_TABLE,
  help: {
    usage: "mount-s3-ts unmount DIRECTORY [options]",
    about:
      "Unmounts a directory that mount-s3-ts has mounted, and waits until what was written there is stored. When programs use the directory it says which, and waits for them. A mount whose process has died is cleared at once. Exit status 1 means that it is not unmounted, or that a file could not be stored.",
    examples: [
      ["mount-s3-ts unmount /mnt/data", "Unmount, and wait for uploads"],
      [
        "mount-s3-ts unmount /mnt/data --timeout 5",
        "Detach it after 5 seconds, though it is in use",
      ],
      ["mount-s3-ts unmount /mnt/data --lazy", "Detach it at once"],
    ],
  },
};

export interface UnmountOptions {
  /** Absolute. */
  readonly directory: string;
  readonly timeoutMs: number;
  readonly lazy: boolean;
}

export type UnmountCommand =
  | { readonly kind: "unmount"; readonly options: UnmountOptions }
  | { readonly kind: "help"; readonly text: string };

export function parseUnmountCommand(
  args: readonly string[],
  workingDirectory: string,
): UnmountCommand {
  const { positionals, values } = parseCommandLine(
    UNMOUNT_TABLE,
    args,
    "mount-s3-ts unmount --help",
  );
  if (values.help) return { kind: "help", text: renderHelp(UNMOUNT_TABLE, UNMOUNT_PAGE.help) };
  const [directory, extra] = positionals;
  if (!directory) {
    throw new CliError("usage", `no directory to unmount was given: write ${USAGE}`);
  }
  if (extra !== undefined) {
    throw new CliError(
      "usage",
      `"${extra}" is one word too many: write ${USAGE}, or to mount the bucket of that name, mount-s3-ts s3://unmount DIRECTORY`,
    );
  }
  return {
    kind: "unmount",
    options: {
      directory: resolve(workingDirectory, directory),
      timeoutMs: (values.timeout ?? TIMEOUT_SECONDS_DEFAULT) * 1000,
      lazy: values.lazy,
    },
  };
}
