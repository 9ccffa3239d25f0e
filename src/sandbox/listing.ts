/**
 * One page of a listing, the same for both versions of ListObjects:
 * keys behind a marker, those that share a prefix up to the delimiter rolled into one. A common prefix
 * costs one binary search however many keys it stands for.
 */

import { compareKeys, type SortedKeys } from "./sorted-keys.ts";

export interface PageRequest {
  readonly prefix: string;
  /** "" for none. */
  readonly delimiter: string;
  /** Only keys behind it, and not this common prefix; "" for the beginning. */
  readonly after: string;
  /** Keys and common prefixes together. */
  readonly entriesMax: number;
}

export interface Page {
  readonly keys: readonly string[];
  readonly commonPrefixes: readonly string[];
  /** The last entry, where there are more: the next page's `after`. */
  readonly next: string | undefined;
}

export function listPage(sorted: SortedKeys, request: PageRequest): Page {
  const { prefix, delimiter, after, entriesMax } = request;
  const keys: string[] = [];
  const commonPrefixes: string[] = [];
  let last: string | undefined;
  let index = sorted.firstIndex(
    (key) => compareKeys(key, prefix) >= 0 && (after === "" || compareKeys(key, after) > 0),
  );
  // A page that ended with a common prefix goes on behind all keys that it stands for.
  if (delimiter !== "" && after.length > prefix.length && after.endsWith(delimiter)) {
    if (commonPrefixOf(after, prefix, delimiter) === after)
      index = indexBehind(sorted, after, index);
  }
  // S3 answers a question for no entries with an end, not with more to come.
  if (entriesMax === 0) return { keys, commonPrefixes, next: undefined };
  for (let key = sorted.at(index); key?.startsWith(prefix); key = sorted.at(index)) {
    if (keys.length + commonPrefixes.length === entriesMax)
      return { keys, commonPrefixes, next: last };
    const commonPrefix = commonPrefixOf(key, prefix, delimiter);
    if (commonPrefix === undefined) {
      keys.push(key);
      last = key;
      index++;
    } else {
      commonPrefixes.push(commonPrefix);
      last = commonPrefix;
      index = indexBehind(sorted, commonPrefix, index);
    }
  }
  return { keys, commonPrefixes, next: undefined };
}

/** The common prefix that stands for `key`, up to and with the delimiter behind the prefix. */
export function commonPrefixOf(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === "" || !key.startsWith(prefix)) return undefined;
  const end = key.indexOf(delimiter, prefix.length);
  return end === -1 ? undefined : key.slice(0, end + delimiter.length);
}

/** Behind all keys that begin with `commonPrefix`. */
function indexBehind(sorted: SortedKeys, commonPrefix: string, start: number): number {
  return sorted.firstIndex(
    (key) => !key.startsWith(commonPrefix) && compareKeys(key, commonPrefix) > 0,
    start,
  );
}
