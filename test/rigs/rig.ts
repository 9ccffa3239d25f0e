/**
 * What a scenario sees, whichever rig it runs on: a tree of files as POSIX has it, and the bucket
 * behind it as S3 has it. Both are relative to the scenario's own directory, so that scenarios share
 * one mount without seeing each other.
 *
 * Failures of the tree carry `code` ("ENOENT"), as Node's own do.
 */

import type { Fault } from "../../src/sandbox/index.ts";
import type { BucketView } from "./bucket-view.ts";

/** The flags of the command line that scenarios vary; absent means the program's default. */
export interface MountFlags {
  readonly readOnly?: boolean;
  readonly allowDelete?: boolean;
  readonly allowOverwrite?: boolean;
  readonly incrementalUpload?: boolean;
  readonly uid?: number;
  readonly gid?: number;
  readonly dirMode?: number;
  readonly fileMode?: number;
  readonly readPartBytes?: number;
  readonly writePartBytes?: number;
  readonly expectedBucketOwner?: string;
  readonly requesterPays?: boolean;
  readonly inferContentType?: boolean;
  readonly storageClass?: string;
  readonly sse?: "AES256" | "aws:kms" | "aws:kms:dsse";
  readonly sseKmsKeyId?: string;
  readonly uploadChecksums?: "crc32c" | "crc64nvme" | "off";
  readonly metadataTtl?: "minimal" | "indefinite" | number;
  readonly memoryTargetMib?: number;
  readonly uploadTimeoutSeconds?: number;
  /** Attempts per request, the first included. */
  readonly maxAttempts?: number;
  /** That of `metadataTtl` when absent. */
  readonly negativeMetadataTtl?: "minimal" | "indefinite" | number;
  readonly fetchAhead?: boolean;
}

export interface FileStatus {
  readonly kind: "file" | "directory";
  readonly ino: number;
  readonly sizeBytes: number;
  /** Permission bits only. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

export interface DirectoryItem {
  readonly name: string;
  readonly kind: "file" | "directory";
}

export interface OpenFile {
  /** One pread(2): fewer bytes than asked for mean end of file. */
  read(offset: number, byteCount: number): Promise<Buffer>;
  /** One pwrite(2) that must take everything. */
  write(data: Uint8Array, offset: number): Promise<void>;
  sync(): Promise<void>;
  stat(): Promise<FileStatus>;
  truncate(sizeBytes: number): Promise<void>;
  utimes(atimeMs: number, mtimeMs: number): Promise<void>;
  /** A forked child, which inherited the descriptor, exits: its copy is closed. */
  closeCopyOfChild(): Promise<void>;
  /** close(2), and its error. The handle is gone either way. */
  close(): Promise<void>;
}

export interface Tree {
  /** `flags` as open(2) has them, from `fs.constants`. */
  open(path: string, flags: number, mode?: number): Promise<OpenFile>;
  stat(path: string): Promise<FileStatus>;
  /** In the order in which the directory gives them, without "." and "..". */
  readdir(path: string): Promise<readonly DirectoryItem[]>;
  mkdir(path: string, mode?: number): Promise<void>;
  rmdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** `flags` as renameat2(2) has them. */
  rename(from: string, to: string, flags?: number): Promise<void>;
  /** `type` as S_IFMT has it; a device is number 1, 3. */
  mknod(path: string, type: number): Promise<void>;
  truncate(path: string, sizeBytes: number): Promise<void>;
  utimes(path: string, atimeMs: number, mtimeMs: number): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  chown(path: string, uid: number, gid: number): Promise<void>;
  statfs(): Promise<FileSystemStatus>;
}

export interface FileSystemStatus {
  readonly blockBytes: number;
  readonly blocks: number;
  readonly blocksAvailable: number;
  readonly files: number;
  readonly filesFree: number;
}

