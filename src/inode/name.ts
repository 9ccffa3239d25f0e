/**
 * Names and keys: what may be a file's name, and the order in which S3 lists keys. A key is the
 * prefix of its directory ("" or ending in "/") followed by one name.
 */

import { InodeError } from "./error.ts";

/** NAME_MAX of include/uapi/linux/limits.h, in bytes. */
const NAME_BYTES_MAX = 255;
const SPACE = 0x20;
const SLASH = 0x2f;
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html, in bytes of UTF-8. */
export const KEY_BYTES_MAX = 1024;

/** Whether an object of this name, inside a directory, can be a file or directory of its own. */
export function isValidName(name: string): boolean {
  return (
    name !== "" &&
    name !== "." &&
    name !== ".." &&
    !name.includes("/") &&
    !name.includes("\0") &&
    !exceedsBytes(name, NAME_BYTES_MAX)
  );
}

/** Throws unless `name` may stand in the directory with this prefix. Costs no request. */
export function checkName(prefix: string, name: string): void {
  if (exceedsBytes(name, NAME_BYTES_MAX)) {
    const byteCount = Buffer.byteLength(name);
    throw new InodeError(
      "name-too-long",
      `the name has ${byteCount} bytes, and a name can have at most ${NAME_BYTES_MAX}`,
    );
  }
  if (!isValidName(name)) {
    throw new InodeError("invalid-name", `${JSON.stringify(name)} cannot be the name of a file`);
  }
  const key = prefix + name;
  if (exceedsBytes(key, KEY_BYTES_MAX)) {
    throw new InodeError(
      "name-too-long",
      `the key has ${Buffer.byteLength(key)} bytes, and S3 allows at most ${KEY_BYTES_MAX}`,
    );
  }
}

/** Whether `text` has more than `bytesMax` bytes of UTF-8; at most three per UTF-16 unit. */
export function exceedsBytes(text: string, bytesMax: number): boolean {
  if (text.length * 3 <= bytesMax) return false;
  return text.length > bytesMax || Buffer.byteLength(text) > bytesMax;
}

/** Negative, zero or positive as `a` sorts before, with or behind `b` in UTF-8, as S3 lists keys. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return utf8Rank(left) - utf8Rank(right);
  }
  return a.length - b.length;
}

/**
 * A name that sorts before `name`, with little between them: behind it, a listing comes to `name` at
 * once. "" when there is none. Without "/", which would be a place inside a directory.
 */
export function nameBefore(name: string): string {
  const characters = [...name];
  const last = characters.pop()?.codePointAt(0) ?? 0;
  const rest = characters.join("");
  if (last <= SPACE) return rest;
  let before = last - 1;
  if (before === SLASH) before -= 1;
  // What UTF-8 cannot hold.
  if (before >= 0xd800 && before <= 0xdfff) before = 0xd7ff;
  // Most of what goes on behind that character sorts before "~".
  return `${rest}${String.fromCodePoint(before)}~`;
}

/** UTF-16 puts surrogates (of U+10000 and above) before U+E000…U+FFFF, UTF-8 behind them. */
function utf8Rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}
