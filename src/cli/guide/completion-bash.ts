/**
 * Completion for bash, without the package bash-completion: what is typed is cut at white space here,
 * because readline cuts at "=" and ":" too.
 */

import type { Option } from "../option.ts";
import type { CommandPage, Positional } from "./page.ts";

export function bashCompletion(pages: readonly CommandPage[]): string {
  const commands = pages.map(({ name }) => name).filter((name) => name !== "");
  return `# Completion of mount-s3-ts for bash.

_mount_s3_ts() {
  local line=\${COMP_LINE:0:COMP_POINT} word previous command="" option value kind=""
  local -a words
  word=\${line##*[[:space:]]}
  read -ra words <<< "\${line%"$word"}"
  previous=\${words[\${#words[@]}-1]}
  case \${words[1]-} in
    ${commands.join("|")}) command=\${words[1]} ;;
  esac
  COMPREPLY=()

  option=$previous value=$word
  if [[ $word == --*=* ]]; then option=\${word%%=*} value=\${word#*=}; fi
  case "$command $option" in
${pages.flatMap(valueCases).join("\n")}
  esac
  if [[ -z $kind ]]; then
    if [[ $word == --*=* ]]; then return; fi
    if [[ $word == -* ]]; then
      case $command in
${pages.map(optionCase).join("\n")}
      esac
    elif (( \${#words[@]} == 1 )); then
      kind="words:${commands.join(" ")}"
    else
      case $command in
${pages.map(positionalCase).join("\n")}
      esac
    fi
  fi

  case $kind in
    words:*) mapfile -t COMPREPLY < <(compgen -W "\${kind#words:}" -- "$value") ;;
    directory) compopt -o filenames 2> /dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$value") ;;
    file) compopt -o filenames 2> /dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$value") ;;
  esac

  # Readline replaces only what stands behind the last character that it cuts at.
  local stop head=""
  for stop in = :; do
    if [[ $COMP_WORDBREAKS == *"$stop"* && $value == *"$stop"* && \${#value} -gt \${#head} ]]; then
      local before=\${value%"\${value##*"$stop"}"}
      if (( \${#before} > \${#head} )); then head=$before; fi
    fi
  done
  if [[ -n $head ]]; then COMPREPLY=("\${COMPREPLY[@]#"$head"}"); fi
  if [[ $word == --*=* && $COMP_WORDBREAKS != *=* ]]; then
    COMPREPLY=("\${COMPREPLY[@]/#/"$option="}")
  fi
}

complete -F _mount_s3_ts mount-s3-ts
`;
}

function valueCases({ name, table }: CommandPage): readonly string[] {
  return Object.entries(table).flatMap(([long, option]) => {
    if (option.value === undefined) return [];
    const spellings = [`--${long}`, ...(option.short === undefined ? [] : [`-${option.short}`])];
    const patterns = spellings.map((spelling) => `"${name} ${spelling}"`).join("|");
    return [`    ${patterns}) kind="${kindOf(option)}" ;;`];
  });
}

function kindOf({ choices, names }: Option): string {
  if (choices !== undefined) return `words:${choices.join(" ")}`;
  return names ?? "other";
}

function optionCase({ name, table }: CommandPage): string {
  const spellings = Object.entries(table).flatMap(([long, { short }]) => [
    `--${long}`,
    ...(short === undefined ? [] : [`-${short}`]),
  ]);
  return `        "${name}") kind="words:${spellings.join(" ")}" ;;`;
}

function positionalCase({ name, positionals }: CommandPage): string {
  return `        "${name}") kind="${positionals.map(kindOfPositional).find((kind) => kind !== "") ?? ""}" ;;`;
}

function kindOfPositional(positional: Positional): string {
  if (positional === "directory") return "directory";
  return positional === "other" ? "" : `words:${positional.join(" ")}`;
}
