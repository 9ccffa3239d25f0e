/**
 * What a person can do about a failure, where its message does not say it already. Most refusals of
 * `fs/` name their flag themselves.
 */

import { MemoryError } from "../memory/index.ts";
import { S3Error, type S3ErrorKind } from "../s3/index.ts";
import { WriteError, type WriteErrorKind } from "../write/index.ts";
import { FsError } from "./error.ts";

export function remedyOf(error: unknown): string | undefined {
  if (error instanceof S3Error) return s3Remedy(error);
  if (error instanceof FsError && error.kind === "no-room") return remedyOf(error.cause);
  if (error instanceof WriteError) return WRITE_REMEDIES[error.kind];
  if (error instanceof MemoryError) {
    return "mount with a larger --memory-target, or have fewer files open at one time";
  }
  return undefined;
}

/** The store's failure behind `error`, if there is one. */
export function s3ErrorBehind(error: unknown): S3Error | undefined {
  if (error instanceof S3Error) return error;
  return error instanceof Error ? s3ErrorBehind(error.cause) : undefined;
}

function s3Remedy(error: S3Error): string | undefined {
  if (error.code?.startsWith("KMS.")) return KMS_REMEDY;
  const remedy = CODE_REMEDIES.get(error.code ?? "") ?? S3_REMEDIES[error.kind];
  if (remedy !== undefined || error.kind !== "access-denied") return remedy;
  const [, named] = NAMED_PERMISSION.exec(error.message) ?? [];
  const permission = named ?? PERMISSIONS.get(error.operation);
  const needed = permission === undefined ? "a permission" : `the permission ${permission}`;
  return `the credentials need ${needed}, in their own policy or the bucket's`;
}

/** What S3 itself says is missing, which may be a permission of another service. */
const NAMED_PERMISSION = /not authorized to perform: ([a-z\d-]+:[A-Za-z]+)/;

const KMS_REMEDY =
  "check the state of the key that --sse-kms-key-id names, or that the bucket encrypts with";

/** For codes that have no kind of their own. */
const CODE_REMEDIES: ReadonlyMap<string, string> = new Map([
  ["InvalidStorageClass", "mount with another --storage-class, or without"],
  ["AccountProblem", "the owner of the account has to settle it with Amazon's support"],
  ["AllAccessDisabled", "the owner of the bucket has to settle it with Amazon's support"],
]);

const WHEN_UNREACHABLE =
  "the mount goes on by itself when the server answers again; repeat what failed";

const S3_REMEDIES: Partial<Record<S3ErrorKind, string>> = {
  "no-such-bucket": "unmount, and mount a bucket that exists",
  "invalid-credentials": "check the access key and its secret, and mount again",
  "expired-credentials": "renew the credentials; the mount takes them up by itself",
  "no-credentials": "set up or mend one of these; the mount takes up what it gives by itself",
  "clock-skewed": "set the clock of this machine",
  "no-space": "delete what is not needed, or have the quota or the server's disk made larger",
  "wrong-region": "mount with --region and the bucket's region",
  archived: "restore the object first",
  "too-many-parts":
    "copy the file to a new name, which makes few parts of it, and append to the copy",
  "checksum-refused": "for a server that knows no checksums, mount with --upload-checksums off",
  "encryption-mismatch": "mount with what the server can do as --sse, or without",
  throttled: "retry later or with fewer requests at one time",
  "precondition-failed": "open the file again to have the object as it is now",
  "server-error": WHEN_UNREACHABLE,
  network: WHEN_UNREACHABLE,
  timeout: WHEN_UNREACHABLE,
};

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html */
const PERMISSIONS: ReadonlyMap<string, string> = new Map([
  ["HeadObject", "s3:GetObject"],
  ["GetObject", "s3:GetObject"],
  ["ListObjectsV2", "s3:ListBucket"],
  ["PutObject", "s3:PutObject"],
  ["CreateMultipartUpload", "s3:PutObject"],
  ["UploadPart", "s3:PutObject"],
  ["CompleteMultipartUpload", "s3:PutObject"],
  ["AbortMultipartUpload", "s3:AbortMultipartUpload"],
  ["DeleteObject", "s3:DeleteObject"],
]);

const WRITE_REMEDIES: Partial<Record<WriteErrorKind, string>> = {
  "out-of-order":
    "S3 takes files from beginning to end only: write to a local file, and copy it here",
  "spill-lost": "write the file again, with TMPDIR naming a directory on a sound disk",
};

const NOT_UTF8 = "names in S3 are UTF-8, and the name that was asked for is not; convert it first";

/** Why the protocol layer refuses an operation of this name by itself, and what to do instead. */
export const REFUSALS: ReadonlyMap<string, string> = new Map([
  ...["create", "mkdir", "mknod", "rename", "rename2"].map((opcode) => [opcode, NOT_UTF8] as const),
  ["symlink", "S3 has no symbolic links; copy the file instead (cp -rL follows links)"],
  ["link", "S3 has no hard links; copy the file instead"],
  [
    "setxattr",
    "S3 keeps no extended attributes; copy without them (cp without -a, rsync without -X)",
  ],
  ["fallocate", "space in S3 need not be reserved; have the program write without it"],
]);
