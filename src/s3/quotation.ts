/**
 * Servers quote what they were sent when they refuse it, and what they say is shown to people: what signed
 * a request or let it in is covered first.
 */

import type { TransportResponse } from "./transport-request.ts";

const COVER = "***";

/** An HMAC-SHA256, as signatures are written. */
const SIGNATURE = /\b[0-9a-f]{64}\b/g;

/** Headers that are secrets, besides what signs. */
const SECRET_HEADERS = [
  "x-amz-security-token",
  "x-amz-s3session-token",
  "x-amz-sso_bearer_token",
] as const;

/** Of a form for STS, and of the JSON for IAM Identity Center. */
const SECRET_FIELDS = ["WebIdentityToken", "refreshToken", "clientSecret"] as const;

/** The answer without signatures and `secrets`; of the key's id, the end is left. */
export function withoutSecrets(
  response: TransportResponse,
  accessKeyId: string | undefined,
  secrets: readonly (string | undefined)[],
): TransportResponse {
  if (response.body.length === 0) return response;
  let text = response.body.toString("latin1").replace(SIGNATURE, COVER);
  if (accessKeyId) text = text.replaceAll(accessKeyId, `${COVER}${accessKeyId.slice(-4)}`);
  for (const secret of secrets) {
    if (!secret) continue;
    text = text.replaceAll(secret, COVER).replaceAll(encodeURIComponent(secret), COVER);
  }
  return { ...response, body: Buffer.from(text, "latin1") };
}

/** The same for what is in a request that somebody else made. */
export function withoutSecretsOf(
  request: {
    readonly headers: Readonly<Record<string, string | undefined>>;
    readonly body?: unknown;
  },
  response: TransportResponse,
): TransportResponse {
  const { body, headers } = request;
  const [, accessKeyId] = /Credential=([^/]+)\//.exec(headers["authorization"] ?? "") ?? [];
  const fields = fieldsOf(body instanceof Uint8Array ? Buffer.from(body).toString() : body);
  return withoutSecrets(response, accessKeyId, [
    ...SECRET_HEADERS.map((name) => headers[name]),
    ...SECRET_FIELDS.map((name) => fields.get(name)),
  ]);
}

function fieldsOf(body: unknown): ReadonlyMap<string, string> {
  if (typeof body !== "string") return new Map();
  if (!body.startsWith("{")) return new Map(new URLSearchParams(body));
  const fields: unknown = JSON.parse(body);
  const entries = typeof fields === "object" && fields !== null ? Object.entries(fields) : [];
  return new Map(entries.map(([name, value]) => [name, String(value)]));
}
