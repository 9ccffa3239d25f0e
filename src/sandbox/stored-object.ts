/** An object as the endpoint keeps it: never changed, only replaced. */

import type { StoredChecksum } from "./checksum.ts";
import type { Content } from "./content.ts";

/** A copy of an archived object that can be read for a time. */
export interface Restoration {
  readonly readyAtMs: number;
  readonly expiresAtMs: number;
}

export interface StoredObject {
  readonly key: string;
  readonly content: Content;
  /** With its quotes. */
  readonly etag: string;
  /** Whole seconds, since HTTP dates have no more. */
  readonly lastModifiedMs: number;
  readonly storageClass: string;
  /** The headers of the upload that come back with the object: Content-Type, x-amz-meta-* and such. */
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum: StoredChecksum | undefined;
  /** How many it was made of, by a multipart upload or by appending; 1 when absent. */
  readonly partCount?: number;
  /** The last one that was asked for. */
  readonly restoration?: Restoration;
}

/** The time for an object that is stored now. */
export function storedNowMs(): number {
  return Math.floor(Date.now() / 1000) * 1000;
}
