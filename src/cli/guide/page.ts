/**
 * What the guide, which is the man page, docs/CLI.md and the completions of shells, knows of a command.
 */

import type { HelpText } from "../help.ts";
import type { OptionTable } from "../option.ts";

/** What a word that is no option stands for: a directory, one of a few words, or something else. */
export type Positional = "directory" | "other" | readonly string[];

export interface CommandPage {
  /** The first word; "" for the main command, which is mounting. */
  readonly name: string;
  /** In a few words, for those who choose. */
  readonly summary: string;
  readonly positionals: readonly Positional[];
  readonly table: OptionTable;
  /** Whether it takes the options of a mount too, which only the page of the main command lists. */
  readonly takesMountOptions?: true;
  readonly help: HelpText;
}