/** What only some rigs have, and why others lack it; a scenario names what it needs. */
export const CAPABILITIES = {
  /** A path that other programs can use: a real mount. */
  kernel: "a mount that other programs can use, which a rig inside this process is not",
  /** What the kernel lets root do alone, before it asks a file system. */
  root: "root, who alone changes owners, makes devices, passes modes by, and becomes other users",
  /** The server's log of requests. */
  "request-log": "the server's log of requests, which MinIO does not give",
  /** Any key that S3 allows: empty, "." and ".." components, a key below another key. */
  "any-key": "keys that MinIO, which keeps them as paths on a disk, refuses",
  /** Objects in archive classes, which can be restored. */
  "storage-classes":
    "storage classes, of which MinIO has none that archive, and directory buckets one in all",
  /** More than one class. */
  "storage-class-choice": "more than the one storage class that directory buckets have",
  /** aws:kms without the name of a key. */
  "account-key": "a key that the account has for S3, which directory buckets do not take",
  /** aws:kms:dsse. */
  "double-encryption": "DSSE-KMS, which neither MinIO nor directory buckets have",
  /** ListObjectsV2 in the order of keys, and from a key on. */
  "key-order": "listings in the order of keys, which directory buckets do not have",
  /** No object can be renamed. */
  "refused-renames": "a bucket that cannot rename, which directory buckets can",
  /** A server that fails on demand. */
  faults: "a server that fails on demand, which MinIO does not",
  /** Who closes a descriptor. */
  caller: "to know which process asks, which fuse-native does not tell",
  /** A program that is killed does not wait. */
  interrupts: "to learn that a program was killed, which libfuse 2 does not pass on",
  /** Whatever the name stood for before. */
  "own-inodes": "an inode for each thing that a name has stood for, where libfuse 2 has one",
  /** Directories that are read as they are listed. */
  "piecemeal-directories": "directories read piece by piece, of which libfuse 2 keeps the whole",
  /** Both times of utimensat(2). */
  "two-times": "two times in utimens, where fuse-native passes the time of access twice",
  /** Block counts of more than 32 bits. */
  "wide-statistics": "statistics in 64 bits, where fuse-native has 32",
  /** Pages of files, to read again and to map. */
  "page-cache": "the kernel's page cache, in which libfuse 2 would mix versions of an object",
  /** fallocate(2). */
  fallocate: "to refuse fallocate with EINVAL, which fuse-native does not pass on",
  /** renameat2(2). */
  "rename-flags": "the flags of a rename, which libfuse 2 does not know",
} as const;

export type Capability = keyof typeof CAPABILITIES;

export interface ArmedFault {
  /** How many requests have met it. */
  metCount(): Promise<number>;
  /** Does nothing once it has been used up. */
  remove(): Promise<void>;
}

/** A fault that meets requests for one key, relative to the scenario's directory. */
export type KeyFault = Fault & { readonly key: string };

/** One request as the server saw it. */
export interface LoggedRequest {
  /** As S3 names it: "GetObject". */
  readonly operation: string;
  /** Whole key, or the prefix of a list; "" where there is none. */
  readonly key: string;
  /** As it was sent, without the "?". */
  readonly query: string;
}

export interface World {
  readonly tree: Tree;
  readonly bucket: BucketView;
  /** The scenario's directory as other programs see it. Throws where there is no kernel mount. */
  path(relative: string): string;
  /** Requests that came from the mount since the scenario began; throws where there is no log. */
  requests(): Promise<readonly LoggedRequest[]>;
  /** Arms a fault; throws where the server cannot fail on demand. */
  fail(fault: KeyFault): Promise<ArmedFault>;
  /** Everything that the mount has logged so far, other scenarios' lines included. */
  log(): string;
  /** Ends the mount with SIGTERM, and waits until it has ended, with 0 unless told; throws in process. */
  end(status?: number): Promise<void>;
  /** Waits until the mount, which somebody has unmounted, has ended likewise; throws in process. */
  ended(status?: number): Promise<void>;
}

/** A mounted bucket in which scenarios run. */
export interface Mounted {
  /** A world of its own, rooted at the directory `name` (which exists, as a marker). */
  world(name: string): Promise<World>;
  /** Unmounts and checks that nothing is left: no mount, process, lookup, block, or upload. */
  close(): Promise<void>;
}

export interface Rig {
  mount(flags: MountFlags): Promise<Mounted>;
  close(): Promise<void>;
}
