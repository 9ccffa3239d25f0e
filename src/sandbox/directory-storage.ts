/**
 * Keeps objects under a directory, for the next start:
 *
 *     <directory>/<bucket>/bucket.json
 *     <directory>/<bucket>/objects/<name of the key>.json   what is known of the object, and its files
 *     <directory>/.data/<random>                            the bytes
 *
 * Keys are hostile, so they never become paths: a name is the key with everything but harmless
 * characters percent-encoded, and a long one ends in a hash. Bytes go to files of their own, under
 * random names, and count once a metadata file names them; files that none names are removed at start.
 */

import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  openSync,
  read as readCallback,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  write as writeCallback,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { assert } from "../base/assert.ts";
import { MIB } from "../base/sizes.ts";
import type { StoredChecksum } from "./checksum.ts";
import {
  type Content,
  type ContentReader,
  type ContentWriter,
  JoinedContent,
  PatternContent,
} from "./content.ts";
import type { Storage, StoredBucket } from "./storage.ts";
import type { Restoration, StoredObject } from "./stored-object.ts";

const readFd = promisify(readCallback);
const writeFd = promisify(writeCallback);

const BUCKET_FILE = "bucket.json";
const OBJECTS = "objects";
/** Beside the buckets: no bucket's name begins with a dot. */
const DATA = ".data";
/** Of a file's name, leaving room for the suffixes; file systems allow 255. */
const NAME_BYTES_MAX = 200;

const OWNER_DIRECTORY = 0o700;
const OWNER_FILE = 0o600;

type SavedPiece =
  | { readonly file: string; readonly sizeBytes: number }
  | { readonly patternSeed: number; readonly sizeBytes: number };

interface SavedObject {
  readonly key: string;
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly storageClass: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum?: StoredChecksum;
  readonly partCount?: number;
  readonly restoration?: Restoration;
  readonly pieces: readonly SavedPiece[];
}

export class DirectoryStorage implements Storage {
  readonly #root: string;

  /** Makes `directory` unless it exists. Throws Node's errors where it cannot be written. */
  constructor(directory: string) {
    this.#root = directory;
    mkdirSync(join(directory, DATA), { recursive: true, mode: OWNER_DIRECTORY });
  }

