/**
 * What an option is. A command has one table of options, and the table is everything: the parser
 * (command-line.ts), the help (help.ts) and the type of what is parsed all follow from it.
 */

/** One option. Without `value` it is a switch; the key in the table is its long name. */
export interface Option {
  readonly short?: string;
  readonly group: string;
  /** Sentences for the help, without the default. */
  readonly help: string;
  /** What stands for the value in the help, e.g. "DIR". */
  readonly placeholder?: string;
  /** Turns the text into the value, or throws a `RefusedValue`. */
  readonly value?: (text: string) => unknown;
  /** The value is a list of arguments that stand in its place. */
  readonly expands?: true;
  /** May be given several times; the value is then an array. */
  readonly repeatable?: true;
  /** What holds when the option is absent, in words. */
  readonly default?: string;
  /** The only values there are, where the value is one of a few words. */
  readonly choices?: readonly string[];
  /** What the value names, for the completion of a shell. */
  readonly names?: "file" | "directory";
  /** Long names of options that contradict this one. One of the two names the other. */
  readonly conflicts?: readonly string[];
  /** Long name of the option without which this one means nothing. */
  readonly requires?: string;
}

export type OptionTable = Readonly<Record<string, Option>>;

/** The values that a command line gave: `undefined` (or `false`, or no element) where it gave none. */
export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends { value: (text: string) => infer Value }
    ? Table[Name] extends { repeatable: true }
      ? readonly Value[]
      : Value | undefined
    : boolean;
};

/** A value that an option does not take. The message continues "--flag VALUE is refused: ". */
export class RefusedValue extends Error {
  override readonly name = "RefusedValue";
}
