/**
 * A directory bucket (S3 Express One Zone) in memory: it renames, and its listings have no order, tell
 * names twice, and tell the prefixes of what is being uploaded.
 */

import { createHash } from "node:crypto";
import type { ListPage, ListRequest, ObjectInfo, RenameRequest } from "../../src/s3/index.ts";
import { MemoryBucket } from "./memory-bucket.ts";

export class MemoryDirectoryBucket extends MemoryBucket {
  async rename({ from, to, ifNoneMatch }: RenameRequest): Promise<void> {
    await this.begin("rename", to);
    const { bytes, info } = this.find("rename", from);
    if (ifNoneMatch !== undefined && this.objects.has(to)) {
      throw this.error("precondition-failed", "rename", to);
    }
    this.remove(from);
    this.store(to, bytes, { etag: info.etag, lastModifiedMs: info.lastModifiedMs });
  }

  /** A page covers as many keys as it may have entries; but for a page of one, it repeats the last. */
  protected override page(request: ListRequest): ListPage {
    const { prefix, delimiter, startAfter, continuationToken = "" } = request;
    if (startAfter !== undefined || (prefix !== "" && !prefix.endsWith("/"))) {
      throw this.error("rejected", "list", prefix);
    }
    const keysMax = Math.min(request.maxKeys ?? 1000, this.pageKeysMax);
    const keys = this.#keysBelow(prefix, delimiter);
    const isCovered = ({ place }: Placed): boolean => place <= continuationToken;
    const covered = keys.filter(isCovered);
    const again = keysMax > 1 ? covered.slice(-1) : [];
    const left = keys.slice(covered.length);
    const page = [...again, ...left.slice(0, keysMax - again.length)];
    const objects: ObjectInfo[] = [];
    const commonPrefixes = new Set<string>();
    for (const { key } of page) {
      const end = endOf(key, prefix, delimiter);
      if (end === -1) objects.push(this.find("list", key).info);
      else commonPrefixes.add(key.slice(0, end + 1));
    }
    const isLast = left.length <= keysMax - again.length;
    const next = isLast ? undefined : page.at(-1)?.place;
    return { objects, commonPrefixes: [...commonPrefixes], continuationToken: next };
  }

  #keysBelow(prefix: string, delimiter: "/" | undefined): readonly Placed[] {
    const uploads = [...this.uploading].filter((key) => endOf(key, prefix, delimiter) !== -1);
    return [...new Set([...this.objects.keys(), ...uploads])]
      .filter((key) => key.startsWith(prefix))
      .map((key) => ({ key, place: createHash("md5").update(key).digest("hex") }))
      .sort((one, other) => (one.place < other.place ? -1 : 1));
  }
}

interface Placed {
  readonly key: string;
  /** Where it is in listings. */
  readonly place: string;
}

/** Where the common prefix of `key` ends; -1 where it has none. */
function endOf(key: string, prefix: string, delimiter: "/" | undefined): number {
  return delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
}
