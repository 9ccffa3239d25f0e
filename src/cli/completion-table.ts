/** The command `mount-s3-ts completion`: the shells that it knows, and its help. */

import { parseCommandLine } from "./command-line.ts";
import { CliError } from "./error.ts";
import type { CommandPage } from "./guide/page.ts";
import { renderHelp } from "./help.ts";
import type { OptionTable } from "./option.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

const COMPLETION_TABLE = {
  help: { short: "h", group: "More", help: "Show this help." },
} as const satisfies OptionTable;

export const COMPLETION_PAGE: CommandPage = {
  name: "completion",
  summary: "Print what a shell needs to complete options.",
  positionals: [SHELLS],
  table: COMPLETION_TABLE,
  help: {
    usage: `mount-s3-ts completion ${SHELLS.join("|")}`,
    about:
      "Prints a script that has a shell complete the options of this program and their values.",
    examples: [
      [
        "mount-s3-ts completion bash > ~/.local/share/bash-completion/completions/mount-s3-ts",
        "For bash",
      ],
      [`mount-s3-ts completion zsh > "\${fpath[1]}/_mount-s3-ts"`, "For zsh"],
      ["mount-s3-ts completion fish > ~/.config/fish/completions/mount-s3-ts.fish", "For fish"],
    ],
  },
};

export type CompletionCommand =
  | { readonly kind: "completion"; readonly shell: Shell }
  | { readonly kind: "help"; readonly text: string };

export function parseCompletionCommand(args: readonly string[]): CompletionCommand {
  const { positionals, values } = parseCommandLine(
    COMPLETION_TABLE,
    args,
    "mount-s3-ts completion --help",
  );
  if (values.help) {
    return { kind: "help", text: renderHelp(COMPLETION_TABLE, COMPLETION_PAGE.help) };
  }
  const [word, extra] = positionals;
  const shell = SHELLS.find((name) => name === word);
  if (shell !== undefined && extra === undefined) return { kind: "completion", shell };
  throw new CliError(
    "usage",
    `the command "completion" takes one of ${SHELLS.join(", ")}, but got "${positionals.join(" ")}"; to mount the bucket of that name, write mount-s3-ts s3://completion DIRECTORY`,
  );
}
