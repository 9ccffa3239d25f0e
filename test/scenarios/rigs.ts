/** What each rig has of what scenarios need. */

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

export const RIGS = {
  /** The file system alone, over the embedded endpoint. */
  inProcess: ["root", ...OWN_BACKEND, "any-key", "request-log", "storage-classes", "faults"],
  /** Kernel mounts over the embedded endpoint. */
  sandbox: [
    ...OWN_BACKEND,
    "kernel",
    ...AS_ROOT,
    "any-key",
    "request-log",
    "storage-classes",
    "faults",
  ],
  /** The same, by libfuse 2. */
  fuseNative: ["kernel", ...AS_ROOT, "any-key", "request-log", "storage-classes", "faults"],
  /** Kernel mounts over a MinIO. */
  minio: [...OWN_BACKEND, "kernel", ...AS_ROOT],
} as const satisfies Record<string, readonly Capability[]>;
