/** What each rig has of what scenarios need. */

import type { Capability } from "../rigs/rig.ts";

export const RIGS = {
  /** The file system alone, over the embedded endpoint. */
  inProcess: ["any-key", "request-log", "storage-classes", "faults"],
  /** Kernel mounts over the embedded endpoint. */
  sandbox: ["kernel", "any-key", "request-log", "storage-classes", "faults"],
  /** Kernel mounts over a MinIO. */
  minio: ["kernel"],
} as const satisfies Record<string, readonly Capability[]>;
