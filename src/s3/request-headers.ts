/**
 * The headers of signed requests. Most are the same for all requests of one second, and are encoded once;
 * requests for parts of one object differ in nothing that is signed (the range is not), so that
 * within a second they also have their signature in common.
 */

import {
  type CanonicalHeaders,
  type Credentials,
  canonicalHeaders,
  type Signer,
} from "./signer.ts";
import { SharedHeaders } from "./transport-request.ts";

const PAYLOAD = "UNSIGNED-PAYLOAD";

/** Objects that are read in parts within one second, or more are forgotten: no more of them are open at a time, as a rule. */
const KNOWN_PATHS_MAX = 256;

type HeaderRecord = Readonly<Record<string, string>>;

export interface RequestHeadersOptions {
  /** The value of Host. */
  readonly authority: string;
  readonly signer: Signer;
  /** Headers that all requests carry, to be signed. */
  readonly commonHeaders: HeaderRecord;
  /** Where the token of the credentials goes. */
  readonly tokenHeader: string;
  readonly userAgent: string;
}

/** What is signed beside the headers. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Headers of this request that must be signed. The same object, as a rule, is not encoded again. */
  readonly signedHeaders: HeaderRecord | undefined;
}

/** Headers that a request shares with others, and the Authorization header unless it is among them. */
export interface HeadersOfRequest {
  readonly shared: SharedHeaders;
  readonly authorization: string | undefined;
}

interface Alike {
  readonly signedHeaders: HeaderRecord | undefined;
  readonly canonical: CanonicalHeaders;
  readonly record: HeaderRecord;
  readonly headers: HeadersOfRequest;
}

export class RequestHeaders {
  readonly #options: RequestHeadersOptions;
  #timestamp: string | undefined;
  #credentials: Credentials | undefined;
  #latest: Alike | undefined;
  readonly #known = new Map<string, HeadersOfRequest>();

  constructor(options: RequestHeadersOptions) {
    this.#options = options;
  }

  /** `timestamp` is the time of the signature; without credentials there is none, and it does not matter. */
  of(
    request: SignedRequest,
    credentials: Credentials | undefined,
    timestamp: string,
  ): HeadersOfRequest {
    if (timestamp !== this.#timestamp || credentials !== this.#credentials) {
      this.#timestamp = timestamp;
      this.#credentials = credentials;
      this.#latest = undefined;
      this.#known.clear();
    }
    const { method, path, query, signedHeaders } = request;
    const isOfPart = method === "GET" && query === "" && signedHeaders === undefined;
    const known = isOfPart ? this.#known.get(path) : undefined;
    if (known !== undefined) return known;
    if (this.#latest === undefined || this.#latest.signedHeaders !== signedHeaders) {
      this.#latest = this.#alike(signedHeaders, credentials, timestamp);
    }
    const { canonical, headers, record } = this.#latest;
    if (credentials === undefined) return headers;
    const parts = { method, path, query, headers: canonical, payload: PAYLOAD, timestamp };
    const authorization = this.#options.signer.authorization(credentials, parts);
    if (!isOfPart) return { shared: headers.shared, authorization };
    const shared = new SharedHeaders({ ...record, authorization });
    const ofPart = { shared, authorization: undefined };
    if (this.#known.size >= KNOWN_PATHS_MAX) this.#known.clear();
    this.#known.set(path, ofPart);
    return ofPart;
  }

  #alike(
    signedHeaders: HeaderRecord | undefined,
    credentials: Credentials | undefined,
    timestamp: string,
  ): Alike {
    const { authority, commonHeaders, tokenHeader, userAgent } = this.#options;
    const signed: Record<string, string> = { host: authority, ...commonHeaders, ...signedHeaders };
    if (credentials !== undefined) {
      signed["x-amz-content-sha256"] = PAYLOAD;
      signed["x-amz-date"] = timestamp;
      if (credentials.sessionToken !== undefined) signed[tokenHeader] = credentials.sessionToken;
    }
    const record = { ...signed, "user-agent": userAgent };
    const headers = { shared: new SharedHeaders(record), authorization: undefined };
    return { signedHeaders, canonical: canonicalHeaders(signed), record, headers };
  }
}
