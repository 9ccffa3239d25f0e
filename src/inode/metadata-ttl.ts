/**
 * How long names and attributes are believed. The same numbers go to the kernel and bound what the
 * inode table may answer by itself.
 */

/** As the mount's options have it. */
export type MetadataTtl =
  | { readonly kind: "minimal" }
  | { readonly kind: "seconds"; readonly seconds: number }
  | { readonly kind: "indefinite" };

export interface Lifetimes {
  readonly fileMs: number;
  readonly directoryMs: number;
  /** For how long a name that S3 did not have can be made without asking again. */
  readonly absentMs: number;
  /**
   * Whether more than one system call may be served by one answer of S3: then an open asks nothing
   * while the attributes last. Otherwise each answer serves one open, so that an open behind a close
   * elsewhere sees what was closed.
   */
  readonly caching: boolean;
  /** Whether lookups of a missing name are served by what S3 said before. */
  readonly cachingAbsent: boolean;
}

/** A hundred years: what mount-s3 means by "indefinite". */
export const INDEFINITE_MS = 3_153_600_000_000;

/** As mount-s3: long enough for the requests of one system call. */
const MINIMAL_FILE_MS = 100;
const MINIMAL_DIRECTORY_MS = 1000;

/** `negativeTtl` is for names that do not exist; the same as `ttl` when absent. */
export function lifetimesOf(ttl: MetadataTtl, negativeTtl: MetadataTtl = ttl): Lifetimes {
  return {
    fileMs: cachedMs(ttl) ?? MINIMAL_FILE_MS,
    directoryMs: cachedMs(ttl) ?? MINIMAL_DIRECTORY_MS,
    absentMs: cachedMs(negativeTtl) ?? MINIMAL_FILE_MS,
    caching: cachedMs(ttl) !== undefined,
    cachingAbsent: cachedMs(negativeTtl) !== undefined,
  };
}

/** Undefined where nothing is cached. */
function cachedMs(ttl: MetadataTtl): number | undefined {
  switch (ttl.kind) {
    case "minimal":
      return undefined;
    case "seconds":
      return ttl.seconds === 0 ? undefined : ttl.seconds * 1000;
    case "indefinite":
      return INDEFINITE_MS;
  }
}
