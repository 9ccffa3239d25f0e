/** Numbers and URLs that the environment's variables may set. */

import { MountError } from "./error.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The whole number in the variable `name`, which is from `min` to `max`; undefined when it is not set.
 * @throws MountError
 */
export function numberFrom(
  environment: Environment,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const text = environment[name];
  if (text === undefined || text === "") return undefined;
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new MountError(
    `${name} is "${text}": it must be a whole number from ${min} to ${max}: correct the variable or unset it`,
  );
}

/**
 * The URL that the first of `names` holds which is set; undefined when none is.
 * @throws MountError for what is no URL
 */
export function urlFrom(environment: Environment, ...names: readonly string[]): string | undefined {
  const name = names.find((each) => environment[each]);
  const text = name && environment[name];
  if (text === undefined || text === "") return undefined;
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) return text;
  throw new MountError(
    `${name} is "${text}": it must be a URL such as https://s3.example.com or http://127.0.0.1:9000: correct the variable or unset it`,
  );
}
