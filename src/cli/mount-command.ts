/**
 * The main command: what `mount-s3-ts BUCKET DIRECTORY [options]` asks for, once its words are cut.
 * Only the command line is judged here; whether the directory and the bucket exist is found out later.
 */

import { resolve } from "node:path";
import { MIB } from "../base/sizes.ts";
import type { MetadataTtl, MountOptions } from "../mount/index.ts";
import { parseBucket } from "./bucket-argument.ts";
import { parseCommandLine } from "./command-line.ts";
import { CliError } from "./error.ts";
import { MOUNT_TABLE, type MountValues, USAGE } from "./mount-table.ts";
import { refuseNotYetSupported } from "./not-yet-supported.ts";

/** Where log lines go, apart from standard output in the foreground. */
export interface LogOptions {
  readonly debug: boolean;
  readonly debugCrt: boolean;
  readonly logFormat: "text" | "json";
  readonly logMetrics: boolean;
  readonly noLog: boolean;
  /** Absolute. */
  readonly logDirectory: string | undefined;
}

export interface MountCommand {
  readonly kind: "mount";
  readonly options: MountOptions;
  readonly foreground: boolean;
  /** Absolute. */
  readonly pidFile: string | undefined;
  readonly log: LogOptions;
  /** Sentences that the user should read although the command goes on. */
  readonly warnings: readonly string[];
}

export type MainCommand = MountCommand | { readonly kind: "help" } | { readonly kind: "version" };

/** Who mounts and where: what relative paths and absent ids are taken from. */
export interface Invoker {
  readonly workingDirectory: string;
  readonly uid: number;
  readonly gid: number;
  /** UNSTABLE_MOUNTPOINT_PID_FILE, where it is set. */
  readonly pidFile?: string | undefined;
}

const PART_BYTES_DEFAULT = 8 * MIB;
const UPLOAD_TIMEOUT_SECONDS_DEFAULT = 60;

/** Reads the main command, or throws a usage error. */
export function parseMountCommand(args: readonly string[], invoker: Invoker): MainCommand {
  const { positionals, values } = parseCommandLine(MOUNT_TABLE, args, "mount-s3-ts --help");
  if (values.help) return { kind: "help" };
  if (values.version) return { kind: "version" };

  const { bucketArgument, directoryArgument } = takePositionals(positionals);
  const absolute = (path: string | undefined) => path && resolve(invoker.workingDirectory, path);
  const { bucket, prefix } = parseBucket(bucketArgument, values.prefix);
  refuseSseContradiction(values);
  refuseNotYetSupported(values);
  return {
    kind: "mount",
    options: mountOptions(values, {
      bucket,
      prefix,
      directory: resolve(invoker.workingDirectory, directoryArgument),
      deviceFd: passedDevice(directoryArgument, values),
      caBundle: absolute(values["ca-bundle"]),
      uid: values.uid ?? invoker.uid,
      gid: values.gid ?? invoker.gid,
    }),
    foreground: values.foreground,
    pidFile: absolute(values["pid-file"] ?? invoker.pidFile),
    log: {
      debug: values.debug,
      debugCrt: values["debug-crt"],
      logFormat: values["log-format"] ?? "text",
      logMetrics: values["log-metrics"],
      noLog: values["no-log"],
      logDirectory: absolute(values["log-directory"]),
    },
    warnings: (["metadata-ttl", "negative-metadata-ttl"] as const)
      .filter((name) => isZero(values[name]))
      .map((name) => `--${name} 0 means "minimal": write --${name} minimal`),
  };
}

interface Settled {
  readonly bucket: string;
  readonly prefix: string;
  readonly directory: string;
  readonly deviceFd: number | undefined;
  readonly caBundle: string | undefined;
  readonly uid: number;
  readonly gid: number;
}

