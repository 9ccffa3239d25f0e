/**
 * What stands behind `-o`, turned into arguments of the command line: a list as mount(8) and /etc/fstab
 * write it, or an entry of the mountOptions in a PersistentVolume of Kubernetes.
 *
 *     -o region=eu-west-1,ro,_netdev  ──▶ --region=eu-west-1 --read-only
 *     -o "--region eu-west-1"         ──▶ --region=eu-west-1
 */

import { RefusedValue } from "./option.ts";

/**
 * What fstab(5) and mount(8) say to themselves, or what is so anyway (devices and set-user-ID programs
 * are never honoured, whatever is asked for).
 */
const IGNORED =
  /^(?:auto|noauto|user|user=.*|nouser|users|group|owner|_netdev|nofail|defaults|rw|exec|dev|nodev|suid|nosuid|async|atime|noatime|relatime|diratime|nodiratime|x-.*|comment=.*|)$/;

const FOREGROUND = /^-*(?:f|foreground)$/;

/**
 * The arguments that `list`, a value of `-o`, stands for. Only an entry of mountOptions, which is one
 * option, has dashes.
 * @throws RefusedValue
 */
export function argumentsOfList(list: string): readonly string[] {
  // A space behind a comma, as people write lists.
  const options = splitList(list).map((option) => option.trimStart());
  if (options.includes("ro") && options.includes("rw")) {
    throw new RefusedValue('"ro" cannot be combined with "rw": remove one of them');
  }
  return options.flatMap((option) => {
    if (option === "ro") return ["--read-only"];
    if (IGNORED.test(option)) return [];
    if (FOREGROUND.test(option)) {
      throw new RefusedValue(`"${option}" cannot be asked for here: leave it out`);
    }
    if (option.startsWith("-") && options.length > 1) {
      const bare = option.replace(/^-+/, "");
      throw new RefusedValue(`options have no dashes before them here: write ${bare}`);
    }
    if (option === "read-only") throw new RefusedValue('write "ro" instead of "read-only"');
    return argumentOf(option);
  });
}

/** The value, if any, is behind the first space or "=". */
function argumentOf(option: string): readonly string[] {
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
