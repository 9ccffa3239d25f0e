/** Writes docs/CLI.md. */

import type { Option, OptionTable } from "../option.ts";
import { type Block, CHAPTERS } from "./notes.ts";
import type { CommandPage } from "./page.ts";

const HEAD = `# Command line

<!-- Written from the tables in src/cli by test/cli/guide.test.ts: change those, then run vitest -u. -->

\`mount-s3-ts --help\` says the same at the prompt, and the man page \`mount-s3-ts(1)\` where manuals are read.`;

export function renderMarkdown(pages: readonly CommandPage[]): string {
  const commands = pages.map(renderPage);
  const chapters = CHAPTERS.map(
    ({ title, blocks }) => `## ${title}\n\n${blocks.map(renderBlock).join("\n\n")}`,
  );
  return `${[HEAD, ...commands, ...chapters].join("\n\n")}\n`;
}

function renderPage({ name, table, help }: CommandPage): string {
  const usage = help.usage.split("\n").map((line) => line.trim());
  return [
    `## mount-s3-ts${name === "" ? "" : ` ${name}`}`,
    fenced("sh", usage),
    escaped(help.about),
    ...renderOptions(table),
    fenced(
      "sh",
      help.examples.flatMap(([command, what]) => [`# ${what}`, command]),
    ),
  ].join("\n\n");
}

function renderOptions(table: OptionTable): readonly string[] {
  const groups = new Map<string, string[]>();
  for (const [name, option] of Object.entries(table)) {
    const rows = groups.get(option.group) ?? [];
    rows.push(renderRow(name, option));
    groups.set(option.group, rows);
  }
  return [...groups].map(
    ([group, rows]) =>
      `### ${group}\n\n| flag | meaning | default |\n|---|---|---|\n${rows.join("\n")}`,
  );
}

function renderRow(name: string, option: Option): string {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  const placeholder = option.placeholder === undefined ? "" : ` ${option.placeholder}`;
  const more = [
    ...(option.repeatable ? ["May be repeated."] : []),
    ...(option.requires === undefined ? [] : [`Needs \`--${option.requires}\`.`]),
    ...(option.conflicts?.map((other) => `Not with \`--${other}\`.`) ?? []),
  ];
  const meaning = [escaped(option.help), ...more].join(" ");
  return `| \`${short}--${name}${placeholder}\` | ${meaning} | ${escaped(option.default ?? "")} |`;
}

function renderBlock(block: Block): string {
  if (typeof block === "string") return escaped(block);
  if ("lines" in block) return fenced("", block.lines);
  return block.terms.map(([term, what]) => `- \`${term}\`: ${escaped(what)}`).join("\n");
}

const FENCE = "```";

function fenced(language: string, lines: readonly string[]): string {
  return [`${FENCE}${language}`, ...lines, FENCE].join("\n");
}

/** Words that hold what Markdown would take for its own. */
function escaped(text: string): string {
  return text.replace(/[|*<>`\\]|(?<!\w)_|_(?!\w)/g, "\\$&");
}
