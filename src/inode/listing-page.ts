/**
 * One page of a directory's listing: its names in the order of keys, a directory's ending in "/".
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */

import type { CancelSignal } from "../base/cancellation.ts";
import type { ListPage, ObjectInfo } from "../s3/index.ts";
import { compareKeys, isValidName } from "./name.ts";
import type { Store } from "./question.ts";

const SLASH = 0x2f;
/** The most that S3 returns in one page. */
const PAGE_KEYS_MAX = 1000;

export interface Page {
  readonly objects: readonly ObjectInfo[];
  /** Of the objects. */
  readonly names: readonly string[];
  /** Names with their "/". */
  readonly directories: readonly string[];
  readonly directorySet: ReadonlySet<string>;
  /** Up to here, as keys are ordered, everything is in this page or before it. */
  readonly last: string;
  /** Whether nothing comes behind it. */
  readonly isLast: boolean;
  /** With which S3 goes on behind it. */
  readonly nextToken: string | undefined;
  /** The count of local changes when it was asked for: later ones are not in it. */
  readonly change: number;
  readonly arrivedAtMs: number;
}

/** Where a page begins. */
export interface Place {
  /** What the page before gave; where there is none, the page begins behind the name. */
  readonly token?: string | undefined;
  /** All names up to this one come before. "" at the beginning. */
  readonly behind: string;
}

export interface PageRequest extends Place {
  /** "" or ending in "/". */
  readonly prefix: string;
  /** As many as S3 returns when absent. */
  readonly keysMax?: number | undefined;
}

export interface PageSource {
  readonly store: Store;
  readonly changeCount: () => number;
  readonly now: () => number;
  /** Told of every key that cannot be shown. */
  readonly onInvalidName: (key: string) => void;
}

interface PageContext {
  readonly prefix: string;
  readonly behind: string;
  readonly change: number;
  readonly nowMs: number;
  readonly onInvalidName: (key: string) => void;
}

/** One LIST. */
export async function askForPage(
  { changeCount, now, onInvalidName, store }: PageSource,
  { behind, keysMax = PAGE_KEYS_MAX, prefix, token }: PageRequest,
  signal: CancelSignal,
): Promise<Page> {
  const change = changeCount();
  const request = {
    prefix,
    delimiter: "/",
    maxKeys: keysMax,
    ...(token !== undefined && { continuationToken: token }),
    ...(token === undefined && behind !== "" && { startAfter: prefix + behind }),
  } as const;
  const answer = await store.list(request, signal);
  return readPage(answer, { prefix, behind, change, nowMs: now(), onInvalidName });
}

function readPage(answer: ListPage, context: PageContext): Page {
  const { prefix } = context;
  const objects: ObjectInfo[] = [];
  const names: string[] = [];
  for (const object of answer.objects) {
    const { key } = object;
    // The marker of the directory itself.
    if (key === prefix) continue;
    const name = key.slice(prefix.length);
    if (key.startsWith(prefix) && isValidName(name)) {
      objects.push(object);
      names.push(name);
    } else {
      context.onInvalidName(key);
    }
  }
  const directories: string[] = [];
  for (const commonPrefix of answer.commonPrefixes) {
    const isListed = commonPrefix.startsWith(prefix) && commonPrefix.endsWith("/");
    if (isListed && isValidName(commonPrefix.slice(prefix.length, -1))) {
      directories.push(commonPrefix.slice(prefix.length));
    } else {
      context.onInvalidName(commonPrefix);
    }
  }
  return {
    objects,
    names,
    directories,
    directorySet: new Set(directories),
    last: greatest(names.at(-1) ?? "", directories.at(-1) ?? "", context.behind),
    isLast: answer.continuationToken === undefined,
    nextToken: answer.continuationToken,
    change: context.change,
    arrivedAtMs: context.nowMs,
  };
}

/** Whether the directory `name/` would come behind the end of this page. */
export function isInDoubt(name: string, page: Page): boolean {
  if (page.isLast || !page.last.startsWith(name)) return false;
  return page.last.length === name.length || page.last.charCodeAt(name.length) < SLASH;
}

/**
 * Whether the page is what was asked for, and in the order of keys; some servers ignore where to
 * start, or know no order.
 */
export function isInOrder({ names, directories }: Page, behind: string): boolean {
  return isAscending(names, behind) && isAscending(directories, behind);
}

function isAscending(names: readonly string[], behind: string): boolean {
  let before = behind;
  for (const name of names) {
    if (compareKeys(name, before) <= 0) return false;
    before = name;
  }
  return true;
}

/** What of an ordered page comes up to the name `to`; not the last of the directory. */
export function pageUpTo(page: Page, to: string): Page {
  const parts = partsOf(page, (name) => compareKeys(name, to) <= 0);
  return { ...page, ...parts, last: to, isLast: false };
}

/** The rest of it. */
export function pageBehind(page: Page, to: string): Page {
  return { ...page, ...partsOf(page, (name) => compareKeys(name, to) > 0) };
}

export function nameCount({ objects, directories }: Page): number {
  return objects.length + directories.length;
}

function partsOf({ directories, names, objects }: Page, isInside: (name: string) => boolean) {
  const inside = directories.filter(isInside);
  return {
    objects: objects.filter((_, index) => isInside(names[index] ?? "")),
    names: names.filter(isInside),
    directories: inside,
    directorySet: new Set(inside),
  };
}

function greatest(first: string, ...others: readonly string[]): string {
  let found = first;
  for (const name of others) if (compareKeys(name, found) > 0) found = name;
  return found;
}
