/**
 * Appending to an object of a directory bucket: a PutObject that says how long the object is, and which
 * version.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-buckets-objects-append.html
 *
 * It must happen once. An attempt behind a lost reply meets an object that has become longer, by us or by
 * somebody else: only then is the object looked at, and what it ends with is compared.
 */

import type { CancelSignal } from "../base/cancellation.ts";
import { badAnswer } from "./answer-error.ts";
import { checksumHeader } from "./checksum.ts";
import type { DirectCall } from "./direct-path.ts";
import { encryptionMismatch } from "./encryption.ts";
import { S3Error, type S3ErrorKind } from "./error.ts";
import { type GetDependencies, getObject } from "./get-object.ts";
import { headObject } from "./head-object.ts";
import type { AppendRequest, BodySink, Stored } from "./object-client.ts";
import type { Headers } from "./response-head.ts";
import type { Uploads } from "./upload.ts";

/** Somebody waits in close(2), and the request before has taken its time already. */
const PROOF_MS = 30_000;
const SCRATCH_BYTES = 65_536;

export async function appendObject(
  uploads: Uploads,
  reading: GetDependencies,
  request: AppendRequest,
  signal?: CancelSignal,
): Promise<Stored> {
  const { body, checksum, etag, key, offset } = request;
  const { "x-amz-storage-class": _, ...storageHeaders } = uploads.storageHeaders;
  const call = {
    operation: "PutObject",
    key,
    method: "PUT",
    headers: { "if-match": etag },
    signedHeaders: {
      ...storageHeaders,
      ...checksumHeader(checksum),
      "x-amz-write-offset-bytes": String(offset),
    },
    body,
    once: true,
  } as const satisfies DirectCall;
  let isInDoubt = false;
  const attempt = async (): Promise<Headers> => {
    try {
      const { headers, status } = await uploads.path.send(call, signal);
      if (headers["etag"]) return headers;
      throw badAnswer(call, status, "it did not send an ETag");
    } catch (error) {
      isInDoubt ||= leavesDoubt(error);
      throw error;
    }
  };
  let headers: Headers;
  try {
    headers = await uploads.retrier.run(attempt, signal);
  } catch (error) {
    const isOver = signal?.aborted === true;
    const appended = isInDoubt && !isOver ? await findAppended(reading, request) : undefined;
    if (appended === undefined) throw error;
    return appended;
  }
  const mismatch = encryptionMismatch(uploads.encryption, headers, call);
  if (mismatch !== undefined) throw mismatch;
  return { etag: headers["etag"] ?? "" };
}

/** After others nothing was appended. */
const DOUBTFUL: ReadonlySet<S3ErrorKind> = new Set(["network", "timeout", "bad-response"]);

function leavesDoubt(error: unknown): boolean {
  if (!(error instanceof S3Error)) return true;
  if (DOUBTFUL.has(error.kind)) return true;
  return error.kind === "server-error" && error.status !== 409 && error.status !== 503;
}

/** The object as it is now, if it has become what the request should have made of it. */
async function findAppended(
  reading: GetDependencies,
  { body, etag, key, offset }: AppendRequest,
): Promise<Stored | undefined> {
  const { path, retrier } = reading;
  const limit = AbortSignal.timeout(PROOF_MS);
  const byteCount = body.reduce((total, piece) => total + piece.length, 0);
  try {
    const now = await retrier.run(() => headObject(path, key, limit), limit);
    const objectBytes = offset + byteCount;
    if (now.etag === etag || now.sizeBytes !== objectBytes) return undefined;
    const end = new Comparison(body);
    await getObject(
      reading,
      { key, etag: now.etag, offset, byteCount, objectBytes, sink: end },
      limit,
    );
    return end.isSame ? { etag: now.etag } : undefined;
  } catch {
    // The first failure is the one to report.
    return undefined;
  }
}

/** Compares what arrives with what was sent. */
class Comparison implements BodySink {
  readonly #body: readonly Uint8Array[];
  readonly #scratch = Buffer.allocUnsafe(SCRATCH_BYTES);
  #piece = 0;
  #at = 0;
  isSame: boolean = true;

  constructor(body: readonly Uint8Array[]) {
    this.#body = body;
  }

  target(): Uint8Array {
    return this.#scratch;
  }

  filled(byteCount: number): void {
    for (let from = 0; from < byteCount && this.isSame; ) {
      const piece = this.#body[this.#piece] ?? this.#scratch.subarray(0, 0);
      const count = Math.min(byteCount - from, piece.length - this.#at);
      const sent = piece.subarray(this.#at, this.#at + count);
      this.isSame = count > 0 && this.#scratch.subarray(from, from + count).equals(sent);
      from += count;
      this.#at += count;
      if (this.#at < piece.length) continue;
      this.#piece += 1;
      this.#at = 0;
    }
  }

  restart(): void {
    this.#piece = 0;
    this.#at = 0;
    this.isSame = true;
  }
}
