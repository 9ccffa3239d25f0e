/** Completion for zsh, by its own function _arguments. */

import type { Option } from "../option.ts";
import type { CommandPage, Positional } from "./page.ts";

export function zshCompletion(pages: readonly CommandPage[]): string {
  const commands = pages.filter(({ name }) => name !== "");
  const main = pages.filter(({ name }) => name === "");
  return `#compdef mount-s3-ts
# Completion of mount-s3-ts for zsh.

_mount_s3_ts_commands() {
  local -a commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`).join("\n")}
  )
  _describe command commands
}

_mount_s3_ts() {
  local command=$words[2]
  if (( CURRENT > 2 )); then
    case $command in
${commands.map(commandCase).join("\n")}
    esac
  fi
${main.map((page) => `  _arguments -s ${specsOf(page, "_mount_s3_ts_commands").join(" \\\n    ")}`).join("\n")}
}

if [[ $funcstack[1] == _mount-s3-ts ]]; then
  _mount_s3_ts "$@"
else
  compdef _mount_s3_ts mount-s3-ts
fi
`;
}

function commandCase(page: CommandPage): string {
  const specs = specsOf(page, "").join(" \\\n          ");
  return `      ${page.name})
        words=("\${(@)words[2,-1]}")
        (( CURRENT-- ))
        _arguments -s ${specs}
        return
        ;;`;
}

/** `first` completes the first positional where the page does not say. */
function specsOf({ table, positionals }: CommandPage, first: string): readonly string[] {
  const options = Object.entries(table).flatMap(([long, option]) => specsOfOption(long, option));
  const words = positionals.map((positional, index) =>
    quoted(`${index + 1}:${messageOf(positional)}:${actionOf(positional, first)}`),
  );
  return [...options, ...words];
}

function specsOfOption(long: string, option: Option): readonly string[] {
  const { short, repeatable, conflicts = [], placeholder = "VALUE" } = option;
  const spellings = [`--${long}`, ...(short === undefined ? [] : [`-${short}`])];
  const others = [...spellings, ...conflicts.map((name) => `--${name}`)];
  const excluded = repeatable ? "*" : `(${others.join(" ")})`;
  const help = option.help.replace(/[[\]\\:]/g, "\\$&");
  return spellings.map((spelling) => {
    const takes = option.value === undefined ? "" : spelling.startsWith("--") ? "=" : "+";
    const action = option.value === undefined ? "" : `:${placeholder}:${valueAction(option)}`;
    return quoted(`${excluded}${spelling}${takes}[${help}]${action}`);
  });
}

function valueAction({ choices, names }: Option): string {
  if (choices !== undefined) return `(${choices.join(" ").replaceAll(":", "\\:")})`;
  if (names === undefined) return " ";
  return names === "directory" ? "_files -/" : "_files";
}

function messageOf(positional: Positional): string {
  if (typeof positional !== "string") return "word";
  return positional === "directory" ? "directory" : "bucket";
}

function actionOf(positional: Positional, first: string): string {
  if (typeof positional !== "string") return `(${positional.join(" ")})`;
  return positional === "directory" ? "_files -/" : first;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
