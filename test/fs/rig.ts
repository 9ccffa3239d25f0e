/**
 * A file system over a bucket in memory, called as the kernel would call it, with a clock that only
 * moves when a test moves it.
 */

import { constants } from "node:fs";

import type { Caller, DirectoryEntry, Entry, ReadReply } from "../../src/base/attributes.ts";
import { type Log, silentLog } from "../../src/base/log.ts";
import {
  createFileSystem,
  errnoOf,
  type FileSystem,
  type FileSystemOptions,
  type UploadTarget,
} from "../../src/fs/index.ts";
import type { Operations } from "../../src/fuse/operations.ts";
import type { ObjectReader } from "../../src/read/index.ts";
import type { Stored } from "../../src/s3/index.ts";
import { type AppendedObject, type Upload, WriteError } from "../../src/write/index.ts";
import { MemoryBucket } from "./memory-bucket.ts";
import { MemoryDirectoryBucket } from "./memory-directory-bucket.ts";

export const ROOT = 1;
/** The process that the tests are, and one that it forked. */
export const CALLER: Caller = { uid: 0, gid: 0, pid: 100 };
export const CHILD: Caller = { uid: 0, gid: 0, pid: 200 };

export const { O_RDONLY, O_WRONLY, O_RDWR, O_TRUNC, O_APPEND, O_DIRECT, O_SYNC, O_DSYNC } =
  constants;

export interface Rig {
  readonly bucket: MemoryBucket;
  readonly fs: FileSystem;
  /** The same, as the protocol layer sees it. */
  readonly operations: Operations;
  readonly log: string[];
  readonly invalidated: string[];
  readonly uploads: readonly { readonly isAborted: boolean }[];
  readonly readers: MemoryReader[];
  /** The kernel drops names only when `until` resolves. */
  holdNames(until: Promise<void>): void;
  advance(ms: number): void;
}

export function rig(
  options: Partial<FileSystemOptions> = {},
  bucketKind: "general purpose" | "directory" = "general purpose",
): Rig {
  let nowMs = 1_700_000_000_000;
  const now = (): number => nowMs;
  const directoryBucket = bucketKind === "directory" ? new MemoryDirectoryBucket(now) : undefined;
  const bucket = directoryBucket ?? new MemoryBucket(now);
  const lines: string[] = [];
  const invalidated: string[] = [];
  let dropping = Promise.resolve();
  const uploads: (MemoryAppend | MemoryUpload)[] = [];
  const readers: MemoryReader[] = [];
  const fs = createFileSystem({
    store: bucket,
    directoryBucket,
    openReader: ({ key, etag }) => {
      const reader = new MemoryReader(bucket, key, etag);
      readers.push(reader);
      return reader;
    },
    startUpload: (target) => {
      const upload = options.incrementalUpload
        ? new MemoryAppend(bucket, target)
        : new MemoryUpload(bucket, target);
      uploads.push(upload);
      return upload;
    },
    options: {
      prefix: "",
      readOnly: false,
      allowDelete: false,
      allowOverwrite: false,
      uid: 1000,
      gid: 1001,
      dirMode: 0o755,
      fileMode: 0o644,
      metadataTtl: { kind: "minimal" },
      fetchAhead: true,
      ...options,
    },
    log: linesOf(lines),
    tgidOf: (pid) => pid,
    invalidateEntry: async (parent, name, expireOnly) => {
      invalidated.push(`${parent} ${name}${expireOnly ? " expire" : ""}`);
      await dropping;
    },
    invalidatePages: async (ino) => {
      invalidated.push(`pages of ${ino}`);
    },
    now,
  });
  return {
    bucket,
    fs,
    operations: fs,
    log: lines,
    invalidated,
    uploads,
    readers,
    holdNames: (until) => {
      dropping = until;
    },
    advance: (ms) => {
      nowMs += ms;
    },
  };
}

