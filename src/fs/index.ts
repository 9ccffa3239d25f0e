/**
 * POSIX meaning over objects: what open, write, close, readdir and the rest do to a bucket, and which
 * errno they answer when S3 cannot do what they ask.
 *
 * `createFileSystem` is the layer; what it returns has the shape of the protocol layer's `Operations`.
 * One file per group of operations; errno.ts is the one table from failures to numbers. This layer
 * knows neither the kernel's wire format nor HTTP.
 */

export type { FileSystemOptions, FileSystemParts, UploadTarget } from "./core.ts";
export { absentMsOf, errnoOf } from "./errno.ts";
export { createFileSystem, type FileSystem, type Gauges } from "./file-system.ts";
export { rememberingTgids } from "./process-id.ts";
export type { ShutdownReport } from "./shutdown.ts";
