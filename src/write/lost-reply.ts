/**
 * Whether an object was stored although the request that stores it failed.
 *
 * The reply to a PUT or a completion can get lost after the store has acted. The client repeats the
 * request, and the repetition may fail because the first one succeeded: the upload is gone, the
 * object exists. Reporting that as a failure would be wrong, and so would believing it: the object is
 * ours only if it has our size and our checksum, or the ETag that the store computes of our bytes.
 */

import { createHash } from "node:crypto";

import { Cancellation, type CancelSignal } from "../base/cancellation.ts";
import {
  type Checksum,
  type ObjectClient,
  S3Error,
  type S3ErrorKind,
  type Stored,
  type StoredInfo,
} from "../s3/index.ts";

/** After any other failure the store has refused, and nothing was stored. */
const KINDS_OF_LOST_REPLIES: ReadonlySet<S3ErrorKind> = new Set([
  "network",
  "timeout",
  "server-error",
  "bad-response",
  "no-such-upload",
  "precondition-failed",
]);

export interface ExpectedObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** That of the object, if its bytes were sent with one. */
  readonly checksum: Checksum | undefined;
  /** The ETag that proves it, without quotes; undefined when it cannot be known. Computed if needed. */
  readonly md5Etag: () => string | undefined;
}

/** Somebody waits in close(2), and the request before has taken its time already. */
const PROOF_MS = 30_000;

/**
 * After `error` from the request that should have stored `expected`: what was stored after all, or
 * undefined when nothing was, or nothing can be proved.
 */
export async function storedAfterAll(
  client: ObjectClient,
  error: unknown,
  expected: ExpectedObject,
  signal: CancelSignal,
): Promise<Stored | undefined> {
  if (signal.aborted || !(error instanceof S3Error) || !KINDS_OF_LOST_REPLIES.has(error.kind)) {
    return undefined;
  }
  const limit = new Cancellation();
  const giveUp = (): void => limit.abort();
  const timer = setTimeout(giveUp, PROOF_MS);
  signal.addEventListener("abort", giveUp);
  try {
    const info = await client.headStored(expected.key, expected.checksum?.algorithm, limit);
    return isOurs(info, expected) ? { etag: info.etag } : undefined;
  } catch {
    // The first failure is the one to report.
    return undefined;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }
}

/** Under a key of KMS the ETag is no MD5; a store that knows no checksums tells none. */
function isOurs(info: StoredInfo, { checksum, md5Etag, sizeBytes }: ExpectedObject): boolean {
  if (info.sizeBytes !== sizeBytes) return false;
  if (checksum !== undefined && info.checksum !== undefined) {
    return info.checksum.base64 === checksum.base64;
  }
  return unquoted(info.etag) === md5Etag();
}

/** The ETag of an object that was stored by one PUT, unless it was encrypted with a key of its own. */
export function md5OfBody(body: readonly Uint8Array[]): string {
  const hash = createHash("md5");
  for (const bytes of body) hash.update(bytes);
  return hash.digest("hex");
}

/** The ETag of a multipart object: the MD5 of the parts' MD5s, and their number. */
export function md5OfParts(etags: readonly string[]): string | undefined {
  const hash = createHash("md5");
  for (const etag of etags) {
    const hex = unquoted(etag);
    if (!/^[0-9a-f]{32}$/.test(hex)) return undefined;
    hash.update(hex, "hex");
  }
  return `${hash.digest("hex")}-${etags.length}`;
}

function unquoted(etag: string): string {
  return etag.replace(/^"(.*)"$/, "$1");
}