function linesOf(lines: string[]): Log {
  const at = (level: string) => (message: string) => {
    lines.push(`${level} ${message}`);
  };
  const log: Log = {
    ...silentLog,
    debugEnabled: true,
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    named: () => log,
  };
  return log;
}

class MemoryReader implements ObjectReader {
  closed = false;
  bytesRead = 0;
  /** How many bytes were asked for before anybody read. */
  aheadBytes = 0;
  #fetched: Uint8Array | undefined;
  readonly key: string;
  readonly #bucket: MemoryBucket;
  readonly #etag: string;

  constructor(bucket: MemoryBucket, key: string, etag: string) {
    this.#bucket = bucket;
    this.key = key;
    this.#etag = etag;
  }

  async fetchAhead(byteCount: number): Promise<void> {
    this.aheadBytes = byteCount;
    this.#fetched = await this.#bucket.get(this.key, this.#etag);
  }

  async read(offset: number, byteCount: number): Promise<ReadReply> {
    const bytes = this.#fetched ?? (await this.#bucket.get(this.key, this.#etag));
    this.bytesRead += bytes.subarray(offset, offset + byteCount).length;
    return { parts: [bytes.subarray(offset, offset + byteCount)], release() {} };
  }

  close(): void {
    this.closed = true;
  }
}

const UPLOAD_BYTES_MAX = 1 << 20;

class MemoryUpload implements Upload {
  bytesWritten = 0;
  isAborted = false;
  readonly #bucket: MemoryBucket;
  readonly #key: string;
  readonly #ifNoneMatch: "*" | undefined;
  readonly #chunks: Uint8Array[] = [];

  constructor(bucket: MemoryBucket, { key, ifNoneMatch }: UploadTarget) {
    this.#bucket = bucket;
    this.#key = key;
    this.#ifNoneMatch = ifNoneMatch;
  }

  write(offset: number, data: Uint8Array): number {
    this.#bucket.uploading.delete(this.#key);
    if (offset !== this.bytesWritten) throw new WriteError("out-of-order", `offset ${offset}`);
    if (offset + data.length > UPLOAD_BYTES_MAX) throw new WriteError("too-large", "too much");
    this.#bucket.uploading.add(this.#key);
    this.#chunks.push(data.slice());
    this.bytesWritten += data.length;
    return data.length;
  }

  async complete(): Promise<Stored> {
    try {
      return await this.#bucket.put(this.#key, Buffer.concat(this.#chunks), this.#ifNoneMatch);
    } finally {
      this.#bucket.uploading.delete(this.#key);
    }
  }

  async abort(): Promise<void> {
    this.#bucket.uploading.delete(this.#key);
    this.isAborted = true;
  }
}

/** Every sync appends what was written since, to the version that was there. */
class MemoryAppend implements Upload {
  bytesWritten: number;
  isAborted = false;
  readonly #bucket: MemoryBucket;
  readonly #target: UploadTarget;
  #stored: AppendedObject | undefined;
  #pending: Uint8Array[] = [];

  constructor(bucket: MemoryBucket, target: UploadTarget) {
    this.#bucket = bucket;
    this.#target = target;
    this.#stored = target.appendTo;
    this.bytesWritten = target.appendTo?.sizeBytes ?? 0;
  }

  write(offset: number, data: Uint8Array): number {
    if (offset !== this.bytesWritten) throw new WriteError("out-of-order", `offset ${offset}`);
    this.#pending.push(data.slice());
    this.bytesWritten += data.length;
    return data.length;
  }

