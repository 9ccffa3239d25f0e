/**
 * CreateSession, which only directory buckets have.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateSession.html
 */

import { randomBytes } from "node:crypto";
import { isDirectoryBucket } from "./directory-bucket.ts";
import { sessionEncryption } from "./encryption.ts";
import { SandboxError } from "./error.ts";
import { type Answer, bucketOf, type Call, xmlAnswer } from "./operation.ts";
import { header } from "./request.ts";
import { element, parent, xmlDocument } from "./xml.ts";

/** `GET /?session` */
export function createSession(call: Call): Answer {
  const { dials, request, sessions } = call;
  const bucket = bucketOf(call).name;
  if (!isDirectoryBucket(bucket)) {
    throw new SandboxError("NotImplemented", "Only directory buckets have sessions.");
  }
  const mode = header(request, "x-amz-create-session-mode") ?? "ReadWrite";
  if (mode !== "ReadWrite" && mode !== "ReadOnly") {
    throw new SandboxError("InvalidArgument", undefined, { ArgumentValue: mode });
  }
  const credentials = {
    accessKeyId: `SESSION${randomBytes(8).toString("hex").toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString("base64"),
  };
  // To the second, as it is told.
  const endMs = Math.ceil((Date.now() + dials.sessionMs) / 1000) * 1000;
  const isReadOnly = mode === "ReadOnly";
  const encryption = sessionEncryption(request);
  const token = sessions.add({ bucket, isReadOnly, credentials, endMs, encryption });
  return xmlAnswer(
    xmlDocument(
      "CreateSessionResult",
      parent(
        "Credentials",
        element("SessionToken", token),
        element("SecretAccessKey", credentials.secretAccessKey),
        element("AccessKeyId", credentials.accessKeyId),
        element("Expiration", new Date(endMs).toISOString()),
      ),
    ),
  );
}
