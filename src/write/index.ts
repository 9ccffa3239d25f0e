/**
 * Writing: bytes in, in order, until an object is complete.
 *
 * One `Upload` per file handle turns the kernel's writes into one PUT, or into a multipart upload
 * whose parts are under way while the next are filled. An object becomes visible whole or not at all,
 * and only after sizes and checksums were compared; whatever fails is aborted. This layer knows one
 * key and nothing of names, inodes or the kernel's protocol.
 *
 *     Uploader ─▶ Upload ─▶ OutgoingPart ─▶ s3        PartSchedule says how large parts are,
 *                    └────▶ PartMemory ◀─ all uploads     PartMemory who gets the next block
 */

export type { Upload } from "./contract.ts";
export { WriteError, type WriteErrorKind } from "./error.ts";
export { ANY_BYTES, createUploader, type StartUpload, type UploaderOptions } from "./uploader.ts";
