/**
 * The file systems that are compared, as data: how each is found and started in the foreground on a
 * bucket. Credentials come from the environment, the same for all.
 */

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { ServerName } from "./jobs/job.ts";
import { run } from "./processes.ts";

export interface Target {
  readonly bucket: string;
  /** Only keys that begin with it are seen; empty, or ending with a slash. */
  readonly prefix: string;
  readonly directory: string;
  /** Undefined for Amazon S3 itself. */
  readonly endpointUrl: string | undefined;
  readonly region: string;
  /** Send no signatures: the server takes none. */
  readonly anonymous: boolean;
  readonly caBundle: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** Of the job, for those that share the flags of mount-s3. */
  readonly mountFlags: readonly string[];
  /** Ours tells what memory is in use, when it is asked. */
  readonly tellsMemory?: boolean;
}

export interface Contender {
  readonly name: string;
  readonly path: string;
  readonly version: string;
  /** What a reader of the figures must know. */
  readonly note: string | undefined;
  /** Why it is not measured on a server. */
  readonly notApplicable?: Readonly<Record<string, string>> | undefined;
  readonly command: (target: Target) => readonly string[];
  /** Whether it can tell what memory is in use. */
  readonly tellsMemory?: true;
}

export const OURS = "mount-s3-ts";

interface Candidate {
  readonly name: string;
  readonly versionArgs: readonly string[];
  readonly note?: string;
  readonly notApplicable?: Partial<Record<ServerName, string>>;
  readonly args: (target: Target) => readonly string[];
}

const WITHOUT_SESSIONS = {
  "sandbox-express":
    "it makes no sessions (CreateSession), without which a directory bucket refuses",
} as const;

const LATE = "stores small files some time after close, not before it";

/** Node's arguments with which ours does so. */
const TELLING = ["--expose-gc", "--import", new URL("./collect.js", import.meta.url).href];

/** The flags that ours and mount-s3 share. */
function mountpointArgs(target: Target): readonly string[] {
  const { anonymous, bucket, directory, endpointUrl, prefix, region } = target;
  return [
    ...["-f", "--no-log", "--region", region, "--allow-delete", "--allow-overwrite"],
    ...(endpointUrl === undefined ? [] : ["--endpoint-url", endpointUrl, "--force-path-style"]),
    ...(prefix === "" ? [] : ["--prefix", prefix]),
    ...(anonymous ? ["--no-sign-request"] : []),
    ...(target.caBundle === undefined ? [] : ["--ca-bundle", target.caBundle]),
    ...target.mountFlags,
    ...[bucket, directory],
  ];
}

/** `goofys` and its descendant take the same words. */
function goofysArgs({ bucket, directory, endpointUrl, prefix, region }: Target): readonly string[] {
  return [
    ...[
      "-f",
      "--region",
      region,
      ...(endpointUrl === undefined ? [] : ["--endpoint", endpointUrl]),
    ],
    ...[prefix === "" ? bucket : `${bucket}:${prefix.replace(/\/$/, "")}`, directory],
  ];
}

const CANDIDATES: readonly Candidate[] = [
  {
    name: "mount-s3",
    versionArgs: ["--version"],
    notApplicable: {
      "sandbox-express":
        "it asks for sessions at host names of buckets only, and the server here has an address",
    },
    args: mountpointArgs,
  },
  {
    name: "goofys",
    versionArgs: ["--version"],
    notApplicable: WITHOUT_SESSIONS,
    args: goofysArgs,
  },
  {
    name: "geesefs",
    versionArgs: ["--version"],
    note: LATE,
    notApplicable: WITHOUT_SESSIONS,
    args: goofysArgs,
  },
  {
    name: "rclone",
    versionArgs: ["version"],
    note: LATE,
    args: ({ bucket, directory, endpointUrl, prefix, region }) => [
      ...["mount", `:s3:${bucket}/${prefix}`, directory, "--s3-env-auth", "--s3-region", region],
      ...(endpointUrl === undefined
        ? ["--s3-provider", "AWS"]
        : ["--s3-provider", "Minio", "--s3-endpoint", endpointUrl]),
      ...["--vfs-cache-mode", "writes"],
    ],
  },
  {
    name: "s3fs",
    versionArgs: ["--version"],
    notApplicable: WITHOUT_SESSIONS,
    args: ({ anonymous, bucket, directory, endpointUrl, prefix }) => [
      ...[prefix === "" ? bucket : `${bucket}:/${prefix.replace(/\/$/, "")}`, directory, "-f"],
      ...(endpointUrl === undefined
        ? []
        : ["-o", `url=${endpointUrl}`, "-o", "use_path_request_style"]),
      ...(anonymous ? ["-o", "public_bucket=1"] : []),
    ],
  },
];

/** Ours first, then whichever of the others is in `directory` or on the path. */
export async function findContenders(
  ours: string,
  directory: string | undefined,
): Promise<Contender[]> {
  const found: Contender[] = [
    {
      name: OURS,
      path: ours,
      version: (await run(process.execPath, [ours, "--version"])).trim(),
      note: undefined,
      command: (target) => [
        process.execPath,
        ...(target.tellsMemory ? TELLING : []),
        ...[ours, ...mountpointArgs(target)],
      ],
      tellsMemory: true,
    },
  ];
  const folders = [directory ?? "", ...(process.env["PATH"] ?? "").split(delimiter)];
  for (const candidate of CANDIDATES) {
    const path = folders
      .filter((folder) => folder !== "")
      .map((folder) => join(folder, candidate.name))
      .find(isExecutable);
    if (path === undefined) continue;
    found.push({
      name: candidate.name,
      path,
      version: await versionOf(path, candidate.versionArgs),
      note: candidate.note,
      notApplicable: candidate.notApplicable,
      command: (target) => [path, ...candidate.args(target)],
    });
  }
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function versionOf(path: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(path, args)).trim().split("\n")[0] ?? "";
  } catch {
    return "version unknown";
  }
}
