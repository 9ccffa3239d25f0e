/**
 * What the options of a mount and the environment mean to the object store: which endpoint and region,
 * whom to trust, and how requests call themselves.
 */

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir, release } from "node:os";
import { join } from "node:path";
import { type Log, messageOf } from "../base/log.ts";
import { packageVersion } from "../base/package.ts";
import {
  CachedCredentials,
  credentialSources,
  findRegion,
  type ObjectClientOptions,
} from "../s3/index.ts";
import { type Environment, numberFrom, urlFrom } from "./environment.ts";
import { MountError } from "./error.ts";
import type { Backend } from "./kernel-end.ts";
import type { MountOptions } from "./options.ts";

/** Of the process that mounts. */
interface Surroundings {
  readonly log: Log;
  readonly environment: Environment;
}

/** What mount-s3 reckons with for one connection, and its least number of them. */
const GBPS_PER_CONNECTION = 0.4;
const CONNECTIONS_MIN = 10;
const CONNECTIONS_MAX = 10_000;

/**
 * Without the addon, Node's own sockets and checksums do.
 * @throws MountError for an option, a variable or a file that cannot be used
 */
export async function storeOptions(
  options: MountOptions,
  { log, environment }: Surroundings,
  { native, wires }: Partial<Pick<Backend, "native" | "wires">>,
): Promise<ObjectClientOptions> {
  const { bucket, dualStack, forcePathStyle, noSignRequest, profile } = options;
  if (options.incrementalUpload && !isDirectoryBucket(options)) {
    throw new MountError(
      `--incremental-upload cannot be used with bucket ${bucket}: S3 appends to objects in directory ` +
        "buckets (S3 Express One Zone) only, whose names end in --x-s3; leave it out, or write " +
        "--bucket-type directory if it is one by another name",
    );
  }
  const storeLog = log.named("s3");
  const { maximumThroughputGbps: gbps, transferAcceleration } = options;
  const attemptsMax = numberFrom(environment, "AWS_MAX_ATTEMPTS", 1, 9999);
  const caBundle = trustedCertificates(options, environment);
  const region = await regionFor(options, { log, environment });
  const userAgent = userAgentFor(options);
  const sourceOptions = { environment, profile, region, userAgent, caBundle, log: storeLog };
  const sessionAuth = environment["AWS_S3_DISABLE_EXPRESS_SESSION_AUTH"]?.toLowerCase() !== "true";
  return {
    bucket,
    ...(isDirectoryBucket(options) && {
      directoryBucket: { readOnly: options.readOnly, withoutSessions: !sessionAuth },
    }),
    region,
    endpointUrl: endpointFor(options, environment),
    usualEndpoints: !endpointsAreChosen(environment),
    forcePathStyle,
    transferAcceleration,
    dualStack,
    userAgent,
    profile,
    credentials: noSignRequest
      ? undefined
      : new CachedCredentials(credentialSources(sourceOptions), storeLog),
    proxy: environment,
    nodeEnvironment: environment,
    ...(caBundle !== undefined && { caBundle }),
    ...(attemptsMax !== undefined && { retry: { attemptsMax } }),
    ...(gbps !== undefined && { connectionsMax: connectionsFor(gbps) }),
    requesterPays: options.requesterPays,
    expectedBucketOwner: options.expectedBucketOwner,
    storageClass: options.storageClass,
    encryption: options.sse && { algorithm: options.sse, kmsKeyId: options.sseKmsKeyId },
    ...(wires && { wires }),
    ...(native && { checksums: native }),
    log: storeLog,
  };
}

/** One of S3 Express One Zone, by its name where nobody says it. */
export function isDirectoryBucket({
  bucket,
  bucketType,
}: Pick<MountOptions, "bucket" | "bucketType">): boolean {
  return bucketType === undefined ? bucket.endsWith("--x-s3") : bucketType === "directory";
}

/** Of the options or the environment; the shared files' is left to the SDK's rules. */
function endpointFor(options: MountOptions, environment: Environment): string | undefined {
  if (options.endpointUrl !== undefined) return options.endpointUrl;
  if (environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"]?.toLowerCase() === "true")
    return undefined;
  return urlFrom(environment, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
}

/** Whether the environment or a shared file may choose endpoints of Amazon S3 of its own. Files are not understood here. */
function endpointsAreChosen(environment: Environment): boolean {
  if (environment["AWS_USE_FIPS_ENDPOINT"] || environment["AWS_USE_DUALSTACK_ENDPOINT"])
    return true;
  const directory = join(homedir(), ".aws");
  const paths = [
    environment["AWS_CONFIG_FILE"] || join(directory, "config"),
    environment["AWS_SHARED_CREDENTIALS_FILE"] || join(directory, "credentials"),
  ];
  return paths.some((path) => {
    try {
      return /endpoint/i.test(readFileSync(path, "utf8"));
    } catch {
      return false;
    }
  });
}

async function regionFor(options: MountOptions, context: Surroundings): Promise<string> {
  const { environment, log } = context;
  const { bucket, profile } = options;
  const given = options.region ?? arnRegion(bucket);
  if (given !== undefined) return given;
  const endpointUrl = endpointFor(options, environment);
  const asksInstance = endpointUrl === undefined;
  const { region, isAssumed } = await findRegion({ environment, profile, asksInstance });
  if (isAssumed && endpointUrl !== undefined) {
    log.warn(
      `no region was given for ${endpointUrl}: requests are signed for ${region}; if the server ` +
        "refuses that, name its region with --region",
    );
  }
  return region;
}

/** Undefined for a name, and for a multi-region access point. */
function arnRegion(bucket: string): string | undefined {
  return bucket.startsWith("arn:") ? bucket.split(":")[3] || undefined : undefined;
}

/** As mount-s3: enough connections to carry it. */
function connectionsFor(gbps: number): number {
  const count = Math.ceil(gbps / GBPS_PER_CONNECTION);
  return Math.min(Math.max(count, CONNECTIONS_MIN), CONNECTIONS_MAX);
}

/** For the logs of servers: the program, what it runs on, and how the bucket is mounted. */
function userAgentFor({ readOnly, userAgentPrefix }: MountOptions): string {
  const words = [
    `mount-s3-ts/${packageVersion()}`,
    `os/linux#${release()}`,
    `md/arch#${process.arch}`,
    `md/nodejs#${process.versions.node}`,
  ];
  if (userAgentPrefix) words.unshift(userAgentPrefix);
  if (readOnly) words.push("md/mp-readonly");
  return words.join(" ");
}

/** The certificates to trust instead of Node's own; undefined to trust those. */
function trustedCertificates(options: MountOptions, environment: Environment): string | undefined {
  const source = options.caBundle === undefined ? "AWS_CA_BUNDLE" : "--ca-bundle";
  const path = options.caBundle ?? (environment["AWS_CA_BUNDLE"] || undefined);
  if (path === undefined) return undefined;
  const refuse = (why: string, cause?: unknown): never => {
    const message = `cannot use the certificates that ${source} names, ${path}: ${why}`;
    throw new MountError(`${message}: name a PEM file of certificates`, { cause });
  };
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return refuse(messageOf(error), error);
  }
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g);
  if (blocks === null) return refuse("there is no certificate in it");
  // Reading all that a machine trusts takes as long as half the mount.
  if (endpointFor(options, environment)?.startsWith("http:")) return text;
  for (const [index, block] of blocks.entries()) {
    try {
      new X509Certificate(block);
    } catch (error) {
      refuse(`certificate ${index + 1} of ${blocks.length} cannot be read: ${messageOf(error)}`);
    }
  }
  return text;
}
