/** Everything that decides how a bucket is mounted: what `cli/` parses and `mountBucket` takes. */

/** How long names and attributes are believed without asking S3. */
export type MetadataTtl =
  /** Just long enough for one system call: 100 ms for files, 1 s for directories. */
  | { readonly kind: "minimal" }
  | { readonly kind: "seconds"; readonly seconds: number }
  | { readonly kind: "indefinite" };

export type BucketType = "general-purpose" | "directory";

/** What S3 encrypts new objects with: values of `x-amz-server-side-encryption`. */
export type ServerSideEncryption = "AES256" | "aws:kms" | "aws:kms:dsse";

/** What guards the bytes of an upload, besides TLS. */
export type UploadChecksums = "crc32c" | "crc64nvme" | "off";

/** Who speaks with the kernel: this program's own addon, or the npm package fuse-native. */
export type FuseBackend = "native" | "fuse-native";

export interface MountOptions {
  /** A name, an alias or the ARN of an access point. */
  readonly bucket: string;
  /** Undefined where the bucket's name decides. */
  readonly bucketType: BucketType | undefined;
  /** "" or a prefix that ends in "/". */
  readonly prefix: string;
  /** Absolute path of the directory to mount at. */
  readonly directory: string;
  /** An open /dev/fuse that somebody else has mounted; `directory` is then its name, /dev/fd/N. */
  readonly deviceFd: number | undefined;
  readonly region: string | undefined;
  readonly endpointUrl: string | undefined;
  readonly forcePathStyle: boolean;
  readonly transferAcceleration: boolean;
  readonly dualStack: boolean;
  readonly requesterPays: boolean;
  /** Account that must own the bucket. */
  readonly expectedBucketOwner: string | undefined;
  readonly profile: string | undefined;
  readonly noSignRequest: boolean;
  /** Absolute path of a PEM file, used instead of the certificates that Node.js trusts. */
  readonly caBundle: string | undefined;
  readonly userAgentPrefix: string | undefined;
  /** Storage class of new objects, as S3 spells it; S3 judges it. */
  readonly storageClass: string | undefined;
  readonly sse: ServerSideEncryption | undefined;
  readonly sseKmsKeyId: string | undefined;
  readonly uploadChecksums: UploadChecksums;
  readonly inferContentType: boolean;
  readonly readOnly: boolean;
  /** Whether no program may be started from the mount. */
  readonly noExec: boolean;
  readonly allowDelete: boolean;
  readonly allowOverwrite: boolean;
  /** For directory buckets only. */
  readonly incrementalUpload: boolean;
  readonly allowOther: boolean;
  readonly allowRoot: boolean;
  readonly autoUnmount: boolean;
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, e.g. 0o755. */
  readonly dirMode: number;
  readonly fileMode: number;
  readonly readPartBytes: number;
  readonly writePartBytes: number;
  /** The most memory the process should use, arena and all; undefined for 95 % of what there is. */
  readonly memoryTargetBytes: number | undefined;
  /** See --busy-poll; the default depends on the processors. */
  readonly busyPollMicros: number | undefined;
  /** See --data-threads; the default depends on the processors. */
  readonly dataThreads: number | undefined;
  /** With the one that runs JavaScript. */
  readonly threadsMax: number | undefined;
  readonly maximumThroughputGbps: number | undefined;
  readonly metadataTtl: MetadataTtl;
  /** The same for names that are not there. */
  readonly negativeMetadataTtl: MetadataTtl;
  /** Whether files may be fetched before anybody opens them. */
  readonly fetchAhead: boolean;
  readonly fuseBackend: FuseBackend;
  /** After SIGTERM or an unmount: how long pending uploads may take before they are aborted. */
  readonly uploadTimeoutMs: number;
}
