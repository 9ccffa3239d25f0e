/** HeadObject: what S3 says of one object, from the headers of an answer without a body. */

import type { CancelSignal } from "../base/cancellation.ts";
import { badAnswer } from "./answer-error.ts";
import { type ChecksumAlgorithm, TELL_CHECKSUM, toldChecksum } from "./checksum.ts";
import type { DirectPath } from "./direct-path.ts";
import { type Encryption, encryptionMismatch } from "./encryption.ts";
import { type ObjectInfo, parseLastModified, type StoredInfo } from "./object-client.ts";
import type { Headers } from "./response-head.ts";

const CALL = { operation: "HeadObject", method: "HEAD" } as const;

export async function headObject(
  path: DirectPath,
  key: string,
  signal?: CancelSignal,
): Promise<ObjectInfo> {
  const call = { ...CALL, key };
  const { headers, status } = await path.send(call, signal);
  return objectInfo(key, headers, status);
}

export interface StoredQuestion {
  readonly key: string;
  /** undefined: whichever the object has. */
  readonly algorithm: ChecksumAlgorithm | undefined;
  readonly encryption: Encryption | undefined;
}

/** With the checksum; fails with "encryption-mismatch" for an object that is encrypted otherwise. */
export async function headStored(
  path: DirectPath,
  { algorithm, encryption, key }: StoredQuestion,
  signal?: CancelSignal,
): Promise<StoredInfo> {
  const call = { ...CALL, key, signedHeaders: TELL_CHECKSUM };
  const { headers, status } = await path.send(call, signal);
  const mismatch = encryptionMismatch(encryption, headers, call);
  if (mismatch !== undefined) throw mismatch;
  return { ...objectInfo(key, headers, status), checksum: toldChecksum(headers, algorithm) };
}

function objectInfo(key: string, headers: Headers, status: number): ObjectInfo {
  const call = { ...CALL, key };
  const length = headers["content-length"];
  if (length === undefined) throw badAnswer(call, status, "it does not say how long the object is");
  return {
    key,
    sizeBytes: Number(length),
    etag: headers["etag"] ?? "",
    lastModifiedMs: parseLastModified(headers["last-modified"]),
    storageClass: headers["x-amz-storage-class"],
    // 'ongoing-request="false", expiry-date="…"' once a restored copy exists.
    restored: headers["x-amz-restore"]?.includes('ongoing-request="false"') ?? false,
  };
}
