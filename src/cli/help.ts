/** Writes the help of a command from its table of options. */

import type { Option, OptionTable } from "./option.ts";

const COLUMNS = 96;
const OPTION_COLUMNS = 34;

export interface HelpText {
  readonly usage: string;
  readonly about: string;
  /** Further paragraphs between the description and the options: a title and its lines. */
  readonly sections?: readonly HelpSection[];
  /** Command lines and what each does. */
  readonly examples: readonly (readonly [command: string, what: string])[];
}

export interface HelpSection {
  readonly title: string;
  readonly lines: readonly (readonly [term: string, what: string])[];
}

export function renderHelp(table: OptionTable, help: HelpText): string {
  const groups = new Map<string, string[]>();
  for (const [name, option] of Object.entries(table)) {
    const lines = groups.get(option.group) ?? [];
    lines.push(...renderOption(name, option));
    groups.set(option.group, lines);
  }
  const paragraphs = [`Usage: ${help.usage}`, wrap(help.about, COLUMNS).join("\n")];
  for (const { title, lines } of help.sections ?? []) {
    const rendered = lines.flatMap(([term, what]) => renderTerm(term, what));
    paragraphs.push([`${title}:`, ...rendered].join("\n"));
  }
  for (const [group, lines] of groups) paragraphs.push([`${group}:`, ...lines].join("\n"));
  const examples = help.examples.flatMap(([command, what]) => [`  # ${what}`, `  ${command}`]);
  paragraphs.push(["Examples:", ...examples].join("\n"));
  return `${paragraphs.join("\n\n")}\n`;
}

function renderOption(name: string, option: Option): string[] {
  const short = option.short ? `-${option.short}, ` : "    ";
  const placeholder = option.placeholder ? ` ${option.placeholder}` : "";
  const repeatable = option.repeatable ? " May be repeated." : "";
  const defaultText = option.default ? ` [default: ${option.default}]` : "";
  return renderTerm(`${short}--${name}${placeholder}`, `${option.help}${repeatable}${defaultText}`);
}

function renderTerm(term: string, what: string): string[] {
  const [first = "", ...rest] = wrap(what, COLUMNS - OPTION_COLUMNS);
  const head = `  ${term}`;
  const indented = rest.map((line) => " ".repeat(OPTION_COLUMNS) + line);
  if (head.length + 2 > OPTION_COLUMNS) {
    return [head, " ".repeat(OPTION_COLUMNS) + first, ...indented];
  }
  return [head.padEnd(OPTION_COLUMNS) + first, ...indented];
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
