/**
 * What each rig has of what scenarios need. What a rig lacks, and why, is told by CAPABILITIES (rig.ts)
 * and printed with the scenarios that do not run there.
 */

import type { Capability } from "../rigs/rig.ts";
import { AS_ROOT } from "../rigs/root.ts";

/** What libfuse 2 or fuse-native lacks. */
const OWN_BACKEND = [
  "caller",
  "interrupts",
  "own-inodes",
  "piecemeal-directories",
  "two-times",
  "wide-statistics",
  "page-cache",
  "fallocate",
  "rename-flags",
] as const;

/** What the embedded endpoint has, whatever the bucket. */
const SANDBOX = ["any-key", "request-log", "faults"] as const;

/** What buckets that are no directory buckets have. */
const GENERAL_PURPOSE = [
  "key-order",
  "refused-renames",
  "storage-class-choice",
  "account-key",
] as const;
const AMAZONS = ["storage-classes", "double-encryption"] as const;

/** The bucket of the rigs of directory buckets. */
export const DIRECTORY_BUCKET = "test--use1-az4--x-s3";

export const RIGS = {
  /** The file system alone, over the embedded endpoint. */
  inProcess: ["root", ...OWN_BACKEND, ...SANDBOX, ...GENERAL_PURPOSE, ...AMAZONS],
  /** Kernel mounts over the embedded endpoint. */
  sandbox: [...OWN_BACKEND, "kernel", ...AS_ROOT, ...SANDBOX, ...GENERAL_PURPOSE, ...AMAZONS],
  /** The same, by libfuse 2. */
  fuseNative: ["kernel", ...AS_ROOT, ...SANDBOX, ...GENERAL_PURPOSE, ...AMAZONS],
  /** Kernel mounts over a MinIO. */
  minio: [...OWN_BACKEND, "kernel", ...AS_ROOT, ...GENERAL_PURPOSE],
  /** The file system alone, over a directory bucket of the embedded endpoint. */
  directoryBucketInProcess: ["root", ...OWN_BACKEND, ...SANDBOX],
  /** Kernel mounts of a directory bucket of the embedded endpoint. */
  directoryBucket: [...OWN_BACKEND, "kernel", ...AS_ROOT, ...SANDBOX],
  /** The same, by libfuse 2. */
  directoryBucketByFuseNative: ["kernel", ...AS_ROOT, ...SANDBOX],
} as const satisfies Record<string, readonly Capability[]>;
