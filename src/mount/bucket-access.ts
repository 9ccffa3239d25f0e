/**
 * Asks the bucket whether it can be mounted, before anything is mounted: one listing of one key. What
 * it fails with becomes one sentence for the person at the shell: what was tried, why it failed, and
 * what to do.
 */

import { isIP } from "node:net";
import type { Log } from "../base/log.ts";
import { createObjectClient, type ObjectClientOptions, S3Error } from "../s3/index.ts";
import { MountError } from "./error.ts";
import type { MountOptions } from "./options.ts";

/** A person is waiting, so an endpoint gets fewer chances than a mounted file system gives it. */
const PATIENCE = { attemptsMax: 3, totalMs: 15_000 };

/** Within the 30 s that the parent of a background mount waits. */
const LIMIT_MS = 20_000;

export interface Access {
  /** The region that the bucket turned out to be in, where S3 named another than was assumed. */
  readonly region: string | undefined;
}

/**
 * Resolves when the bucket lets itself be listed at the mount's prefix.
 * @throws MountError
 */
export async function checkAccess(
  options: ObjectClientOptions,
  mount: Pick<MountOptions, "prefix" | "region">,
  log: Log,
): Promise<Access> {
  const { prefix } = mount;
  const failure = await tryListing(options, prefix);
  if (failure === undefined) return { region: undefined };
  const { kind, region } = failure;
  // A region that was given on the command line is meant.
  if (kind !== "wrong-region" || region === undefined || mount.region !== undefined) {
    throw explain(failure, options);
  }
  log.info(`bucket ${options.bucket} is in region ${region}`);
  const second = await tryListing({ ...options, region }, prefix);
  if (second !== undefined) throw explain(second, { ...options, region });
  return { region };
}

/** What a listing at `prefix` fails with; undefined when it does not. */
export async function tryListing(
  options: ObjectClientOptions,
  prefix: string,
): Promise<S3Error | undefined> {
  const client = createObjectClient({ ...options, retry: PATIENCE });
  try {
    await client.list({ prefix, delimiter: "/", maxKeys: 1 }, AbortSignal.timeout(LIMIT_MS));
    return undefined;
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    if (error.kind !== "aborted") return error;
    const { operation } = error;
    return new S3Error(`no answer within ${LIMIT_MS / 1000} s`, { kind: "timeout", operation });
  } finally {
    client.close();
  }
}

function explain(failure: S3Error, options: ObjectClientOptions): MountError {
  const bucket = `bucket ${options.bucket}`;
  return new MountError(
    `cannot mount ${bucket}: ${failure.message}: ${remedyFor(failure, options)}`,
    { cause: failure },
  );
}

/** What a person can do about it, as the end of a sentence. */
export function remedyFor(failure: S3Error, options: ObjectClientOptions): string {
  const endpoint = options.endpointUrl ?? "the endpoint of Amazon S3";
  if (failure.operation === "Endpoint" && failure.kind === "not-implemented") {
    return "name the access point of one region, or the bucket itself";
  }
  if (failure.operation === "Endpoint") {
    return "correct the bucket's name, or leave out the flag that does not go with it";
  }
  if (failure.operation === "Proxy") return "correct the variable, or unset it";
  if (failure.operation === "CreateSession" && failure.kind === "rejected") {
    return options.encryption === undefined
      ? `if ${endpoint} has no directory buckets, write --bucket-type general-purpose`
      : "directory buckets take --sse AES256, or --sse aws:kms with --sse-kms-key-id";
  }
  switch (failure.kind) {
    case "no-such-bucket":
    case "not-found":
      return `is "${options.bucket}" spelled as "aws s3 ls" shows it, and is ${endpoint} the right server?${pathStyleHint(options)}`;
    case "access-denied":
      if (failure.operation === "CreateSession") {
        return "these credentials need the permission s3express:CreateSession on this bucket";
      }
      if (options.expectedBucketOwner !== undefined) {
        return `does account ${options.expectedBucketOwner}, which --expected-bucket-owner names, own it, and may you list it?`;
      }
      if (options.directoryBucket?.withoutSessions) {
        return "unset AWS_S3_DISABLE_EXPRESS_SESSION_AUTH: requests without a session are not let in";
      }
      return options.credentials === undefined
        ? "the bucket does not let anonymous users list it: leave out --no-sign-request"
        : "these credentials need the permission s3:ListBucket on this bucket and prefix";
    case "invalid-credentials":
      return "check the access key id and the secret access key, in the environment or the profile";
    case "expired-credentials":
      return "the credentials have expired: get new ones";
    case "clock-skewed":
      return "set the clock of this machine";
    case "no-credentials":
      return options.profile === undefined
        ? "set up or mend one of these, or mount a public bucket with --no-sign-request"
        : `mend the profile, or leave out --profile ${options.profile}`;
    case "wrong-region":
      return failure.region === undefined
        ? "name the bucket's region with --region"
        : `write --region ${failure.region}`;
    case "network":
      if (failure.message.includes("wrong version number")) {
        return `${endpoint} does not speak TLS: write http:// instead of https://`;
      }
      if (/altnames|(hostname|IP address) mismatch/.test(failure.message)) {
        return "name the host as its certificate does; --force-path-style leaves the bucket out of the name";
      }
      if (failure.message.includes("certificate")) {
        return "name the certificates of the authority that vouches for it with --ca-bundle";
      }
      if (failure.message.includes("through the proxy")) {
        return "is the proxy right? HTTP_PROXY or HTTPS_PROXY names it, and NO_PROXY the hosts that need none";
      }
      return `is ${endpoint} up, and reachable from here?${pathStyleHint(options)}`;
    case "timeout":
      return `is ${endpoint} up, and reachable from here?`;
    case "bad-response":
      return `is ${endpoint} an S3 server? Its address goes into --endpoint-url, with http:// or https://${pathStyleHint(options)}`;
    default:
      return failure.status === undefined
        ? "correct the key or the option that it comes from"
        : `what ${endpoint} answered says why`;
  }
}

/** For servers that do not answer to the name of the bucket as a part of theirs, which most need to be told. */
function pathStyleHint({ bucket, endpointUrl, forcePathStyle }: ObjectClientOptions): string {
  if (endpointUrl === undefined || forcePathStyle || !URL.canParse(endpointUrl)) return "";
  const { host, hostname } = new URL(endpointUrl);
  if (isIP(hostname.replace(/^\[|\]$/g, "")) !== 0) return "";
  return ` (asked for as ${bucket}.${host}; with --force-path-style, as ${host}/${bucket})`;
}
