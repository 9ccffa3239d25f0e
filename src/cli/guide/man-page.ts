/** Writes the man page, mount-s3-ts(1), in the macros of man(7). */

import type { Option, OptionTable } from "../option.ts";
import { type Block, CHAPTERS } from "./notes.ts";
import type { CommandPage } from "./page.ts";

const NAME = "mount-s3-ts";

/** `version` is the package's. */
export function renderManPage(pages: readonly CommandPage[], version: string): string {
  const lines = [
    '.\\" Written from the tables in src/cli of the project.',
    `.TH ${quoted(NAME.toUpperCase())} "1" "" ${quoted(`${NAME} ${version}`)} "User Commands"`,
    // Names of variables and options are not to be broken.
    ".nh",
    ".ad l",
    ".SH NAME",
    `${escaped(NAME)} \\- mount an Amazon S3 bucket as a directory`,
    ".SH SYNOPSIS",
    ...pages
      .flatMap(({ help }) => help.usage.split("\n").map((line) => line.trim()))
      .filter((usage) => !usage.startsWith("mount-s3-ts COMMAND"))
      .flatMap(renderUsage),
  ];
  for (const page of pages) lines.push(...renderPage(page));
  for (const { title, blocks } of CHAPTERS) {
    lines.push(`.SH ${quoted(title.toUpperCase())}`, ...blocks.flatMap(renderBlock));
  }
  lines.push(".SH SEE ALSO", ".BR fusermount3 (1),", ".BR fstab (5),", ".BR mount (8)");
  return `${lines.join("\n")}\n`;
}

function renderUsage(usage: string, index: number): readonly string[] {
  return [...(index === 0 ? [] : [".br"]), escaped(usage)];
}

function renderPage({ name, table, help }: CommandPage): readonly string[] {
  const title = name === "" ? "DESCRIPTION" : `THE COMMAND ${name.toUpperCase()}`;
  return [
    `.SH ${quoted(title)}`,
    escaped(help.about),
    ...renderOptions(table),
    `.SS ${quoted("Examples")}`,
    ...help.examples.flatMap(([command, what]) => [
      ".TP",
      escaped(what),
      ".nf",
      escaped(command),
      ".fi",
    ]),
  ];
}

function renderOptions(table: OptionTable): readonly string[] {
  const groups = new Map<string, string[]>();
  for (const [name, option] of Object.entries(table)) {
    const lines = groups.get(option.group) ?? [];
    lines.push(...renderOption(name, option));
    groups.set(option.group, lines);
  }
  return [...groups].flatMap(([group, lines]) => [`.SS ${quoted(group)}`, ...lines]);
}

function renderOption(name: string, option: Option): readonly string[] {
  const short = option.short === undefined ? "" : `\\fB${escaped(`-${option.short}`)}\\fR, `;
  const placeholder =
    option.placeholder === undefined ? "" : ` \\fI${escaped(option.placeholder)}\\fR`;
  const more = [
    ...(option.repeatable ? [" May be repeated."] : []),
    ...(option.default === undefined ? [] : [` Default: ${option.default}.`]),
  ];
  return [
    ".TP",
    `${short}\\fB${escaped(`--${name}`)}\\fR${placeholder}`,
    escaped(`${option.help}${more.join("")}`),
  ];
}

function renderBlock(block: Block): readonly string[] {
  if (typeof block === "string") return [".PP", escaped(block)];
  if ("lines" in block) return [".PP", ".nf", ".RS 4", ...block.lines.map(escaped), ".RE", ".fi"];
  return block.terms.flatMap(([term, what]) => [".TP", `\\fB${escaped(term)}\\fR`, escaped(what)]);
}

/** Text that roff shows as it is: no escapes, no requests, hyphens that can be copied. */
function escaped(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha")
    .replaceAll("`", "\\(ga")
    .replace(/^\./, "\\&.");
}

function quoted(text: string): string {
  return `"${escaped(text).replaceAll('"', "\\(dq")}"`;
}
