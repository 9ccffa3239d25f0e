/**
 * What only directory buckets (S3 Express One Zone) have: sessions, which sign their requests, and
 * renaming.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateSession.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_RenameObject.html
 */

import { randomUUID } from "node:crypto";
import type { CancelSignal } from "../base/cancellation.ts";
import { badAnswer } from "./answer-error.ts";
import type { CredentialsProvider } from "./credentials.ts";
import type { DirectCall, DirectPath } from "./direct-path.ts";
import type { RenameRequest } from "./object-client.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Retrier } from "./retry.ts";
import { encodeKey } from "./signer.ts";
import { textOf } from "./xml.ts";

export interface DirectoryBucketOptions {
  /** Whether sessions shall be able to read only. */
  readonly readOnly: boolean;
  /** Sign with the credentials themselves, as AWS_S3_DISABLE_EXPRESS_SESSION_AUTH asks for. */
  readonly withoutSessions?: boolean;
}

/** Where the token of a session goes; it signs nothing elsewhere. */
export const SESSION_TOKEN_HEADER = "x-amz-s3session-token";
/** What requests to directory buckets are signed for. */
export const SIGNING_SERVICE = "s3express";

/** Gives the credentials of a new session each time. */
export function sessionsOf(
  path: DirectPath,
  retrier: Retrier,
  options: {
    readonly readOnly: boolean;
    /** Of all that is stored in the session. */
    readonly encryption: Readonly<Record<string, string>>;
  },
): CredentialsProvider {
  const { encryption, readOnly } = options;
  const call: DirectCall = {
    operation: "CreateSession",
    method: "GET",
    query: { session: "" },
    signedHeaders: {
      "x-amz-create-session-mode": readOnly ? "ReadOnly" : "ReadWrite",
      ...(readOnly ? {} : encryption),
    },
  };
  return async () => {
    const response = await retrier.run(() => path.send(call));
    const xml = response.body.toString("utf8");
    const text = (tag: string): string => {
      const found = elementOf(xml, tag);
      if (found !== undefined && found !== "") return found;
      throw badAnswer(call, response.status, `its session lacks ${tag}`);
    };
    const expiration = new Date(text("Expiration"));
    if (Number.isNaN(expiration.getTime())) {
      throw badAnswer(call, response.status, "the end of its session is no time");
    }
    return {
      accessKeyId: text("AccessKeyId"),
      secretAccessKey: text("SecretAccessKey"),
      sessionToken: text("SessionToken"),
      expiration,
      source: "CreateSession",
    };
  };
}

function elementOf(xml: string, tag: string): string | undefined {
  try {
    return textOf(xml, tag);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/**
 * All attempts carry one token, so that the one behind a lost reply succeeds without renaming anything
 * that has come to the old name since.
 */
export async function renameObject(
  path: DirectPath,
  retrier: Retrier,
  request: RenameRequest,
  signal?: CancelSignal,
): Promise<void> {
  const { from, ifNoneMatch, to } = request;
  const call: DirectCall = {
    operation: "RenameObject",
    key: to,
    method: "PUT",
    query: { renameObject: "" },
    signedHeaders: {
      "x-amz-client-token": randomUUID(),
      "x-amz-rename-source": `/${encodeKey(from)}`,
    },
    ...(ifNoneMatch && { headers: { "if-none-match": ifNoneMatch } }),
  };
  await retrier.run(() => path.send(call, signal), signal);
}
