/**
 * Reading: the bytes of objects, ahead of whoever reads them.
 *
 * One `ObjectReader` per file handle turns the kernel's reads into ranged GETs: large ones ahead of a
 * sequential run, in a window that is as large as throughput × latency needs, and exact ones for
 * everything else. Bodies arrive straight in blocks of the pool, which are lent to the replies. This
 * layer knows one version of one object and nothing of names, inodes or the kernel's protocol.
 */

export { type ObjectReader, openReader } from "./reader.ts";
export type { ReaderOptions } from "./source.ts";
