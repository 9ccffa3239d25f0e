/**
 * The main command: what `mount-s3-ts BUCKET DIRECTORY [options]` asks for, once its words are cut.
 * Only the command line is judged here; whether the directory and the bucket exist is found out later.
 */

import { resolve } from "node:path";
import { MIB } from "../base/sizes.ts";
import type { MetadataTtl, MountOptions } from "../mount/index.ts";
import { parseCommandLine } from "./command-line.ts";
import { CliError } from "./error.ts";
import { MOUNT_TABLE } from "./mount-table.ts";
import { type OptionValues, RefusedValue } from "./option.ts";
import { prefix as prefixValue } from "./option-values.ts";

/** Where log lines go, apart from standard output in the foreground. */
export interface LogOptions {
  readonly debug: boolean;
  readonly noLog: boolean;
  /** Absolute. */
  readonly logDirectory: string | undefined;
}

export interface MountCommand {
  readonly kind: "mount";
  readonly options: MountOptions;
  readonly foreground: boolean;
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
}

type MountValues = OptionValues<typeof MOUNT_TABLE>;

const USAGE = "mount-s3-ts BUCKET DIRECTORY [options]";
const PART_BYTES_DEFAULT = 8 * MIB;
const UPLOAD_TIMEOUT_SECONDS_DEFAULT = 60;

/** Reads the main command, or throws a usage error. */
export function parseMountCommand(args: readonly string[], invoker: Invoker): MainCommand {
  const { positionals, values } = parseCommandLine(MOUNT_TABLE, args, "mount-s3-ts --help");
  if (values.help) return { kind: "help" };
  if (values.version) return { kind: "version" };

  const { bucketArgument, directoryArgument } = takePositionals(positionals);
  const { bucket, prefix } = parseBucket(bucketArgument, values.prefix);
  const metadataTtl = values["metadata-ttl"] ?? { kind: "minimal" };
  const zeroTtl = metadataTtl.kind === "seconds" && metadataTtl.seconds === 0;
  return {
    kind: "mount",
    options: mountOptions(values, {
      bucket,
      prefix,
      directory: resolve(invoker.workingDirectory, directoryArgument),
      deviceFd: passedDevice(directoryArgument, values),
      metadataTtl: zeroTtl ? { kind: "minimal" } : metadataTtl,
      uid: values.uid ?? invoker.uid,
      gid: values.gid ?? invoker.gid,
    }),
    foreground: values.foreground,
    log: {
      debug: values.debug,
      noLog: values["no-log"],
      logDirectory:
        values["log-directory"] && resolve(invoker.workingDirectory, values["log-directory"]),
    },
    warnings: zeroTtl ? ['--metadata-ttl 0 means "minimal": write --metadata-ttl minimal'] : [],
  };
}

interface Settled {
  readonly bucket: string;
  readonly prefix: string;
  readonly directory: string;
  readonly deviceFd: number | undefined;
  readonly metadataTtl: MetadataTtl;
  readonly uid: number;
  readonly gid: number;
}

function mountOptions(values: MountValues, settled: Settled): MountOptions {
  const partBytes = values["part-size"] ?? PART_BYTES_DEFAULT;
  const memoryTargetMib = values["memory-target"];
  const uploadTimeoutSeconds = values["upload-timeout"] ?? UPLOAD_TIMEOUT_SECONDS_DEFAULT;
  return {
    ...settled,
    region: values.region,
    endpointUrl: values["endpoint-url"],
    forcePathStyle: values["force-path-style"],
    profile: values.profile,
    noSignRequest: values["no-sign-request"],
    readOnly: values["read-only"],
    allowDelete: values["allow-delete"],
    allowOverwrite: values["allow-overwrite"],
    allowOther: values["allow-other"],
    allowRoot: values["allow-root"],
    autoUnmount: values["auto-unmount"],
    dirMode: values["dir-mode"] ?? 0o755,
    fileMode: values["file-mode"] ?? 0o644,
    readPartBytes: values["read-part-size"] ?? partBytes,
    writePartBytes: values["write-part-size"] ?? partBytes,
    memoryTargetBytes: memoryTargetMib === undefined ? undefined : memoryTargetMib * MIB,
    uploadTimeoutMs: uploadTimeoutSeconds * 1000,
  };
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
const OPTIONS_OF_MOUNTING = ["read-only", "auto-unmount", "allow-other", "allow-root"] as const;

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

/** `bucket`, `s3://bucket` or `s3://bucket/prefix/`. */
function parseBucket(argument: string, prefixOption: string | undefined) {
  const uri = /^s3:\/\/([^/]*)(?:\/(.*))?$/s.exec(argument);
  if (!uri) return { bucket: bucketName(argument), prefix: prefixOption ?? "" };

  const [, bucket = "", path = ""] = uri;
  if (prefixOption !== undefined) {
    throw new CliError(
      "usage",
      `--prefix "${prefixOption}" is not allowed with an S3 URI, "${argument}": write the prefix into the URI`,
    );
  }
  if (path === "") return { bucket: bucketName(bucket), prefix: "" };
  try {
    return { bucket: bucketName(bucket), prefix: prefixValue(path) };
  } catch (error) {
    if (!(error instanceof RefusedValue)) throw error;
    throw new CliError(
      "usage",
      `"${argument}" is refused: a prefix must end with "/": write ${argument}/`,
    );
  }
}

/** Names as S3 has ever allowed them, older buckets included. */
function bucketName(name: string): string {
  if (name.startsWith("arn:")) {
    throw new CliError(
      "usage",
      `"${name}" is refused: access points by ARN are not yet supported; name a bucket or an access point alias`,
    );
  }
  if (name.includes("/")) {
    throw new CliError(
      "usage",
      `"${name}" is not a bucket name but looks like a path: the bucket comes first, ${USAGE}`,
    );
  }
  if (name.length < 3 || name.length > 255) {
    throw new CliError(
      "usage",
      `"${name}" is not a bucket name: it has ${name.length} characters, and names have 3 to 255`,
    );
  }
  if (!/^[0-9a-zA-Z\-._]+$/.test(name)) {
    throw new CliError(
      "usage",
      `"${name}" is not a bucket name: names have letters, digits, "-", "." and "_" only`,
    );
  }
  return name;
}
