/**
 * Checks signatures: AWS Signature Version 4 in the Authorization header. The one thing to know: S3
 * signs the path encoded once and as it was sent, unlike every other service.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { SandboxError } from "./error.ts";
import { header, type S3Request } from "./request.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** What the signatures of an aws-chunked body continue from. */
export interface SigningChain {
  readonly signature: string;
  readonly timestamp: string;
  readonly scope: string;
  readonly signingKey: Buffer;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
/** S3 accepts no request whose clock is further off. */
const SKEW_MS_MAX = 15 * 60 * 1000;

interface Authorization {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly scope: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

export class Authenticator {
  readonly #credentials: Credentials | "anonymous";
  readonly #region: string;
  readonly #signingKeys = new Map<string, Buffer>();

  /** "anonymous" lets everyone in, signed or not. */
  constructor(credentials: Credentials | "anonymous", region: string) {
    this.#credentials = credentials;
    this.#region = region;
  }

  /**
   * Refuses `request` unless it is signed rightly, for `service` and with the key of `signer` where it is
   * not this endpoint's own. Returns what chunk signatures chain on, or
   * undefined where nothing is verified.
   */
  verify(
    request: S3Request,
    { service, signer }: { readonly service: string; readonly signer: Credentials | undefined },
  ): SigningChain | undefined {
    if (this.#credentials === "anonymous") return undefined;
    const credentials = signer ?? this.#credentials;
    const text = header(request, "authorization");
    if (text === undefined) throw new SandboxError("AccessDenied");
    const authorization = parseAuthorization(text);
    if (authorization.service !== service) {
      throw new SandboxError("AuthorizationHeaderMalformed");
    }
    this.#checkScope(authorization, credentials);
    const timestamp = checkTime(request, authorization);
    checkSignedHeaders(request, authorization);
    const canonical = canonicalRequest(request, authorization.signedHeaders);
    const { scope } = authorization;
    const signingKey = this.#signingKey(credentials, authorization);
    const signature = sign(signingKey, [ALGORITHM, timestamp, scope, sha256Hex(canonical)]);
    if (!sameText(signature, authorization.signature)) {
      throw new SandboxError("SignatureDoesNotMatch", undefined, {
        AWSAccessKeyId: credentials.accessKeyId,
        CanonicalRequest: canonical,
      });
    }
    return { signature, timestamp, scope, signingKey };
  }

  #checkScope(authorization: Authorization, credentials: Credentials): void {
    if (authorization.accessKeyId !== credentials.accessKeyId) {
      throw new SandboxError("InvalidAccessKeyId", undefined, {
        AWSAccessKeyId: authorization.accessKeyId,
      });
    }
    if (authorization.region !== this.#region) {
      throw new SandboxError(
        "AuthorizationHeaderMalformed",
        `The authorization header is malformed; the region '${authorization.region}' is wrong; expecting '${this.#region}'`,
        { Region: this.#region },
      );
    }
  }

  #signingKey(
    { accessKeyId, secretAccessKey }: Credentials,
    { date, service }: Authorization,
  ): Buffer {
    const name = `${date} ${service} ${accessKeyId}`;
    const known = this.#signingKeys.get(name);
    if (known !== undefined) return known;
    const dateKey = hmac(`AWS4${secretAccessKey}`, date);
    const key = hmac(hmac(hmac(dateKey, this.#region), service), "aws4_request");
    // A handful of dates are within the skew at any time; who sends more is guessing.
    if (this.#signingKeys.size >= 4) this.#signingKeys.clear();
    this.#signingKeys.set(name, key);
    return key;
  }
}

/** The next signature of the chain, over the lines that follow the timestamp and the scope. */
export function chainSignature(
  chain: SigningChain,
  algorithm: "AWS4-HMAC-SHA256-PAYLOAD" | "AWS4-HMAC-SHA256-TRAILER",
  lines: readonly string[],
): string {
  return sign(chain.signingKey, [algorithm, chain.timestamp, chain.scope, ...lines]);
}

/** Compares in a time that does not tell where the difference is. */
export function sameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

export function sha256Hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function sign(signingKey: Buffer, lines: readonly string[]): string {
  return hmac(signingKey, lines.join("\n")).toString("hex");
}

function parseAuthorization(text: string): Authorization {
  const fields =
    /^AWS4-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{64})$/;
  const [, credential = "", signedHeaders = "", signature = ""] = fields.exec(text) ?? [];
  const parts = credential.split("/");
  // A key id may hold slashes; the scope behind it has four parts.
  const [date = "", region = "", service = "", terminator] = parts.slice(-4);
  if (parts.length < 5 || terminator !== "aws4_request") {
    throw new SandboxError("AuthorizationHeaderMalformed");
  }
  return {
    accessKeyId: parts.slice(0, -4).join("/"),
    date,
    region,
    service,
    scope: `${date}/${region}/${service}/aws4_request`,
    signedHeaders: signedHeaders.split(";"),
    signature,
  };
}

/** Returns the timestamp that was signed. */
function checkTime(request: S3Request, authorization: Authorization): string {
  const timestamp = header(request, "x-amz-date") ?? "";
  const fields = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp);
  if (fields === null) {
    throw new SandboxError(
      "AccessDenied",
      "AWS authentication requires a valid Date or x-amz-date header",
    );
  }
  const [, year, month, day, hour, minute, second] = fields;
  const requestMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // Not "greater than": a time that is no time fails too.
  if (!(Math.abs(Date.now() - requestMs) <= SKEW_MS_MAX)) {
    throw new SandboxError("RequestTimeTooSkewed", undefined, {
      RequestTime: timestamp,
      ServerTime: new Date().toISOString(),
      MaxAllowedSkewMilliseconds: String(SKEW_MS_MAX),
    });
  }
  if (!timestamp.startsWith(authorization.date)) {
    throw new SandboxError("AuthorizationHeaderMalformed");
  }
  return timestamp;
}

/** Everything that changes what a request means must be signed. */
function checkSignedHeaders(request: S3Request, authorization: Authorization): void {
  const signed = new Set(authorization.signedHeaders);
  const unsigned = Object.keys(request.headers).filter(
    (name) => (name === "host" || name.startsWith("x-amz-")) && !signed.has(name),
  );
  if (unsigned.length > 0) {
    throw new SandboxError(
      "AccessDenied",
      "There were headers present in the request which were not signed",
      { HeadersNotSigned: unsigned.join(", ") },
    );
  }
  if (header(request, "x-amz-content-sha256") === undefined) {
    throw new SandboxError(
      "InvalidRequest",
      "Missing required header for this request: x-amz-content-sha256",
    );
  }
}

function canonicalRequest(request: S3Request, signedHeaders: readonly string[]): string {
  const values = new Map<string, string>();
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    const name = (request.rawHeaders[at] ?? "").toLowerCase();
    const value = (request.rawHeaders[at + 1] ?? "").trim().replace(/ {2,}/g, " ");
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before},${value}`);
  }
  const query = request.queryPairs
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort((a, b) => (a < b ? -1 : 1));
  return [
    request.method,
    encode(request.path).replaceAll("%2F", "/"),
    query.join("&"),
    ...signedHeaders.map((name) => `${name}:${values.get(name) ?? ""}`),
    "",
    signedHeaders.join(";"),
    values.get("x-amz-content-sha256") ?? "",
  ].join("\n");
}

/** Percent-encodes all but RFC 3986's unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
