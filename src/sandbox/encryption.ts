/**
 * Server-side encryption as clients see it: headers that are judged, kept and told again. Nothing is
 * encrypted; but the ETag of an object under a key of KMS is no MD5, as with S3.
 */

import { createHash } from "node:crypto";
import { SandboxError } from "./error.ts";
import { header, type S3Request } from "./request.ts";

const ALGORITHM = "x-amz-server-side-encryption";
const KEY = "x-amz-server-side-encryption-aws-kms-key-id";
const ALGORITHMS = ["AES256", "aws:kms", "aws:kms:dsse"];
/** What stands for the key that an account has for S3. */
const DEFAULT_KEY = "arn:aws:kms:us-east-1:123456789012:key/sandbox-default";

type Headers = Readonly<Record<string, string | undefined>>;

/** The encryption that `request` asks for, as headers. Throws `InvalidArgument`. */
export function requestedEncryption(request: S3Request): Readonly<Record<string, string>> {
  const algorithm = header(request, ALGORITHM);
  const key = header(request, KEY);
  if (algorithm === undefined && key === undefined) return {};
  if (algorithm === undefined || !ALGORITHMS.includes(algorithm)) {
    throw new SandboxError("InvalidArgument", "The encryption method specified is not supported", {
      ArgumentName: ALGORITHM,
      ArgumentValue: algorithm ?? "null",
    });
  }
  if (algorithm !== "AES256") return { [ALGORITHM]: algorithm, [KEY]: key ?? DEFAULT_KEY };
  if (key === undefined) return { [ALGORITHM]: algorithm };
  const message =
    "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms";
  throw new SandboxError("InvalidArgument", message);
}

/** The same of a session: directory buckets know two ways, and no key of an account's own for S3. */
export function sessionEncryption(request: S3Request): Readonly<Record<string, string>> {
  const algorithm = header(request, ALGORITHM);
  const isRefused =
    algorithm === "aws:kms:dsse" || (algorithm === "aws:kms" && header(request, KEY) === undefined);
  if (!isRefused) return requestedEncryption(request);
  const message =
    "Directory buckets are encrypted with AES256, or with aws:kms and the customer managed key that is named";
  throw new SandboxError("InvalidArgument", message, {
    ArgumentName: ALGORITHM,
    ArgumentValue: algorithm,
  });
}

/** Those of an object's `headers` that answers to its making tell. */
export function toldEncryption(headers: Headers): Headers {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name === ALGORITHM || name === KEY),
  );
}

/** The ETag of an object that would have `etag` if it were not encrypted. */
export function encryptedEtag(etag: string, headers: Headers): string {
  if (!headers[ALGORITHM]?.startsWith("aws:kms")) return etag;
  const hash = createHash("md5").update(`encrypted ${etag}`).digest("hex");
  return etag.replace(/[0-9a-f]{32}/, hash);
}
