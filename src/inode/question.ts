/**
 * What is behind a name? Two requests at once: a HEAD finds an object, a LIST finds a directory. A
 * directory hides an object of the same name, so its answer need not wait for the HEAD.
 */

import { type ObjectClient, type ObjectInfo, S3Error } from "../s3/index.ts";
import { exceedsBytes, KEY_BYTES_MAX } from "./name.ts";

/** What the inode layer asks of the object store. */
export type Store = Pick<ObjectClient, "head" | "list" | "delete">;

/** What a directory bucket (S3 Express One Zone) has, and no other. Its listings have no order. */
export type DirectoryBucket = Pick<ObjectClient, "rename">;

export type Answer =
  | { readonly kind: "directory" }
  | { readonly kind: "file"; readonly object: ObjectInfo }
  | { readonly kind: "nothing" };

const DIRECTORY: Answer = { kind: "directory" };
const NOTHING: Answer = { kind: "nothing" };

/** One HEAD and one LIST. */
export async function askForName(store: Store, key: string): Promise<Answer> {
  const file = askForFile(store, key);
  // Behind a directory's answer nobody waits for the HEAD any more, and its failure says nothing.
  file.catch(() => {});
  return (await askForDirectory(store, `${key}/`)) ? DIRECTORY : await file;
}

/** One HEAD. */
export async function askForFile(store: Store, key: string): Promise<Answer> {
  try {
    return { kind: "file", object: await store.head(key) };
  } catch (error) {
    if (error instanceof S3Error && error.kind === "not-found") return NOTHING;
    throw error;
  }
}

/** One LIST: whether any key begins with `prefix`. */
export async function askForDirectory(store: Store, prefix: string): Promise<boolean> {
  // A key of such a prefix would itself be too long.
  if (exceedsBytes(prefix, KEY_BYTES_MAX)) return false;
  const page = await store.list({ prefix, delimiter: "/", maxKeys: 1 });
  return page.objects.length > 0 || page.commonPrefixes.length > 0;
}

/** One LIST: whether a key begins with `prefix`, of whatever is stored and not just being uploaded. */
export async function isStored(store: Store, prefix: string): Promise<boolean> {
  return (await askForContent(store, prefix)) !== "nothing";
}

/**
 * One LIST of a directory that should be empty. A "marker" is an empty object of the directory's own
 * name; one with content, which nobody can see in the mount, is more than that.
 */
export async function askForContent(
  store: Store,
  prefix: string,
): Promise<"nothing" | "marker" | "more"> {
  const { objects, continuationToken } = await store.list({ prefix, maxKeys: 2 });
  // A page may hold less than was asked for.
  const isMore = continuationToken !== undefined;
  if (isMore || objects.some(({ key, sizeBytes }) => key !== prefix || sizeBytes > 0))
    return "more";
  return objects.length === 0 ? "nothing" : "marker";
}
