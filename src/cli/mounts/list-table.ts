/** The command `mount-s3-ts list`: its options, and its help. */

import { parseCommandLine } from "../command-line.ts";
import { CliError } from "../error.ts";
import type { CommandPage } from "../guide/page.ts";
import { renderHelp } from "../help.ts";
import type { OptionTable } from "../option.ts";

const LIST_TABLE = {
  json: { group: "Output", help: "Print a JSON array, for programs." },
  help: { short: "h", group: "More", help: "Show this help." },
} as const satisfies OptionTable;

export const LIST_PAGE: CommandPage = {
  name: "list",
  summary: "List what is mounted.",
  positionals: [],
  table: LIST_TABLE,
  help: {
    usage: "mount-s3-ts list [--json]",
    about:
      'Lists what this program has mounted on this machine: directory, bucket and prefix, state, since when, and the process that serves it. As root it lists the mounts of all users. "dead" is a mount whose process is gone, "detached" one that is out of sight but in use, and "unseen" one that is served by a process in another container or of another user.',
    examples: [
      ["mount-s3-ts list", "Show the mounts"],
      [
        "mount-s3-ts list --json | jq -r '.[] | select(.state == \"dead\").directory'",
        "The directories of dead mounts",
      ],
    ],
  },
};

export type ListCommand =
  | { readonly kind: "list"; readonly json: boolean }
  | { readonly kind: "help"; readonly text: string };

export function parseListCommand(args: readonly string[]): ListCommand {
  const { positionals, values } = parseCommandLine(LIST_TABLE, args, "mount-s3-ts list --help");
  if (values.help) return { kind: "help", text: renderHelp(LIST_TABLE, LIST_PAGE.help) };
  if (positionals.length > 0) {
    throw new CliError(
      "usage",
      `the command "list" takes no "${positionals.join(" ")}"; to mount the bucket of that name, write mount-s3-ts s3://list DIRECTORY`,
    );
  }
  return { kind: "list", json: values.json };
}
