/**
 * An object store in memory for uploads: it computes ETags as S3 does, checks every checksum that it
 * is sent, and lets a test hold, fail or lose the reply of any request.
 */

import { createHash } from "node:crypto";
import { deferred } from "../../src/base/deferred.ts";
import {
  type AppendRequest,
  type Checksum,
  type CompleteUploadRequest,
  type CreateUploadRequest,
  type ObjectClient,
  type PutRequest,
  S3Error,
  type S3ErrorKind,
  type Stored,
  type StoredInfo,
  type UploadedPart,
  type UploadPartRequest,
} from "../../src/s3/index.ts";

export type StoreOperation = "head" | "put" | "append" | "create" | "part" | "complete" | "abort";

interface StoredObject {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly checksum?: Checksum;
}

/** Bit by bit, from the definition: what the code under test is compared with. */
export function crc32cByBits(bytes: Uint8Array, crc: number): number {
  let register = ~crc;
  for (const byte of bytes) {
    register ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      register = (register & 1) === 1 ? (register >>> 1) ^ 0x82f63b78 : register >>> 1;
    }
  }
  return ~register >>> 0;
}

export function crc64nvmeByBits(bytes: Uint8Array, crc: bigint): bigint {
  const all = 0xffff_ffff_ffff_ffffn;
  let register = crc ^ all;
  for (const byte of bytes) {
    register ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) {
      register =
        (register & 1n) === 1n ? (register >> 1n) ^ 0x9a6c_9329_ac4b_c9b5n : register >> 1n;
    }
  }
  return register ^ all;
}

