/** Completion for fish: one `complete` for each option. */

import type { Option } from "../option.ts";
import type { CommandPage, Positional } from "./page.ts";

const COMPLETE = "complete -c mount-s3-ts";

export function fishCompletion(pages: readonly CommandPage[]): string {
  const commands = pages.filter(({ name }) => name !== "");
  const names = commands.map(({ name }) => name).join(" ");
  const lines = [
    "# Completion of mount-s3-ts for fish.",
    "",
    "function __mount_s3_ts_command",
    "    set -l words (commandline -opc)",
    `    if not contains -- "$words[2]" ${names}`,
    '        test "$argv" = ""',
    "        return",
    "    end",
    '    test "$argv" = "$words[2]"',
    "end",
    "",
    "function __mount_s3_ts_first",
    "    test (count (commandline -opc)) -eq 1",
    "end",
    "",
    "function __mount_s3_ts_directories",
    "    __fish_complete_directories (commandline -ct | string replace -r -- '^--[^=]*=' '')",
    "end",
    "",
    `${COMPLETE} -f`,
    ...commands.map(
      ({ name, summary }) => `${COMPLETE} -n __mount_s3_ts_first -a ${name} -d ${quoted(summary)}`,
    ),
    ...pages.flatMap(linesOf),
  ];
  return `${lines.join("\n")}\n`;
}

function linesOf({ name, table, positionals }: CommandPage): readonly string[] {
  const condition = `-n ${quoted(`__mount_s3_ts_command ${name}`.trim())}`;
  return [
    ...positionals.flatMap((positional) => {
      const words = wordsOf(positional);
      return words === "" ? [] : [`${COMPLETE} ${condition} -a ${words}`];
    }),
    ...Object.entries(table).map(([long, option]) => {
      const short = option.short === undefined ? "" : ` -s ${option.short}`;
      const value = takesOf(option);
      return `${COMPLETE} ${condition} -l ${long}${short} -d ${quoted(option.help)}${value}`;
    }),
  ];
}

function wordsOf(positional: Positional): string {
  if (positional === "directory") return "'(__mount_s3_ts_directories)'";
  return positional === "other" ? "" : quoted(positional.join(" "));
}

function takesOf({ value, choices, names }: Option): string {
  if (value === undefined) return "";
  if (choices !== undefined) return ` -x -a ${quoted(choices.join(" "))}`;
  if (names === "directory") return " -x -a '(__mount_s3_ts_directories)'";
  return names === "file" ? " -r -F" : " -x";
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
