/**
 * The way of everything that moves bytes or names (GET, HEAD, LIST, PUT, DELETE, multipart) to the
 * bucket, without the SDK: 20 microseconds a request where the SDK takes 400, or 2,000 while it is cold.
 * Signs, sends, and turns error answers into S3Errors; does not retry but for what it can put right
 * itself: a wrong clock, and credentials that have just expired.
 */

import type { CancelSignal } from "../base/cancellation.ts";
import { errorOfAnswer, type OperationName } from "./answer-error.ts";
import type { CachedCredentials } from "./credentials.ts";
import { S3Error } from "./error.ts";
import { authorityOf } from "./origin.ts";
import { withoutSecrets } from "./quotation.ts";
import { RequestHeaders } from "./request-headers.ts";
import type { Accept } from "./response-receiver.ts";
import { type Credentials, encodeKey, encodeQuery, Signer, timestampOf } from "./signer.ts";
import type { Target } from "./target.ts";
import type { Transport } from "./transport.ts";
import type { TransportResponse } from "./transport-request.ts";

export interface DirectCall extends OperationName {
  readonly method: "DELETE" | "GET" | "HEAD" | "POST" | "PUT";
  readonly query?: Readonly<Record<string, string>>;
  /** Headers that need no signature. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers that must be signed: all whose names begin with "x-amz-". Names in lower case. */
  readonly signedHeaders?: Readonly<Record<string, string>>;
  /** Lent until the promise settles. */
  readonly body?: readonly Uint8Array[];
  readonly accept?: Accept;
  /** In place of `Timeouts.firstByteMs`. */
  readonly firstByteMs?: number;
  /** `TransportRequest.once`. */
  readonly once?: boolean;
}

export interface DirectPathOptions {
  readonly transport: Transport;
  readonly target: () => Promise<Target>;
  /** undefined: requests are not signed. */
  readonly credentials: CachedCredentials | undefined;
  /** Where the token of the credentials goes, if not to x-amz-security-token. */
  readonly tokenHeader?: string;
  /** Headers that all requests carry, of the kind of `DirectCall.signedHeaders`. */
  readonly commonHeaders: Readonly<Record<string, string>>;
  readonly userAgent: string;
}

/** S3 refuses a request whose time differs by more than 15 minutes from its own. */
const SKEW_MS_MAX = 14 * 60_000;

interface Resolved {
  readonly target: Target;
  readonly requestHeaders: RequestHeaders;
}

export class DirectPath {
  readonly #options: DirectPathOptions;
  #resolved: Resolved | undefined;
  #clockOffsetMs = 0;

  constructor(options: DirectPathOptions) {
    this.#options = options;
  }

