/**
 * The file systems that are compared, as data: how each is found and started in the foreground on a
 * bucket. Credentials come from the environment, the same for all.
 */

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { run } from "./processes.ts";

export interface Target {
  readonly bucket: string;
  readonly directory: string;
  readonly endpointUrl: string;
  /** Send no signatures: the origin takes none. */
  readonly anonymous: boolean;
  readonly caBundle: string | undefined;
}

export interface Contender {
  readonly name: string;
  readonly path: string;
  readonly version: string;
  readonly command: (target: Target) => readonly string[];
}

interface Candidate {
  readonly name: string;
  readonly versionArgs: readonly string[];
  readonly args: (target: Target) => readonly string[];
}

const CANDIDATES: readonly Candidate[] = [
  {
    name: "mount-s3",
    versionArgs: ["--version"],
    args: (target) => [
      ...["-f", "--no-log", "--region", "us-east-1", "--force-path-style"],
      ...["--allow-delete", "--allow-overwrite", "--endpoint-url", target.endpointUrl],
      ...(target.anonymous ? ["--no-sign-request"] : []),
      ...(target.caBundle === undefined ? [] : ["--ca-bundle", target.caBundle]),
      ...[target.bucket, target.directory],
    ],
  },
  {
    name: "goofys",
    versionArgs: ["--version"],
    args: (target) => [
      ...["-f", "--region", "us-east-1", "--endpoint", target.endpointUrl],
      ...[target.bucket, target.directory],
    ],
  },
  {
    name: "geesefs",
    versionArgs: ["--version"],
    args: (target) => [
      ...["-f", "--region", "us-east-1", "--endpoint", target.endpointUrl],
      ...[target.bucket, target.directory],
    ],
  },
  {
    name: "rclone",
    versionArgs: ["version"],
    args: (target) => [
      ...["mount", `:s3:${target.bucket}`, target.directory, "--s3-provider", "Minio"],
      ...["--s3-env-auth", "--s3-endpoint", target.endpointUrl, "--vfs-cache-mode", "writes"],
    ],
  },
  {
    name: "s3fs",
    versionArgs: ["--version"],
    args: (target) => [
      ...[target.bucket, target.directory, "-f", "-o", `url=${target.endpointUrl}`],
      ...["-o", "use_path_request_style", ...(target.anonymous ? ["-o", "public_bucket=1"] : [])],
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
      name: "mount-s3-ts",
      path: process.execPath,
      version: (await run(process.execPath, [ours, "--version"])).trim(),
      command: (target) => [
        process.execPath,
        ours,
        ...["-f", "--no-log", "--region", "us-east-1", "--force-path-style"],
        ...["--allow-delete", "--allow-overwrite", "--endpoint-url", target.endpointUrl],
        ...(target.anonymous ? ["--no-sign-request"] : []),
        ...[target.bucket, target.directory],
      ],
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
