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
  /**
   * Whether more than one system call may be served by one answer of S3: then a missing name is
   * remembered, and an open asks nothing while the attributes last. Otherwise each answer serves
   * one open, so that an open behind a close elsewhere sees what was closed.
   */
  readonly caching: boolean;
}

/** A hundred years: what mount-s3 means by "indefinite". */
const INDEFINITE_MS = 3_153_600_000_000;

export function lifetimesOf(ttl: MetadataTtl): Lifetimes {
  switch (ttl.kind) {
    case "minimal":
      return { fileMs: 100, directoryMs: 1000, caching: false };
    case "seconds": {
      const ms = ttl.seconds * 1000;
      return { fileMs: ms, directoryMs: ms, caching: true };
    }
    case "indefinite":
      return { fileMs: INDEFINITE_MS, directoryMs: INDEFINITE_MS, caching: true };
  }
}
