/**
 * Takes the body of PutObject and UploadPart: writes it to the storage while it computes what the
 * client and S3 want to know of it, and gives it up again when anything does not agree.
 */

import { createHash, randomBytes } from "node:crypto";
import {
  assertChecksumShape,
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  checksumHeader,
  createDigest,
  type Digest,
  parseAlgorithm,
} from "./checksum.ts";
import { type Content, DiscardWriter } from "./content.ts";
import { SandboxError } from "./error.ts";
import type { Call } from "./operation.ts";
import { header, type S3Request } from "./request.ts";

interface TakenChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly base64: string;
}

export interface TakenUpload {
  /** One count of it belongs to the caller. */
  readonly content: Content;
  /** With its quotes. */
  readonly etag: string;
  /** In the algorithm of the request, else in `defaultAlgorithm`, else undefined. */
  readonly checksum: TakenChecksum | undefined;
}

/** Receives the body of `call`, whose checksum is computed also where the client sends none. */
export async function takeUpload(
  call: Call,
  defaultAlgorithm?: ChecksumAlgorithm,
): Promise<TakenUpload> {
  const declared = declaredChecksum(call.request);
  const md5 = declaredMd5(call.request);
  const algorithm = declared?.algorithm ?? defaultAlgorithm;
  if (call.dials.discard) return discardUpload(call, declared);
  const digest = algorithm === undefined ? undefined : createDigest(algorithm, call.checksums);
  const hash = createHash("md5");
  const writer = call.buckets.storage.createWriter(call.body.sizeBytes);
  try {
    const trailers = await call.body.receive((bytes) => {
      hash.update(bytes);
      digest?.update(bytes);
      return writer.write(bytes);
    });
    const md5Bytes = hash.digest();
    if (md5 !== undefined && md5 !== md5Bytes.toString("base64"))
      throw new SandboxError("BadDigest");
    const checksum = verifyChecksum({ declared, algorithm, digest, trailers });
    const content = await writer.finish();
    return { content, etag: `"${md5Bytes.toString("hex")}"`, checksum };
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** Believes what the client says of bytes that are not kept. */
async function discardUpload(
  call: Call,
  declared: DeclaredChecksum | undefined,
): Promise<TakenUpload> {
  const writer = new DiscardWriter();
  const trailers = await call.body.receive((bytes) => writer.write(bytes));
  const base64 =
    declared === undefined
      ? undefined
      : (declared.base64 ?? trailers.get(checksumHeader(declared.algorithm)));
  // With a suffix, so that no client takes it for an MD5 and compares.
  const etag = `"${randomBytes(16).toString("hex")}-1"`;
  if (declared === undefined || base64 === undefined) {
    return { content: writer.finish(), etag, checksum: undefined };
  }
  return { content: writer.finish(), etag, checksum: { algorithm: declared.algorithm, base64 } };
}

interface DeclaredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Undefined when it comes as a trailer. */
  readonly base64: string | undefined;
}

function declaredChecksum(request: S3Request): DeclaredChecksum | undefined {
  const given = CHECKSUM_ALGORITHMS.filter(
    (algorithm) => header(request, checksumHeader(algorithm)) !== undefined,
  );
  const [algorithm] = given;
  if (given.length > 1) {
    throw new SandboxError(
      "InvalidRequest",
      "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
    );
  }
  if (algorithm !== undefined) {
    const base64 = header(request, checksumHeader(algorithm)) ?? "";
    assertChecksumShape(algorithm, base64);
    return { algorithm, base64 };
  }
  const trailer = header(request, "x-amz-trailer");
  const named = /^x-amz-checksum-(\w+)$/i.exec(trailer?.trim() ?? "")?.[1];
  return named === undefined ? undefined : { algorithm: parseAlgorithm(named), base64: undefined };
}

/** The value of Content-MD5, or `InvalidDigest`. */
function declaredMd5(request: S3Request): string | undefined {
  const text = header(request, "content-md5");
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text, "base64");
  if (bytes.byteLength === 16 && bytes.toString("base64") === text) return text;
  throw new SandboxError("InvalidDigest");
}

interface Verification {
  readonly declared: DeclaredChecksum | undefined;
  readonly algorithm: ChecksumAlgorithm | undefined;
  readonly digest: Digest | undefined;
  readonly trailers: ReadonlyMap<string, string>;
}

function verifyChecksum(verification: Verification): TakenChecksum | undefined {
  const { declared, algorithm, digest, trailers } = verification;
  if (algorithm === undefined || digest === undefined) return undefined;
  const base64 = digest.base64();
  if (declared !== undefined) {
    const expected = declared.base64 ?? trailers.get(checksumHeader(declared.algorithm));
    if (expected !== base64) {
      throw new SandboxError(
        "BadDigest",
        `The ${algorithm} you specified did not match the calculated checksum.`,
      );
    }
  }
  return { algorithm, base64 };
}
