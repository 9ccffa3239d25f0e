/**
 * Options as others than the command line write them, turned into its arguments: the list behind `-o`
 * of mount(8) and /etc/fstab, and the list of mountOptions in a PersistentVolume of Kubernetes.
 *
 *     -o region=eu-west-1,ro,_netdev        ──▶ --region=eu-west-1 --read-only
 *     ["region eu-west-1", "allow-delete"]  ──▶ --region=eu-west-1 --allow-delete
 */

import { RefusedValue } from "./option.ts";

/**
 * What fstab(5) and mount(8) say to themselves, or what is so anyway (devices and set-user-ID programs
 * are never honoured, whatever is asked for).
 */
const IGNORED =
  /^(?:auto|noauto|user|user=.*|nouser|users|group|owner|_netdev|nofail|defaults|rw|exec|dev|nodev|suid|nosuid|async|atime|noatime|relatime|diratime|nodiratime|x-.*|comment=.*|)$/;

/**
 * The arguments that `list`, a value of `-o`, stands for.
 * @throws RefusedValue
 */
export function argumentsOfList(list: string): readonly string[] {
  const options = splitList(list);
  if (options.includes("ro") && options.includes("rw")) {
    throw new RefusedValue('"ro" cannot be combined with "rw": remove one of them');
  }
  return options.flatMap((option) => {
    if (option === "ro") return ["--read-only"];
    if (IGNORED.test(option)) return [];
    if (option.startsWith("-")) {
      const bare = option.replace(/^-+/, "");
      throw new RefusedValue(`options have no dashes before them here: write ${bare}`);
    }
    if (option === "foreground") {
      throw new RefusedValue('"foreground" cannot be asked for here: leave it out');
    }
    if (option === "read-only") throw new RefusedValue('write "ro" instead of "read-only"');
    return argumentOf(option);
  });
}

/**
 * The arguments that the mountOptions of a PersistentVolume stand for. Each is one option, with or
 * without dashes, and its value, if any, behind the first space or "=". What is there twice counts once.
 */
export function argumentsOfMountOptions(options: readonly string[]): readonly string[] {
  return [...new Set(options.map((option) => option.trim()).flatMap(argumentOf))];
}

function argumentOf(option: string): readonly string[] {
  if (option === "") return [];
  const [, name = "", value] = /^([^\s=]*)(?:(?:\s+|=)(.*))?$/s.exec(option) ?? [];
  const dashed = name.startsWith("-") ? name : `--${name}`;
  return [value === undefined ? dashed : `${dashed}=${value}`];
}

/** Cuts at commas. A backslash stands before a comma, a backslash or a quotation mark that is meant. */
function splitList(list: string): readonly string[] {
  const options: string[] = [""];
  const characters = [...list];
  for (let index = 0; index < characters.length; index++) {
    let character = characters[index] ?? "";
    if (character === ",") {
      options.push("");
      continue;
    }
    if (character === '"') {
      throw new RefusedValue(
        `unexpected " at index ${index}: write \\" if a quotation mark is meant`,
      );
    }
    if (character === "\\") character = escapedAt(characters, ++index);
    options[options.length - 1] += character;
  }
  return options;
}

function escapedAt(characters: readonly string[], index: number): string {
  const character = characters[index];
  if (character === undefined) {
    throw new RefusedValue("unexpected end behind a backslash: write two if a backslash is meant");
  }
  if (',"\\'.includes(character)) return character;
  throw new RefusedValue(
    `unexpected character behind a backslash, "${character}" at index ${index}: only a comma, a backslash and a quotation mark can stand there`,
  );
}
