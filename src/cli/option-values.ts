/**
 * The kinds of value that options take: each function turns the text of a command line into a value
 * or throws a `RefusedValue` whose message says what would be accepted.
 */

import { GIB, KIB, MIB } from "../base/sizes.ts";
import type { MetadataTtl } from "../mount/index.ts";
import { RefusedValue } from "./option.ts";

/** What S3 accepts for a part of a multipart upload (all but the last one). */
const PART_BYTES_MIN = 5 * MIB;
const PART_BYTES_MAX = 5 * GIB;

/** A hundred years: mount-s3's limit, and what it takes "indefinite" to mean. */
const TTL_SECONDS_MAX = 3_153_600_000;

const U32_MAX = 0xffff_ffff;

export function text(given: string): string {
  if (given === "") throw new RefusedValue("it is empty: name a value, or leave the option out");
  return given;
}

/** One of a few words: an option's `value` and `choices`. */
export function choice<Word extends string>(...words: readonly Word[]) {
  const value = (given: string): Word => {
    const found = words.find((word) => word === given);
    if (found !== undefined) return found;
    throw new RefusedValue(`it must be one of ${words.join(", ")}`);
  };
  return { value, choices: words };
}

/** Decimal digits, with a plus sign at most before them, as mount-s3 reads numbers; else NaN. */
function decimal(given: string): number {
  return /^\+?\d+$/.test(given) ? Number(given) : Number.NaN;
}

/** A whole number from `min` to `max`; `unit` is for the message, e.g. "seconds", or "". */
export function wholeNumber(
  unit: string,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): (given: string) => number {
  return (given) => {
    const number = decimal(given);
    if (number >= min && number <= max) return number;
    const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `from ${min} to ${max}`;
    throw new RefusedValue(`it must be a whole number${unit && ` of ${unit}`}, ${range}`);
  };
}

/** A user or group id. */
export const userId = wholeNumber("", 1, U32_MAX);
export const groupId = wholeNumber("", 1, U32_MAX);

/** Permission bits in octal, at most 0777. */
export function mode(given: string): number {
  if (!/^\+?[0-7]+$/.test(given))
    throw new RefusedValue("it must be a valid octal number, e.g. 0755");
  const bits = Number.parseInt(given, 8);
  if (bits > 0o777) {
    throw new RefusedValue("only user/group/other permissions are supported, 0777 at most");
  }
  return bits;
}

/** The size of a part in bytes. A suffix is refused, as mount-s3 does, with the number it stands for. */
export function partSize(given: string): number {
  const [, digits, suffix] = /^(\d+)\s*([kmg])(?:i?b)?$/i.exec(given) ?? [];
  if (digits !== undefined && suffix !== undefined) {
    const unit = { k: KIB, m: MIB, g: GIB }[suffix.toLowerCase()] ?? 1;
    throw new RefusedValue(`a part size is a number of bytes: write ${Number(digits) * unit}`);
  }
  const bytes = decimal(given);
  if (bytes >= PART_BYTES_MIN && bytes <= PART_BYTES_MAX) return bytes;
  throw new RefusedValue(
    `a part size is a number of bytes from 5 MiB to 5 GiB (${PART_BYTES_MIN} to ${PART_BYTES_MAX})`,
  );
}

export function metadataTtl(given: string): MetadataTtl {
  if (given === "minimal" || given === "indefinite") return { kind: given };
  const seconds = decimal(given);
  if (!(seconds <= TTL_SECONDS_MAX)) {
    throw new RefusedValue(
      `it must be a number of seconds (${TTL_SECONDS_MAX} at most), "minimal" or "indefinite"`,
    );
  }
  return { kind: "seconds", seconds };
}

/** A name as S3 has ever allowed it, older buckets included. */
export function bucketName(given: string): string {
  if (given.length < 3 || given.length > 255) {
    throw new RefusedValue(`it has ${given.length} characters, and names have 3 to 255`);
  }
  if (!/^[0-9a-zA-Z\-._]+$/.test(given)) {
    throw new RefusedValue('names have letters, digits, "-", "." and "_" only');
  }
  return given;
}

/** The ARN of a key of KMS. Its id or an alias would do for S3, but not for comparing what S3 answers. */
export function kmsKeyArn(given: string): string {
  if (given.startsWith("arn:") && given.includes(":key")) return given;
  throw new RefusedValue(
    "it must be the ARN of a key, such as arn:aws:kms:REGION:ACCOUNT:key/ID; a key's id or alias is not taken",
  );
}

/** What may stand in a header of HTTP; nothing, which adds nothing, too. */
export function headerText(given: string): string {
  if (/^[\x20-\x7e]*$/.test(given)) return given;
  throw new RefusedValue("it becomes a part of an HTTP header, which takes ASCII only");
}

/** An http or https URL without credentials or query. */
export function endpointUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new RefusedValue(
      "it must be a URL such as https://s3.example.com or http://127.0.0.1:9000",
    );
  }
  if (url.username !== "" || url.search !== "" || url.hash !== "") {
    throw new RefusedValue("it must be a plain URL, without user name, query or fragment");
  }
  return given;
}

/** A prefix of keys, which names a directory; "" stands for the whole bucket, as with mount-s3. */
export function prefix(given: string): string {
  if (given === "" || given.endsWith("/")) return given;
  throw new RefusedValue(`a prefix must end with "/": write ${given}/`);
}