  sync = async (): Promise<AppendedObject> => {
    if (this.#stored !== undefined && this.#pending.length === 0) return this.#stored;
    const { key, ifNoneMatch } = this.#target;
    const before = this.#stored && (await this.#bucket.get(key, this.#stored.etag));
    const bytes = Buffer.concat([before ?? new Uint8Array(), ...this.#pending]);
    const put = this.#bucket.put(key, bytes, before === undefined ? ifNoneMatch : undefined);
    this.#pending = [];
    this.#stored = await put;
    return this.#stored;
  };

  async complete(): Promise<Stored> {
    return await this.sync();
  }

  async abort(): Promise<void> {
    this.isAborted = true;
  }
}

/** The errno that `work` fails with; 0 when it succeeds. */
export async function errnoFrom(work: () => unknown): Promise<number> {
  try {
    await work();
    return 0;
  } catch (error) {
    return errnoOf(error);
  }
}

/** Looks up every component of `path` from the root. */
export async function walk({ fs }: Rig, path: string): Promise<Entry> {
  const names = path.split("/");
  let parent = ROOT;
  for (const name of names.slice(0, -1)) {
    parent = (await fs.lookup(parent, name)).attributes.ino;
  }
  return await fs.lookup(parent, names.at(-1) ?? "");
}

/** What `open(O_CREAT)` of a new name does in the kernel: LOOKUP, then CREATE. */
export async function createFile(
  { fs }: Rig,
  parent: number,
  name: string,
  flags: number = O_WRONLY,
): Promise<{ readonly fh: number; readonly ino: number }> {
  await Promise.resolve(fs)
    .then((system) => system.lookup(parent, name))
    .catch(() => undefined);
  const created = await fs.create(parent, name, { mode: 0o100644, flags, caller: CALLER });
  return { fh: created.opened.fh, ino: created.entry.attributes.ino };
}

/** Creates, writes, closes. Resolves with the inode's number. */
export async function writeFile(
  setup: Rig,
  parent: number,
  name: string,
  content: string,
): Promise<number> {
  const { fh, ino } = await createFile(setup, parent, name);
  if (content !== "") await setup.fs.write(fh, 0, Buffer.from(content));
  await setup.fs.flush(fh, CALLER);
  await setup.fs.release(fh);
  return ino;
}

export async function readText({ fs }: Rig, fh: number): Promise<string> {
  const reply = await fs.read(fh, 0, 1 << 20);
  const text = Buffer.concat(reply.parts).toString();
  reply.release();
  return text;
}

/** Opens, reads all, closes. */
export async function readFile(setup: Rig, ino: number): Promise<string> {
  const { fh } = await setup.fs.open(ino, O_RDONLY, CALLER);
  try {
    return await readText(setup, fh);
  } finally {
    await setup.fs.flush(fh, CALLER);
    await setup.fs.release(fh);
  }
}

export interface ListOptions {
  readonly plus?: boolean;
  /** How many entries one reply holds. */
  readonly replyEntriesMax?: number;
}

/** One READDIR, of at most `entriesMax` entries. */
export async function readReply(
  { fs }: Rig,
  fh: number,
  request: { readonly offset: number; readonly entriesMax: number; readonly plus?: boolean },
): Promise<DirectoryEntry[]> {
  const entries: DirectoryEntry[] = [];
  await fs.readdir(fh, request.offset, {
    plus: request.plus ?? false,
    add: (entry) => entries.length < request.entriesMax && entries.push(entry) > 0,
  });
  return entries;
}

/** Reads a directory to its end, without "." and "..". */
export async function list(
  setup: Rig,
  ino: number,
  options: ListOptions = {},
): Promise<DirectoryEntry[]> {
  const { fh } = await setup.fs.opendir(ino);
  const entries: DirectoryEntry[] = [];
  for (let offset = 0; ; ) {
    const entriesMax = options.replyEntriesMax ?? 100;
    const reply = await readReply(setup, fh, { offset, entriesMax, plus: options.plus ?? false });
    if (reply.length === 0) break;
    entries.push(...reply);
    offset = reply.at(-1)?.nextOffset ?? 0;
  }
  setup.fs.releasedir(fh);
  return entries.filter(({ name }) => name !== "." && name !== "..");
}

export async function names(setup: Rig, ino: number, options?: ListOptions): Promise<string[]> {
  return (await list(setup, ino, options)).map(({ name }) => name);
}