  /** Resolves with an answer of status 2xx; rejects with an S3Error otherwise. */
  async send(call: DirectCall, signal?: CancelSignal): Promise<TransportResponse> {
    const held = this.#options.credentials?.get();
    // A request that need not wait is with the kernel when this returns.
    const credentials = held instanceof Promise ? await held : held;
    const resolved = this.#resolved ?? (await this.#resolve());
    const clockOffsetMs = this.#clockOffsetMs;
    const response = await this.#sendOnce(resolved, call, credentials, signal);
    if (response.status < 300) return response;
    const error = errorOfAnswer(call, withoutCredentials(response, credentials));
    if (!this.#putRight(call, error, response, { credentials, clockOffsetMs })) throw error;
    const renewed = await this.#options.credentials?.get();
    const second = await this.#sendOnce(resolved, call, renewed, signal);
    if (second.status < 300) return second;
    const lasting = errorOfAnswer(call, withoutCredentials(second, renewed));
    const isKnown = lasting.kind === "expired-credentials" || lasting.code !== undefined;
    if (isKnown || credentials === undefined || !mayBeExpired(call, lasting, credentials)) {
      throw lasting;
    }
    // A session of a directory bucket is the server's own: one that it made just now has not ended.
    if (this.#options.tokenHeader !== undefined && renewed !== credentials) throw lasting;
    const message = "the session's credentials are refused, as they are when they have expired";
    const { status } = lasting;
    throw new S3Error(message, { kind: "expired-credentials", ...call, status, cause: lasting });
  }

  #sendOnce(
    resolved: Resolved,
    call: DirectCall,
    credentials: Credentials | undefined,
    signal: CancelSignal | undefined,
  ): Promise<TransportResponse> {
    const { requestHeaders, target } = resolved;
    const { headers, method, signedHeaders } = call;
    const path = pathOf(call, target);
    const query = call.query === undefined ? "" : encodeQuery(call.query);
    const { authorization, shared } = requestHeaders.of(
      { method, path, query, signedHeaders },
      credentials,
      credentials === undefined ? "" : timestampOf(Date.now() + this.#clockOffsetMs),
    );
    return this.#options.transport.send(
      {
        operation: call.operation,
        key: call.key,
        method,
        origin: target.origin,
        path: query === "" ? path : `${path}?${query}`,
        sharedHeaders: shared,
        headers: authorization === undefined ? (headers ?? {}) : { authorization, ...headers },
        body: call.body,
        accept: call.accept,
        firstByteMs: call.firstByteMs,
        once: call.once,
      },
      signal,
    );
  }

  async #resolve(): Promise<Resolved> {
    const target = await this.#options.target();
    const { commonHeaders, tokenHeader, userAgent } = this.#options;
    this.#resolved ??= {
      target,
      requestHeaders: new RequestHeaders({
        authority: authorityOf(target.origin),
        signer: new Signer(target.scope),
        commonHeaders,
        tokenHeader: tokenHeader ?? "x-amz-security-token",
        userAgent,
      }),
    };
    return this.#resolved;
  }

  /** Whether another attempt, made differently than with what it was `signed`, may succeed. */
  #putRight(
    call: DirectCall,
    error: S3Error,
    response: TransportResponse,
    signed: { readonly credentials: Credentials | undefined; readonly clockOffsetMs: number },
  ): boolean {
    const { clockOffsetMs, credentials } = signed;
    if (credentials === undefined) return false;
    if (mayBeExpired(call, error, credentials)) {
      return this.#options.credentials?.refused(credentials) ?? false;
    }
    const serverMs = Date.parse(response.headers["date"] ?? "");
    if (response.status !== 403 || Number.isNaN(serverMs)) return false;
    const offsetMs = serverMs - Date.now();
    // One that was under way with this one may have set the clock right since.
    if (Math.abs(offsetMs - clockOffsetMs) < SKEW_MS_MAX) return false;
    this.#clockOffsetMs = offsetMs;
    return true;
  }
}

function withoutCredentials(
  response: TransportResponse,
  credentials: Credentials | undefined,
): TransportResponse {
  if (credentials === undefined) return response;
  return withoutSecrets(response, credentials.accessKeyId, [credentials.sessionToken]);
}

/**
 * S3 says ExpiredToken with status 400 in a body, which the answer to a HEAD has not. MinIO no longer
 * knows the key of a session that has ended, or its token.
 */
function mayBeExpired(call: DirectCall, error: S3Error, credentials: Credentials): boolean {
  if (error.kind === "expired-credentials") return true;
  if (credentials.sessionToken === undefined) return false;
  const isUnknown = error.code === "InvalidAccessKeyId" || error.code === "InvalidTokenId";
  return isUnknown || (call.method === "HEAD" && error.status === 400);
}

function pathOf(call: DirectCall, target: Target): string {
  if (call.key === undefined) return target.basePath === "" ? "/" : target.basePath;
  try {
    return `${target.basePath}/${encodeKey(call.key)}`;
  } catch (error) {
    throw new S3Error("the key is no valid Unicode", { kind: "rejected", ...call, cause: error });
  }
}
