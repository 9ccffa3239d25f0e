/** Where the set-up keeps what is too big to build in every clone: one directory per user. */

import { homedir } from "node:os";
import { join } from "node:path";

export const MINIO_MODULE = "github.com/minio/minio";
export const MINIO_VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c";

export function cacheDirectoryOf(environment) {
  return join(environment.XDG_CACHE_HOME || join(homedir(), ".cache"), "mount-s3-ts");
}

/** The MinIO server program that the tests use: MINIO_BIN, or the one that the set-up builds. */
export function minioPathOf(environment) {
  return (
    environment.MINIO_BIN || join(cacheDirectoryOf(environment), `minio-${MINIO_VERSION}`, "minio")
  );
}
