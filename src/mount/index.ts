/**
 * The composition root: makes a mount of a bucket and a directory. The only layer that knows both the
 * kernel's end (`fuse/`) and the store's end (`s3/`); it holds no logic of either.
 */

export { defaultMemoryTarget } from "../memory/index.ts";
export { examineBucket, type Finding } from "./examine-bucket.ts";
export { type MountContext, type Mounted, mountBucket } from "./mount-bucket.ts";
export type {
  BucketType,
  FuseBackend,
  MetadataTtl,
  MountOptions,
  ServerSideEncryption,
  UploadChecksums,
} from "./options.ts";
