/**
 * Server-side encryption of new objects: what is asked for, and whether S3 says that it did that. A
 * server that knows no encryption ignores the headers and says nothing, which is no better than
 * another key: whoever asked for encryption is told.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html
 */

import type { OperationName } from "./answer-error.ts";
import { S3Error } from "./error.ts";
import type { Headers } from "./response-head.ts";

export interface Encryption {
  readonly algorithm: "AES256" | "aws:kms" | "aws:kms:dsse";
  /** ARN of the key; undefined for the one that the account has for S3. */
  readonly kmsKeyId: string | undefined;
}

const ALGORITHM_HEADER = "x-amz-server-side-encryption";
const KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id";

export function encryptionHeaders(wanted: Encryption | undefined): Record<string, string> {
  if (wanted === undefined) return {};
  const { algorithm, kmsKeyId } = wanted;
  return { [ALGORITHM_HEADER]: algorithm, ...(kmsKeyId && { [KEY_HEADER]: kmsKeyId }) };
}

/**
 * The failure of an operation whose answer says that the object is encrypted otherwise than `wanted`,
 * if it does; saying nothing is another way to say so.
 */
export function encryptionMismatch(
  wanted: Encryption | undefined,
  headers: Headers,
  name: OperationName,
): S3Error | undefined {
  if (wanted === undefined) return undefined;
  const { algorithm, kmsKeyId } = wanted;
  const told = headers[ALGORITHM_HEADER];
  const toldKey = headers[KEY_HEADER];
  if (told === algorithm && (kmsKeyId === undefined || toldKey === kmsKeyId)) return undefined;
  const message =
    `it was to be encrypted with ${shown(algorithm, kmsKeyId)}, ` +
    `but the server says ${told === undefined ? "nothing of encryption" : shown(told, toldKey)}`;
  return new S3Error(message, { kind: "encryption-mismatch", ...name });
}

function tellsEncryption(headers: Headers): boolean {
  return headers[ALGORITHM_HEADER] !== undefined;
}

/**
 * Multipart uploads whose encryption is not confirmed yet. S3 tells it at the beginning and with each
 * part, MinIO only with the parts; an upload of which nobody has said it is not completed.
 */
export class UnconfirmedUploads {
  readonly #wanted: Encryption | undefined;
  readonly #uploadIds = new Set<string>();

  constructor(wanted: Encryption | undefined) {
    this.#wanted = wanted;
  }

  /** Notes what an answer of upload `uploadId` says. Throws what it contradicts with. */
  hear(uploadId: string, headers: Headers, name: OperationName): void {
    if (!tellsEncryption(headers)) return;
    const mismatch = encryptionMismatch(this.#wanted, headers, name);
    if (mismatch !== undefined) throw mismatch;
    this.#uploadIds.delete(uploadId);
  }

  begin(uploadId: string): void {
    if (this.#wanted !== undefined) this.#uploadIds.add(uploadId);
  }

  /** Throws when nothing that was heard confirms the encryption. */
  require(uploadId: string, name: OperationName): void {
    const mismatch = encryptionMismatch(this.#wanted, {}, name);
    if (mismatch !== undefined && this.#uploadIds.has(uploadId)) throw mismatch;
  }

  end(uploadId: string): void {
    this.#uploadIds.delete(uploadId);
  }
}

function shown(algorithm: string, key: string | undefined): string {
  return key === undefined ? algorithm : `${algorithm} and key ${key}`;
}