export function s3Failure(kind: S3ErrorKind, operation = "UploadPart"): S3Error {
  return new S3Error(`made to fail: ${kind}`, { kind, operation });
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

/** What S3 computes of the parts' checksums. */
function compositeOf(parts: readonly UploadedPart[]): Checksum | undefined {
  const sums = parts.map(({ checksum }) => Buffer.from(checksum?.base64 ?? "", "base64"));
  const algorithm = parts[0]?.checksum?.algorithm;
  if (algorithm === undefined) return undefined;
  return { algorithm, base64: `${sumOf(Buffer.concat(sums), algorithm)}-${parts.length}` };
}

function sumOf(bytes: Uint8Array, algorithm: Checksum["algorithm"]): string {
  const sum = Buffer.alloc(8);
  if (algorithm === "crc64nvme") {
    sum.writeBigUInt64BE(crc64nvmeByBits(bytes, 0n));
    return sum.toString("base64");
  }
  sum.writeUInt32BE(crc32cByBits(bytes, 0));
  return sum.subarray(0, 4).toString("base64");
}

function unexpected(): never {
  throw new Error("a writer does not do this");
}

export class StoreDouble implements ObjectClient {
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, Map<number, Buffer>>();
  readonly log: string[] = [];
  /** The most parts that were under way at once. */
  partsInFlightMost = 0;
  /** Summing bit by bit is too slow for megabytes. */
  checksChecksums: boolean = true;
  /** Whether it tells checksums, and ETags that are MD5s. */
  tells: { readonly checksums: boolean; readonly md5s: boolean } = { checksums: true, md5s: true };
  /** The requests that begin an upload. */
  readonly created: CreateUploadRequest[] = [];
  /** Runs before a request takes effect: to hold it, or to fail it by throwing. */
  before: (operation: StoreOperation, count: number) => Promise<void> | void = () => {};
  /** Runs after it took effect: to lose the reply by throwing. */
  after: (operation: StoreOperation) => Promise<void> | void = () => {};
  /** Changes what is answered for a part. */
  answer: (part: UploadedPart) => UploadedPart = (part) => part;
  readonly #counts = new Map<StoreOperation, number>();
  #partsInFlight = 0;
  #uploadsMade = 0;

  headStored(key: string): Promise<StoredInfo> {
    return this.#perform("head", undefined, () => {
      const object = this.objects.get(key);
      if (object === undefined) throw s3Failure("not-found", "HeadObject");
      const { etag, bytes, checksum } = object;
      const sizeBytes = bytes.length;
      const info = { key, sizeBytes, etag, storageClass: undefined, lastModifiedMs: 0 };
      return { ...info, restored: false, checksum: this.tells.checksums ? checksum : undefined };
    });
  }

  put(request: PutRequest, signal?: AbortSignal): Promise<Stored> {
    return this.#perform("put", signal, () => {
      const bytes = this.#checked(request.body, request.checksum);
      if (request.ifNoneMatch === "*" && this.objects.has(request.key)) {
        throw s3Failure("precondition-failed", "PutObject");
      }
      return this.#store(request.key, bytes, md5(bytes), request.checksum);
    });
  }

  append(request: AppendRequest, signal?: AbortSignal): Promise<Stored> {
    return this.#perform("append", signal, () => {
      const bytes = this.#checked(request.body, request.checksum);
      const object = this.objects.get(request.key);
      if (object === undefined) throw s3Failure("not-found", "PutObject");
      if (object.etag !== request.etag || object.bytes.length !== request.offset) {
        throw s3Failure("precondition-failed", "PutObject");
      }
      const { checksum } = object;
      if (checksum?.algorithm !== request.checksum?.algorithm || bytes.length === 0) {
        throw s3Failure("rejected", "PutObject");
      }
      const whole = Buffer.concat([object.bytes, bytes]);
      const isSummed = checksum !== undefined && this.checksChecksums;
      const base64 = isSummed ? sumOf(whole, checksum.algorithm) : "";
      const sum = checksum && { ...checksum, base64 };
      return this.#store(request.key, whole, md5(whole), sum);
    });
  }

  createUpload(request: CreateUploadRequest, signal?: AbortSignal): Promise<string> {
    return this.#perform("create", signal, () => {
      this.created.push(request);
      this.#uploadsMade += 1;
      const uploadId = `upload-${this.#uploadsMade}`;
      this.uploads.set(uploadId, new Map());
      return uploadId;
    });
  }

  async uploadPart(request: UploadPartRequest, signal?: AbortSignal): Promise<UploadedPart> {
    this.#partsInFlight += 1;
    this.partsInFlightMost = Math.max(this.partsInFlightMost, this.#partsInFlight);
    try {
      return await this.#perform("part", signal, () => {
        const { partNumber, checksum } = request;
        const bytes = this.#checked(request.body, checksum);
        this.#upload(request.uploadId).set(partNumber, bytes);
        return this.answer({
          partNumber,
          etag: `"${md5(bytes)}"`,
          sizeBytes: bytes.length,
          checksum,
        });
      });
    } finally {
      this.#partsInFlight -= 1;
    }
  }

  completeUpload(request: CompleteUploadRequest, signal?: AbortSignal): Promise<Stored> {
    return this.#perform("complete", signal, () => {
      const upload = this.#upload(request.uploadId);
      const bodies = request.parts.map((part, i) => {
        const bytes = upload.get(part.partNumber);
        if (bytes === undefined || part.partNumber !== i + 1) throw new Error("invalid part");
        return bytes;
      });
      this.uploads.delete(request.uploadId);
      const sums = bodies.map((bytes) => createHash("md5").update(bytes).digest());
      const etag = `${md5(Buffer.concat(sums))}-${bodies.length}`;
      const whole = Buffer.concat(bodies);
      const checksum = request.checksum ?? compositeOf(request.parts);
      if (request.checksum !== undefined) this.#checked([whole], request.checksum);
      return this.#store(request.key, whole, etag, checksum);
    });
  }

  abortUpload(_key: string, uploadId: string, signal?: AbortSignal): Promise<void> {
    return this.#perform("abort", signal, () => {
      this.uploads.delete(uploadId);
    });
  }

  async #perform<T>(
    operation: StoreOperation,
    signal: AbortSignal | undefined,
    act: () => T,
  ): Promise<T> {
    const count = (this.#counts.get(operation) ?? 0) + 1;
    this.#counts.set(operation, count);
    this.log.push(operation);
    const aborted = deferred<never>();
    const abort = (): void => aborted.reject(s3Failure("aborted"));
    // Nobody may be listening any more when it comes.
    aborted.promise.catch(() => {});
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort);
    try {
      await Promise.race([this.before(operation, count), aborted.promise]);
      const result = act();
      await this.after(operation);
      return result;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #upload(uploadId: string): Map<number, Buffer> {
    const upload = this.uploads.get(uploadId);
    if (upload === undefined) throw s3Failure("no-such-upload");
    return upload;
  }

  #store(key: string, bytes: Buffer, etag: string, checksum: Checksum | undefined): Stored {
    const quoted = `"${this.tells.md5s ? etag : md5(Buffer.from(`encrypted ${etag}`))}"`;
    this.objects.set(key, { bytes, etag: quoted, ...(checksum && { checksum }) });
    return { etag: quoted };
  }

  #checked(body: readonly Uint8Array[], checksum: Checksum | undefined): Buffer {
    const bytes = Buffer.concat(body);
    if (!this.checksChecksums || checksum === undefined) return bytes;
    if (sumOf(bytes, checksum.algorithm) !== checksum.base64) throw s3Failure("rejected");
    return bytes;
  }

  readonly head = unexpected;
  readonly get = unexpected;
  readonly list = unexpected;
  readonly delete = unexpected;
  readonly rename = unexpected;
  readonly close = unexpected;
}