function mountOptions(values: MountValues, settled: Settled): MountOptions {
  const metadataTtl = effectiveTtl(values["metadata-ttl"] ?? { kind: "minimal" });
  const partBytes = values["part-size"] ?? PART_BYTES_DEFAULT;
  const memoryTargetMib = values["memory-target"];
  const uploadTimeoutSeconds = values["upload-timeout"] ?? UPLOAD_TIMEOUT_SECONDS_DEFAULT;
  return {
    ...settled,
    bucketType: values["bucket-type"],
    region: values.region,
    endpointUrl: values["endpoint-url"],
    forcePathStyle: values["force-path-style"],
    transferAcceleration: values["transfer-acceleration"],
    dualStack: values["dual-stack"],
    requesterPays: values["requester-pays"],
    expectedBucketOwner: values["expected-bucket-owner"],
    profile: values.profile,
    noSignRequest: values["no-sign-request"],
    userAgentPrefix: values["user-agent-prefix"],
    storageClass: values["storage-class"],
    sse: values.sse,
    sseKmsKeyId: values["sse-kms-key-id"],
    uploadChecksums: values["upload-checksums"] ?? "crc32c",
    inferContentType: values["infer-content-type"],
    readOnly: values["read-only"],
    noExec: values.noexec,
    allowDelete: values["allow-delete"],
    allowOverwrite: values["allow-overwrite"],
    incrementalUpload: values["incremental-upload"],
    allowOther: values["allow-other"],
    allowRoot: values["allow-root"],
    autoUnmount: values["auto-unmount"],
    dirMode: values["dir-mode"] ?? 0o755,
    fileMode: values["file-mode"] ?? 0o644,
    readPartBytes: values["read-part-size"] ?? partBytes,
    writePartBytes: values["write-part-size"] ?? partBytes,
    busyPollMicros: values["busy-poll"],
    dataThreads: values["data-threads"],
    threadsMax: values["max-threads"],
    memoryTargetBytes: memoryTargetMib === undefined ? undefined : memoryTargetMib * MIB,
    maximumThroughputGbps: values["maximum-throughput-gbps"],
    metadataTtl,
    negativeMetadataTtl: effectiveTtl(values["negative-metadata-ttl"] ?? metadataTtl),
    fetchAhead: !values["no-fetch-ahead"],
    fuseBackend: values["fuse-backend"] ?? "native",
    uploadTimeoutMs: uploadTimeoutSeconds * 1000,
  };
}

function isZero(ttl: MetadataTtl | undefined): boolean {
  return ttl?.kind === "seconds" && ttl.seconds === 0;
}

/** No time at all would not last for one system call. */
function effectiveTtl(ttl: MetadataTtl): MetadataTtl {
  return isZero(ttl) ? { kind: "minimal" } : ttl;
}

function refuseSseContradiction(values: MountValues): void {
  const key = values["sse-kms-key-id"];
  if (key === undefined || values.sse !== "AES256") return;
  throw new CliError(
    "usage",
    `--sse-kms-key-id ${key} cannot be used with --sse AES256, which has no key of KMS: write --sse aws:kms, or leave the key out`,
  );
}

function takePositionals(positionals: readonly string[]) {
  const [bucketArgument, directoryArgument, extra] = positionals;
  if (bucketArgument === undefined) {
    throw new CliError("usage", `no bucket and no directory were given: write ${USAGE}`);
  }
  if (directoryArgument === undefined) {
    throw new CliError(
      "usage",
      `no directory to mount "${bucketArgument}" at was given: write ${USAGE}`,
    );
  }
  if (extra !== undefined) {
    throw new CliError(
      "usage",
      `"${extra}" is one word too many after the bucket and the directory: write ${USAGE}`,
    );
  }
  if (directoryArgument === "") {
    throw new CliError("usage", `the directory to mount at is empty: write ${USAGE}`);
  }
  return { bucketArgument, directoryArgument };
}

/** Options of mount(2), which whoever passes a descriptor has called already. */
const OPTIONS_OF_MOUNTING = ["read-only", "noexec", "auto-unmount"] as const;

/** The descriptor that "/dev/fd/N" names: of /dev/fuse, mounted by whoever passes it. */
function passedDevice(directoryArgument: string, values: MountValues): number | undefined {
  const digits = /^\/dev\/fd\/(\d{1,7})$/.exec(directoryArgument)?.[1];
  if (digits === undefined) return undefined;
  const given = OPTIONS_OF_MOUNTING.find((name) => values[name]);
  if (given === undefined) return Number(digits);
  throw new CliError(
    "usage",
    `--${given} cannot be used with ${directoryArgument}: it is up to whoever mounts that descriptor, so give the option to mount(2) instead`,
  );
}
