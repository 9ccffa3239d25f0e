/**
 * AWS Signature Version 4 for S3, with the day's key kept: 4 microseconds a signature instead of the
 * SDK's 70. Bodies are not hashed (UNSIGNED-PAYLOAD): TLS and the checksum header protect them.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */

import { createHmac, hash } from "node:crypto";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface SigningScope {
  readonly region: string;
  /** "s3". */
  readonly service: string;
}

/** Headers as they are signed. */
export interface CanonicalHeaders {
  readonly text: string;
  /** In ascending order, with ";" between them. */
  readonly names: string;
}

/** All headers to sign, their names in lower case. */
export function canonicalHeaders(headers: Readonly<Record<string, string>>): CanonicalHeaders {
  const names = Object.keys(headers).sort(ascending);
  const lines = names.map((name) => `${name}:${headers[name]?.trim().replace(/ +/g, " ")}\n`);
  return { text: lines.join(""), names: names.join(";") };
}

/** What is signed: exactly as it goes over the wire. */
export interface SignedParts {
  readonly method: string;
  /** Encoded; S3 encodes once and normalises nothing. */
  readonly path: string;
  /** Encoded and sorted, as `encodeQuery` makes it. */
  readonly query: string;
  readonly headers: CanonicalHeaders;
  /** The value of x-amz-content-sha256. */
  readonly payload: string;
  /** "20260131T235959Z". */
  readonly timestamp: string;
}

export class Signer {
  readonly #scope: SigningScope;
  #key: DayKey | undefined;

  constructor(scope: SigningScope) {
    this.#scope = scope;
  }

  /** The Authorization header. */
  authorization(credentials: Credentials, parts: SignedParts): string {
    const { headers, method, path, payload, query, timestamp } = parts;
    const { text, names } = headers;
    const digest = hash("sha256", `${method}\n${path}\n${query}\n${text}\n${names}\n${payload}`);
    const { key, scope } = this.#keyOf(credentials, timestamp.slice(0, 8));
    const signature = key.sign(`AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${digest}`);
    const credential = `Credential=${credentials.accessKeyId}/${scope}`;
    return `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names}, Signature=${signature}`;
  }

  #keyOf(credentials: Credentials, day: string): DayKey {
    const latest = this.#key;
    if (latest?.day === day && latest.credentials === credentials) return latest;
    const { region, service } = this.#scope;
    let key = hmac(`AWS4${credentials.secretAccessKey}`, day);
    for (const part of [region, service, "aws4_request"]) key = hmac(key, part);
    const scope = `${day}/${region}/${service}/aws4_request`;
    this.#key = { credentials, day, scope, key: new HmacKey(key) };
    return this.#key;
  }
}

interface DayKey {
  readonly credentials: Credentials;
  readonly day: string;
  readonly scope: string;
  readonly key: HmacKey;
}

const SHA256_BLOCK_BYTES = 64;

/** HMAC-SHA256 (RFC 2104) under one key: Node's own takes longer, and twice as long after a pause. */
class HmacKey {
  readonly #inner: Buffer;
  readonly #outer: Buffer;

  /** `key` is a digest: no longer than a block, as keys have to be. */
  constructor(key: Buffer) {
    this.#inner = Buffer.alloc(SHA256_BLOCK_BYTES, 0x36);
    this.#outer = Buffer.alloc(SHA256_BLOCK_BYTES, 0x5c);
    for (const [at, byte] of key.entries()) {
      this.#inner[at] = byte ^ 0x36;
      this.#outer[at] = byte ^ 0x5c;
    }
  }

  /** The code of `text`, in hexadecimal digits. */
  sign(text: string): string {
    const inner = hash("sha256", Buffer.concat([this.#inner, Buffer.from(text)]), "buffer");
    return hash("sha256", Buffer.concat([this.#outer, inner]));
  }
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac("sha256", key).update(data).digest();
}

let stamped = { second: Number.NaN, timestamp: "" };

/** A time as signatures have it: "20260131T235959Z". Within a second, as a rule, it was asked for before. */
export function timestampOf(timeMs: number): string {
  const second = Math.floor(timeMs / 1000);
  if (second !== stamped.second) {
    stamped = { second, timestamp: formatted(new Date(timeMs)) };
  }
  return stamped.timestamp;
}

/** As YYYYMMDDTHHMMSSZ, and without toISOString(), which loads the local time zone at its first call. */
function formatted(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${time.getUTCFullYear()}${two(time.getUTCMonth() + 1)}${two(time.getUTCDate())}`;
  return `${day}T${two(time.getUTCHours())}${two(time.getUTCMinutes())}${two(time.getUTCSeconds())}Z`;
}

const PLAIN_KEY = /^[A-Za-z0-9._~/-]*$/;

/** Percent-encodes all but unreserved characters and "/". Throws a URIError for lone surrogates. */
export function encodeKey(key: string): string {
  if (PLAIN_KEY.test(key)) return key;
  return encodeComponent(key).replaceAll("%2F", "/");
}

/** The canonical query string of `parameters`, which is also sent. */
export function encodeQuery(parameters: Readonly<Record<string, string>>): string {
  return Object.keys(parameters)
    .sort(ascending)
    .map((name) => `${encodeComponent(name)}=${encodeComponent(parameters[name] ?? "")}`)
    .join("&");
}

function ascending(one: string, other: string): number {
  return one < other ? -1 : 1;
}

function encodeComponent(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
