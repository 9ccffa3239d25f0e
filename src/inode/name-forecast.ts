/**
 * Guesses how the names of a large directory go on, from some of them, so that pages far behind it
 * can be asked for at once. Most such names are numbered or hashed: with the characters that vary read
 * as the digits of a number, they are spread evenly.
 *
 * ```
 *   file-0004000.txt … file-0004999.txt      digits 0-9, one step per name
 *        ───┬───
 *           four thousand names on: file-0008999.txt
 * ```
 *
 * A wrong guess costs requests, never names: wherever a page begins, what it holds is in the directory.
 */

/** In the order of their codes. */
const DIGITS = "0123456789";
const UPPER_HEXADECIMAL = "ABCDEF";
const UPPER = "GHIJKLMNOPQRSTUVWXYZ";
const LOWER_HEXADECIMAL = "abcdef";
const LOWER = "ghijklmnopqrstuvwxyz";
/** So many digits to the left of those that vary in one page may change behind it. */
const CARRY_DIGITS = 3;

export class NameForecast {
  readonly #alphabet: string;
  /** Where the digits are in `#last`, the most significant first. */
  readonly #positions: readonly number[];
  readonly #last: string;
  /** Of the last name. */
  readonly #value: number;
  /** From one name to the next. */
  readonly #step: number;

  private constructor(names: readonly string[], total: number, varying: Varying) {
    this.#alphabet = varying.alphabet;
    this.#positions = varying.positions;
    this.#last = names.at(-1) ?? "";
    this.#value = this.#valueOf(this.#last);
    this.#step = (this.#value - this.#valueOf(names[0] ?? "")) / (total - 1);
  }

  /**
   * From some of `total` names in the order of their keys, the first and the last among them. Undefined
   * when nothing can be made of them.
   */
  static from(names: readonly string[], total: number): NameForecast | undefined {
    const varying = varyingIn(names);
    if (varying.alphabet.length < 2 || varying.positions.length === 0) return undefined;
    const forecast = new NameForecast(names, total, varying);
    return forecast.#step > 0 ? forecast : undefined;
  }

  /** Whether no number is left out, so that forecasts are exact. */
  get isNumbered(): boolean {
    return this.#step === 1;
  }

  /** The name to which it should be `count` names from the last one. Undefined behind the greatest. */
  ahead(count: number): string | undefined {
    let rest = Math.round(this.#value + this.#step * count);
    if (rest <= this.#value) return undefined;
    const units = this.#last.split("");
    const radix = this.#alphabet.length;
    for (const position of this.#positions.toReversed()) {
      units[position] = this.#alphabet[rest % radix] ?? "";
      rest = Math.floor(rest / radix);
    }
    return rest === 0 ? units.join("") : undefined;
  }

  #valueOf(name: string): number {
    let value = 0;
    for (const position of this.#positions) {
      const digit = this.#alphabet.indexOf(name[position] ?? "/");
      value = value * this.#alphabet.length + Math.max(0, digit);
    }
    return value;
  }
}

interface Varying {
  readonly alphabet: string;
  readonly positions: readonly number[];
}

function varyingIn(names: readonly string[]): Varying {
  const first = names[0] ?? "";
  const last = names.at(-1) ?? "";
  let from = 0;
  while (from < first.length && first[from] === last[from]) from++;
  let to = from;
  const seen = new Set<string>();
  for (const name of names) {
    for (let at = from; at < Math.min(name.length, last.length); at++) {
      if (name[at] === last[at]) continue;
      seen.add(name[at] ?? "").add(last[at] ?? "");
      to = Math.max(to, at + 1);
    }
  }
  const alphabet = alphabetOf(seen);
  const isDigit = (at: number): boolean => alphabet.includes(last[at] ?? "/");
  const fixed = from;
  while (from > 0 && fixed - from < CARRY_DIGITS && isDigit(from - 1)) from--;
  const digitsMax = Math.floor(Math.log(2 ** 52) / Math.log(Math.max(2, alphabet.length)));
  const positions: number[] = [];
  for (let at = from; at < to && positions.length < digitsMax; at++) {
    if (isDigit(at)) positions.push(at);
  }
  return { alphabet, positions };
}

/** What was seen, and the characters akin to it. */
function alphabetOf(seen: ReadonlySet<string>): string {
  const has = (characters: string): boolean => [...characters].some((each) => seen.has(each));
  const upper = has(UPPER) ? UPPER_HEXADECIMAL + UPPER : UPPER_HEXADECIMAL;
  const lower = has(LOWER) ? LOWER_HEXADECIMAL + LOWER : LOWER_HEXADECIMAL;
  return [DIGITS, upper, lower].filter(has).join("");
}
