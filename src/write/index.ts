/**
 * Writing: bytes in, in order, until an object is complete.
 *
 * One `Upload` per file handle turns the kernel's writes into one PUT, or into a multipart upload
 * whose parts are under way while the next are filled. An object becomes visible whole or not at all,
 * and only after sizes and checksums were compared; whatever fails is aborted. In directory buckets it
 * can also grow while it is written, part by part, and objects that exist can be written on. This layer
 * knows one key and nothing of names, inodes or the kernel's protocol.
 *
 *     Uploader ─▶ SequentialUpload or AppendUpload ─▶ OutgoingPart ─▶ s3
 *                    └────▶ UploadMemory ─▶ PartMemory ◀─ all uploads
 *
 * PartSchedule says how large parts are, PartMemory who gets the next block.
 */

export type { AppendedObject, Upload } from "./contract.ts";
export { WriteError, type WriteErrorKind } from "./error.ts";
export { ANY_BYTES, createUploader, type StartUpload, type UploaderOptions } from "./uploader.ts";
