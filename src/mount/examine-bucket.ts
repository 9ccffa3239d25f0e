/**
 * What a mount of a bucket would meet, for `mount-s3-ts doctor`: the same options and the same steps as a
 * mount takes, each told as a finding, and nothing mounted.
 */

import { messageOf } from "../base/log.ts";
import {
  Examination,
  keyAndEnd,
  type ObjectClientOptions,
  S3Error,
  type Trial,
} from "../s3/index.ts";
import { remedyFor, tryListing } from "./bucket-access.ts";
import type { MountContext } from "./mount-bucket.ts";
import type { MountOptions } from "./options.ts";
import { isDirectoryBucket, storeOptions } from "./store-options.ts";

export type Verdict = "good" | "warning" | "bad" | "unknown";

export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string;
  readonly verdict: Verdict;
  readonly detail: string;
  /** What to do, where something can be done. */
  readonly remedy?: string | undefined;
}

/** Without it, what a mount cannot do. */
const NEEDED_FOR: Readonly<Record<Trial["permission"], string>> = {
  "s3:ListBucket": "mounting",
  "s3:GetObject": "reading",
  "s3:AbortMultipartUpload": "taking back the parts of uploads that fail",
  "s3:PutObject": "writing",
  "s3:DeleteObject": "deleting",
};

/** Finding after finding, as they come. Never fails. */
export async function* examineBucket(
  options: MountOptions,
  context: MountContext,
): AsyncGenerator<Finding> {
  let store: ObjectClientOptions;
  try {
    store = await storeOptions(options, context, {});
  } catch (error) {
    yield { check: "options", verdict: "bad", detail: messageOf(error) };
    return;
  }
  yield { check: "bucket", verdict: "good", detail: `${options.bucket}: ${kindOf(options)}` };
  const server = await serverOf(store);
  yield server;
  const signed = yield* examineCredentials(store, context);
  if (server.verdict !== "good" || !signed) return;
  if (store.credentials && store.directoryBucket && !store.directoryBucket.withoutSessions) {
    const session = await sessionOf(store, options);
    yield session;
    // What else there is to try needs a session that can write.
    if (session.verdict === "bad" || options.readOnly) return;
  }
  yield* examinePermissions(store, options);
}

/** The one permission that directory buckets know, tried as a mount does. */
async function sessionOf(store: ObjectClientOptions, options: MountOptions): Promise<Finding> {
  const check = "s3express:CreateSession";
  const failure = await tryListing(store, options.prefix);
  if (failure !== undefined) {
    return { check, verdict: "bad", detail: failure.message, remedy: remedyFor(failure, store) };
  }
  const mode = options.readOnly ? "ReadOnly" : "ReadWrite";
  return { check, verdict: "good", detail: `a session of the mode ${mode}, and a listing in it` };
}

function kindOf(options: MountOptions): string {
  const { bucket } = options;
  if (isDirectoryBucket(options)) return "a directory bucket (S3 Express One Zone)";
  if (bucket.includes(":")) return "an access point, or what has an ARN like one";
  if (bucket.endsWith("-s3alias")) return "the alias of an access point";
  return "a general purpose bucket";
}

async function serverOf(store: ObjectClientOptions): Promise<Finding> {
  // Where it is does not depend on who asks.
  const examination = new Examination({ ...store, credentials: undefined });
  const region = `region ${store.region}`;
  try {
    const server = await examination.server();
    return { check: "server", verdict: "good", detail: `${server}, ${region}` };
  } catch (error) {
    return { check: "server", verdict: "bad", detail: `${sentenceOf(error)}, ${region}` };
  } finally {
    examination.close();
  }
}

/** Returns whether requests can be made. */
async function* examineCredentials(
  store: ObjectClientOptions,
  { environment }: MountContext,
): AsyncGenerator<Finding, boolean> {
  const check = "credentials";
  if (store.credentials === undefined) {
    yield { check, verdict: "good", detail: "none: requests are not signed" };
    return true;
  }
  const examination = new Examination(store);
  try {
    const credentials = await store.credentials.get();
    const detail = `${keyAndEnd(credentials)}, from ${credentials.source}`;
    yield { check, verdict: "good", detail };
    // Other servers have no STS, or one that this question is unknown to.
    if (store.endpointUrl !== undefined && !environment["AWS_ENDPOINT_URL_STS"]) return true;
    yield await examination.whose(credentials, environment).then(
      (arn): Finding => ({ check: "identity", verdict: "good", detail: arn }),
      (error: unknown): Finding => ({
        check: "identity",
        verdict: "unknown",
        detail: sentenceOf(error),
      }),
    );
    return true;
  } catch (error) {
    const remedy = error instanceof S3Error ? remedyFor(error, store) : undefined;
    yield { check, verdict: "bad", detail: sentenceOf(error), remedy };
    return false;
  } finally {
    examination.close();
  }
}

async function* examinePermissions(
  store: ObjectClientOptions,
  options: MountOptions,
): AsyncGenerator<Finding> {
  const examination = new Examination(store);
  let elsewhere: string | undefined;
  try {
    for await (const trial of examination.trials(options.prefix)) {
      const { failure } = trial;
      if (failure?.kind === "wrong-region" && options.region === undefined) {
        elsewhere = failure.region;
      }
      if (elsewhere === undefined) yield findingOf(trial, store, options);
    }
  } finally {
    examination.close();
  }
  if (elsewhere === undefined) return;
  const detail = `the bucket is in ${elsewhere}; a mount finds that by itself, with one request more`;
  yield { check: "region", verdict: "warning", detail, remedy: `write --region ${elsewhere}` };
  yield* examinePermissions({ ...store, region: elsewhere }, { ...options, region: elsewhere });
}

function findingOf(trial: Trial, store: ObjectClientOptions, options: MountOptions): Finding {
  const { detail, failure, granted, permission } = trial;
  const check = permission;
  if (granted === true) return { check, verdict: "good", detail };
  if (granted === undefined) {
    // Of the first trial: there is nobody to ask.
    const remedy = failure && remedyFor(failure, store);
    return { check, verdict: permission === "s3:ListBucket" ? "bad" : "unknown", detail, remedy };
  }
  const isVital = permission === "s3:ListBucket" || permission === "s3:GetObject";
  const isWanted = permission === "s3:DeleteObject" ? options.allowDelete : !options.readOnly;
  if (!isVital && !isWanted) {
    return {
      check,
      verdict: "good",
      detail: "missing, and a mount with these options needs it not",
    };
  }
  const what = `missing, which is needed for ${NEEDED_FOR[permission]}: ${detail}`;
  const remedy =
    store.credentials === undefined
      ? `leave out --no-sign-request, or allow ${permission} to everybody in the policy of the bucket`
      : `allow ${permission} in the policy of whom the credentials belong to, or of the bucket`;
  return { check, verdict: isVital ? "bad" : "warning", detail: what, remedy };
}

/** The message of an error of ours says all; of others, that of the cause, too. */
function sentenceOf(error: unknown): string {
  return error instanceof S3Error ? error.message : messageOf(error);
}