  load(): readonly StoredBucket[] {
    const names = readdirSync(this.#root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== DATA)
      .map((entry) => entry.name);
    const named = new Map<string, FileContent>();
    const buckets = names.map((name) => this.#loadBucket(name, named));
    for (const file of readdirSync(join(this.#root, DATA))) {
      if (!named.has(file)) unlinkSync(join(this.#root, DATA, file));
    }
    return buckets;
  }

  saveBucket(name: string, createdMs: number): void {
    mkdirSync(join(this.#root, name, OBJECTS), { recursive: true, mode: OWNER_DIRECTORY });
    saveJson(join(this.#root, name, BUCKET_FILE), { createdMs });
  }

  removeBucket(name: string): void {
    rmSync(join(this.#root, name), { recursive: true, force: true });
  }

  saveObject(bucket: string, object: StoredObject): void {
    const saved: SavedObject = {
      key: object.key,
      etag: object.etag,
      lastModifiedMs: object.lastModifiedMs,
      storageClass: object.storageClass,
      headers: object.headers,
      ...(object.checksum === undefined ? {} : { checksum: object.checksum }),
      ...(object.partCount === undefined ? {} : { partCount: object.partCount }),
      ...(object.restoration === undefined ? {} : { restoration: object.restoration }),
      pieces: savePieces(object.content),
    };
    saveJson(this.#objectPath(bucket, object.key), saved);
  }

  removeObject(bucket: string, key: string): void {
    rmSync(this.#objectPath(bucket, key), { force: true });
  }

  createWriter(sizeBytes: number): ContentWriter {
    return new FileWriter(join(this.#root, DATA), sizeBytes);
  }

  #loadBucket(name: string, named: Map<string, FileContent>): StoredBucket {
    const objects = join(this.#root, name, OBJECTS);
    const { createdMs } = readJson<{ createdMs: number }>(join(this.#root, name, BUCKET_FILE));
    return {
      name,
      createdMs,
      objects: readdirSync(objects)
        .filter((file) => file.endsWith(".json"))
        .map((file) => this.#loadObject(readJson<SavedObject>(join(objects, file)), named)),
    };
  }

  #loadObject(saved: SavedObject, named: Map<string, FileContent>): StoredObject {
    const contents = saved.pieces.map((piece) => {
      if ("patternSeed" in piece) return new PatternContent(piece.patternSeed, piece.sizeBytes);
      const shared = named.get(piece.file);
      shared?.retain();
      if (shared !== undefined) return shared;
      const content = new FileContent(join(this.#root, DATA), piece.file, piece.sizeBytes);
      named.set(piece.file, content);
      return content;
    });
    const { pieces, checksum, ...plain } = saved;
    const [only] = contents;
    const content =
      only !== undefined && contents.length === 1 ? only : new JoinedContent(contents);
    return { ...plain, checksum, content };
  }

  #objectPath(bucket: string, key: string): string {
    return join(this.#root, bucket, OBJECTS, `${fileName(key)}.json`);
  }
}

/** One to one: no two keys share a name, and no name leaves its directory or hides in it. */
export function fileName(key: string): string {
  const encoded = encodeURIComponent(key).replace(/^\./, "%2E").replaceAll("*", "%2A");
  if (encoded.length <= NAME_BYTES_MAX) return encoded;
  // "+" is never in an encoded key, so that a shortened name is not another key's whole name.
  const hash = createHash("sha256").update(key).digest("hex");
  return `${encoded.slice(0, NAME_BYTES_MAX - hash.length - 1)}+${hash}`;
}

function savePieces(content: Content): readonly SavedPiece[] {
  if (content instanceof JoinedContent) return content.parts.flatMap(savePieces);
  const { sizeBytes } = content;
  if (content instanceof PatternContent) return [{ patternSeed: content.seed, sizeBytes }];
  assert(content instanceof FileContent, "what is saved in a directory has its bytes there");
  return [{ file: content.file, sizeBytes }];
}

/** Whole or not at all, for whoever reads the directory after a crash. */
function saveJson(path: string, value: unknown): void {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.new`;
  writeFileSync(temporary, JSON.stringify(value), { mode: OWNER_FILE });
  renameSync(temporary, path);
}

function readJson<T>(path: string): T {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch (cause) {
    throw new Error(`cannot load ${path}: it was not written by a sandbox`, { cause });
  }
}

/** A file that is removed with the last count. An object and its copies share one. */
class FileContent implements Content {
  readonly file: string;
  readonly sizeBytes: number;
  readonly #path: string;
  #count = 1;

  constructor(directory: string, file: string, sizeBytes: number) {
    this.file = file;
    this.sizeBytes = sizeBytes;
    this.#path = join(directory, file);
  }

  retain(): void {
    assert(this.#count > 0, "only what exists is retained");
    this.#count++;
  }

  release(): void {
    assert(this.#count > 0, "content is released once for each count");
    this.#count--;
    if (this.#count === 0) unlinkSync(this.#path);
  }

  open(): ContentReader {
    const fd = openSync(this.#path, "r");
    this.retain();
    return {
      read: async (offset, byteCount) => {
        const bytes = Buffer.allocUnsafeSlow(Math.min(byteCount, MIB, this.sizeBytes - offset));
        const { bytesRead } = await readFd(fd, bytes, 0, bytes.byteLength, offset);
        if (bytesRead === 0)
          throw new Error(`${this.#path} is shorter than ${this.sizeBytes} bytes`);
        return bytes.subarray(0, bytesRead);
      },
      close: () => {
        closeSync(fd);
        this.release();
      },
    };
  }
}

class FileWriter implements ContentWriter {
  readonly #directory: string;
  readonly #file = randomBytes(16).toString("hex");
  readonly #sizeBytes: number;
  #fd: number | undefined;
  #writtenBytes = 0;

  constructor(directory: string, sizeBytes: number) {
    this.#directory = directory;
    this.#sizeBytes = sizeBytes;
    this.#fd = openSync(join(directory, this.#file), "wx", OWNER_FILE);
  }

  async write(bytes: Uint8Array): Promise<void> {
    assert(this.#fd !== undefined, "a writer is open while it is written to");
    for (let done = 0; done < bytes.byteLength; ) {
      const { bytesWritten } = await writeFd(this.#fd, bytes, done, bytes.byteLength - done, null);
      done += bytesWritten;
    }
    this.#writtenBytes += bytes.byteLength;
  }

  finish(): Content {
    assert(this.#writtenBytes === this.#sizeBytes, "content is whole when it is finished");
    this.#close();
    return new FileContent(this.#directory, this.#file, this.#sizeBytes);
  }

  abandon(): void {
    this.#close();
    rmSync(join(this.#directory, this.#file), { force: true });
  }

  #close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
