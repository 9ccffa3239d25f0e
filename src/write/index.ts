/**
 * Writing: bytes in, in order, until an object is complete.
 *
 * One `Upload` per file handle turns the kernel's writes into one PUT, or into a multipart upload
 * whose parts are under way while the next are filled. An object becomes visible whole or not at all,
 * and only after sizes and checksums were compared; whatever fails is aborted. This layer knows one
 * key and nothing of names, inodes or the kernel's protocol.
 */

export { WriteError, type WriteErrorKind } from "./error.ts";
export { startUpload, type Upload, type UploadOptions } from "./upload.ts";
