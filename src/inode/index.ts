/**
 * Names, identities and cached attributes: what the kernel's numbers stand for, what S3 said of them
 * and how long that may be believed, and what exists in this mount only.
 *
 * `Superblock` is the layer: lookup, make, remove, list. It knows no handles and moves no bytes; who
 * may write a file is decided in `fs/`, which tells this layer of the outcome (`overwrite`, `commit`,
 * `abandon`). An inode number means one version of one object.
 */

export type { DirectoryListing, Listed } from "./directory-listing.ts";
export { InodeError, type InodeErrorKind } from "./error.ts";
export {
  type DirectoryInode,
  type FileInode,
  type Inode,
  sizeAndTime,
  type Version,
} from "./inode.ts";
export type { MetadataTtl } from "./metadata-ttl.ts";
export type { DirectoryBucket, Store } from "./question.ts";
export { Superblock } from "./superblock.ts";
