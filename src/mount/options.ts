/** Everything that decides how a bucket is mounted: what `cli/` parses and `mountBucket` takes. */

/** How long names and attributes are believed without asking S3. */
export type MetadataTtl =
  /** Just long enough for one system call: 100 ms for files, 1 s for directories. */
  | { readonly kind: "minimal" }
  | { readonly kind: "seconds"; readonly seconds: number }
  | { readonly kind: "indefinite" };

export interface MountOptions {
  readonly bucket: string;
  /** "" or a prefix that ends in "/". */
  readonly prefix: string;
  /** Absolute path of the directory to mount at. */
  readonly directory: string;
  /** An open /dev/fuse that somebody else has mounted; `directory` is then its name, /dev/fd/N. */
  readonly deviceFd: number | undefined;
  readonly region: string | undefined;
  readonly endpointUrl: string | undefined;
  readonly forcePathStyle: boolean;
  readonly profile: string | undefined;
  readonly noSignRequest: boolean;
  readonly readOnly: boolean;
  readonly allowDelete: boolean;
  readonly allowOverwrite: boolean;
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
  readonly metadataTtl: MetadataTtl;
  /** After SIGTERM or an unmount: how long pending uploads may take before they are aborted. */
  readonly uploadTimeoutMs: number;
}
