/** What a tree of names is made with. */

import type { Log } from "../base/log.ts";
import type { DirectoryInode } from "./inode.ts";
import type { MetadataTtl } from "./metadata-ttl.ts";
import type { DirectoryBucket, Store } from "./question.ts";

export interface SuperblockOptions {
  readonly store: Store;
  /** Present where the bucket is one. */
  readonly directoryBucket?: DirectoryBucket | undefined;
  /** "" or ending in "/": what every key of the mount begins with. */
  readonly prefix: string;
  readonly ttl: MetadataTtl;
  /** For names that do not exist; as `ttl` when absent. */
  readonly negativeTtl?: MetadataTtl | undefined;
  /** Whether directories may be listed before anybody opens them. */
  readonly listsAhead?: boolean;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told of each name that S3 has, although the kernel may still believe that it is missing, or a file. */
  readonly onFound?: (parent: DirectoryInode, name: string) => void;
}
