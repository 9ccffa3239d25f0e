/**
 * What the SDK throws, as an `S3Error`. The SDK's errors are open-ended objects; whatever cannot be
 * recognised is judged by the status of the answer, and without one it is no answer of S3's.
 */

import { messageOf } from "../base/log.ts";
import { errorOfFacts, type OperationName } from "./answer-error.ts";
import { S3Error } from "./error.ts";
import type { Headers } from "./response-head.ts";

interface SdkShape {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly Region?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: unknown };
  readonly $response?: { readonly statusCode?: unknown; readonly headers?: Headers };
}

/** Never throws. An S3Error stays what it is. */
export function errorOf(error: unknown, name: OperationName): S3Error {
  if (error instanceof S3Error) return error;
  if (!(error instanceof Error)) {
    return new S3Error(String(error), { kind: "bad-response", ...name, cause: error });
  }
  if (error.name === "AbortError") {
    return new S3Error("it was given up", { kind: "aborted", ...name });
  }
  if (CREDENTIAL_ERRORS.has(error.name)) {
    const message = `no credentials: ${messageOf(error)}`;
    return new S3Error(message, { kind: "no-credentials", ...name, cause: error });
  }
  const { $metadata, $response, Region } = error as SdkShape;
  const status = $metadata?.httpStatusCode ?? $response?.statusCode;
  if (typeof status !== "number")
    return new S3Error(messageOf(error), { kind: "bad-response", ...name, cause: error });
  if (status < 300) {
    const message = "the server does not answer as S3 does: its XML cannot be read";
    return new S3Error(message, { kind: "bad-response", ...name, status, cause: error });
  }
  return errorOfFacts(name, {
    status,
    code: CODELESS.has(error.name) ? undefined : error.name,
    message: CODELESS.has(error.message) ? undefined : error.message,
    region: typeof Region === "string" ? Region : undefined,
    headers: $response?.headers ?? {},
    cause: error,
  });
}

const CREDENTIAL_ERRORS: ReadonlySet<string> = new Set([
  "CredentialsProviderError",
  "ProviderError",
  "TokenProviderError",
]);

/** Names that the SDK gives to errors in which S3 named no code, and messages to those without a word. */
const CODELESS: ReadonlySet<string> = new Set([
  "Error",
  "Unknown",
  "UnknownError",
  "S3ServiceException",
  "SyntaxError",
]);
