/**
 * Cuts the words of a command line into options and positionals, as a table of options says.
 *
 * Node's own tokenizer does the cutting (loading a parser package costs more time than all the rest of
 * the command line); everything that a person can get wrong is judged here, so that each mistake has
 * its own message.
 */

import { parseArgs } from "node:util";
import { CliError } from "./error.ts";
import { type Option, type OptionTable, type OptionValues, RefusedValue } from "./option.ts";

export interface CommandLine<Table extends OptionTable> {
  readonly positionals: readonly string[];
  readonly values: OptionValues<Table>;
}

type Tokens = NonNullable<ReturnType<typeof tokenize>["tokens"]>;
type OptionToken = Extract<Tokens[number], { kind: "option" }>;

/** Parses `args`, or throws a usage error. `helpCommand` is what shows the options of this table. */
export function parseCommandLine<Table extends OptionTable>(
  table: Table,
  args: readonly string[],
  helpCommand: string,
): CommandLine<Table> {
  const given: Given = { values: {}, names: new Set(), positionals: [] };
  for (const [name, option] of Object.entries(table)) {
    given.values[name] = option.value ? (option.repeatable ? [] : undefined) : false;
  }
  take(table, args, given, helpCommand);
  refuseConflicts(table, given.names);
  refuseIncomplete(table, given.names);
  return { positionals: given.positionals, values: given.values as OptionValues<Table> };
}

/** What has been read so far. */
interface Given {
  readonly values: Record<string, unknown>;
  readonly names: Set<string>;
  readonly positionals: string[];
}

function take(
  table: OptionTable,
  args: readonly string[],
  given: Given,
  helpCommand: string,
): void {
  const { values, names, positionals } = given;
  for (const token of tokenize(table, args).tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;

    const option = Object.hasOwn(table, token.name) ? table[token.name] : undefined;
    if (!option) throw unknownOption(table, token, helpCommand);
    const value = readValue(option, token);
    if (option.expands) take(table, value as readonly string[], given, helpCommand);
    if (option.repeatable) {
      (values[token.name] as unknown[]).push(value);
    } else if (names.has(token.name)) {
      throw new CliError("usage", `option --${token.name} was given twice: keep one of them`);
    } else {
      values[token.name] = value;
    }
    names.add(token.name);
  }
}

function tokenize(table: OptionTable, args: readonly string[]) {
  const options: Record<string, { type: "string" | "boolean"; short?: string; multiple: true }> =
    {};
  for (const [name, { value, short }] of Object.entries(table)) {
    options[name] = { type: value ? "string" : "boolean", ...(short && { short }), multiple: true };
  }
  return parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true });
}

function readValue(option: Option, token: OptionToken): unknown {
  const { rawName, inlineValue } = token;
  // "-l=DIR" means "-l DIR" to mount-s3; Node's tokenizer takes the "=" for a part of the value.
  const isShort = !rawName.startsWith("--");
  const text = isShort && inlineValue ? token.value.replace(/^=/, "") : token.value;
  if (!option.value) {
    if (text === undefined) return true;
    throw new CliError("usage", `option ${rawName} takes no value, but got "${text}": remove it`);
  }
  const looksLikeOption = !inlineValue && !option.expands && /^-./s.test(text ?? "");
  if (text === undefined || looksLikeOption) {
    const found = text === undefined ? "the command line ends" : `"${text}" follows`;
    const remedy = `write ${rawName} ${option.placeholder ?? "VALUE"}`;
    const orInline = text === undefined ? "" : `, or --${token.name}=${text} if that is the value`;
    throw new CliError(
      "usage",
      `option ${rawName} needs a value, but ${found}: ${remedy}${orInline}`,
    );
  }
  try {
    return option.value(text);
  } catch (error) {
    if (!(error instanceof RefusedValue)) throw error;
    throw new CliError("usage", `${rawName} ${JSON.stringify(text)} is refused: ${error.message}`);
  }
}

function refuseConflicts(table: OptionTable, given: ReadonlySet<string>): void {
  for (const name of given) {
    const other = table[name]?.conflicts?.find((conflict) => given.has(conflict));
    if (other === undefined) continue;
    throw new CliError("usage", `--${name} cannot be used with --${other}: remove one of them`);
  }
}

function refuseIncomplete(table: OptionTable, given: ReadonlySet<string>): void {
  for (const name of given) {
    const needed = table[name]?.requires;
    if (needed === undefined || given.has(needed)) continue;
    const placeholder = table[needed]?.placeholder;
    const remedy = placeholder === undefined ? `--${needed}` : `--${needed} ${placeholder}`;
    throw new CliError("usage", `--${name} means nothing without --${needed}: add ${remedy}`);
  }
}

function unknownOption(table: OptionTable, token: OptionToken, helpCommand: string): CliError {
  const nearest = nearestName(Object.keys(table), token.name);
  const hint = nearest === undefined ? "" : `did you mean --${nearest}? `;
  return new CliError(
    "usage",
    `unknown option ${token.rawName}: ${hint}"${helpCommand}" lists the options`,
  );
}

/** The name that is at most two edits, and less than half of the word, away from `word`. */
function nearestName(names: readonly string[], word: string): string | undefined {
  let nearest: string | undefined;
  let fewest = Math.min(3, word.length / 2);
  for (const name of names) {
    const edits = editDistance(name, word);
    if (edits >= fewest) continue;
    nearest = name;
    fewest = edits;
  }
  return nearest;
}

/** Levenshtein distance, row by row. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const substituted = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const inserted = (current[column - 1] ?? 0) + 1;
      const deleted = (previous[column] ?? 0) + 1;
      current.push(Math.min(substituted, inserted, deleted));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
