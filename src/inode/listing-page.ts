/**
 * One page of a directory's listing: its names in the order of keys, a directory's ending in "/".
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */

import type { ListPage, ObjectInfo } from "../s3/index.ts";
import { compareKeys, isValidName } from "./name.ts";

const SLASH = 0x2f;

export interface Page {
  readonly objects: readonly ObjectInfo[];
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

export interface PageContext {
  /** "" or ending in "/". */
  readonly prefix: string;
  /** The name behind which the page begins; "" for the beginning. */
  readonly behind: string;
  readonly change: number;
  readonly nowMs: number;
  /** Told of every key that cannot be shown. */
  readonly onInvalidName: (key: string) => void;
}

export function readPage(answer: ListPage, context: PageContext): Page {
  const { prefix } = context;
  const objects = answer.objects.filter(({ key }) => {
    // The marker of the directory itself.
    if (key === prefix) return false;
    if (key.startsWith(prefix) && isValidName(key.slice(prefix.length))) return true;
    context.onInvalidName(key);
    return false;
  });
  const directories: string[] = [];
  for (const commonPrefix of answer.commonPrefixes) {
    const isListed = commonPrefix.startsWith(prefix) && commonPrefix.endsWith("/");
    if (isListed && isValidName(commonPrefix.slice(prefix.length, -1))) {
      directories.push(commonPrefix.slice(prefix.length));
    } else {
      context.onInvalidName(commonPrefix);
    }
  }
  const lastObject = objects.at(-1)?.key.slice(prefix.length) ?? "";
  return {
    objects,
    directories,
    directorySet: new Set(directories),
    last: greatest(lastObject, directories.at(-1) ?? "", context.behind),
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
export function isInOrder({ objects, directories }: Page, prefix: string, behind: string): boolean {
  let before = behind;
  for (const { key } of objects) {
    const name = key.slice(prefix.length);
    if (compareKeys(name, before) <= 0) return false;
    before = name;
  }
  before = behind;
  for (const directory of directories) {
    if (compareKeys(directory, before) <= 0) return false;
    before = directory;
  }
  return true;
}

/** What of an ordered page comes up to the name `to`; not the last of the directory. */
export function pageUpTo(page: Page, prefix: string, to: string): Page {
  const isUpTo = (name: string): boolean => compareKeys(name, to) <= 0;
  const objects = page.objects.filter(({ key }) => isUpTo(key.slice(prefix.length)));
  const directories = page.directories.filter(isUpTo);
  return { ...page, ...namesOf(objects, directories), last: to, isLast: false };
}

/** The rest of it. */
export function pageBehind(page: Page, prefix: string, to: string): Page {
  const isBehind = (name: string): boolean => compareKeys(name, to) > 0;
  const objects = page.objects.filter(({ key }) => isBehind(key.slice(prefix.length)));
  return { ...page, ...namesOf(objects, page.directories.filter(isBehind)) };
}

export function nameCount({ objects, directories }: Page): number {
  return objects.length + directories.length;
}

function namesOf(objects: readonly ObjectInfo[], directories: readonly string[]) {
  return { objects, directories, directorySet: new Set(directories) };
}

function greatest(first: string, ...others: readonly string[]): string {
  let found = first;
  for (const name of others) if (compareKeys(name, found) > 0) found = name;
  return found;
}
