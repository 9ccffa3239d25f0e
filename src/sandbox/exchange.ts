/**
 * One HTTP exchange from the head of the request to the last byte of the answer, in this order: read
 * the head, find the operation, let a fault intervene, verify the signature, run, wait, send. Whatever
 * goes wrong ends as S3's error document or as the end of the connection, and in the log of requests.
 */

import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Log, messageOf } from "../base/log.ts";
import { sendAnswer, sendKeptAlive, type Wire } from "./answer-sender.ts";
import type { Buckets } from "./bucket.ts";
import type { Checksums } from "./checksum.ts";
import { ConnectionLostError, closed, waitOpen } from "./connection.ts";
import type { Dials, Pace } from "./dials.ts";
import { isDirectoryBucket } from "./directory-bucket.ts";
import { SandboxError } from "./error.ts";
import { type Fault, type Faults, usualCode } from "./faults.ts";
import { type Answer, type ErrorDescription, errorXml, type Operation } from "./operation.ts";
import { header, parseRequest, type S3Request } from "./request.ts";
import { RequestBody } from "./request-body.ts";
import { type OpenRequest, publicHeaders, type RequestLog } from "./request-log.ts";
import { route } from "./router.ts";
import { admitted, type Sessions } from "./sessions.ts";
import type { Authenticator, SigningChain } from "./signature.ts";

/** What all exchanges of an endpoint share. */
export interface Endpoint {
  readonly authenticator: Authenticator;
  readonly buckets: Buckets;
  readonly checksums: Checksums;
  readonly dials: Readonly<Dials>;
  /** Of virtual-hosted style. */
  readonly domains: readonly string[];
  readonly faults: Faults;
  readonly log: Log;
  readonly region: string;
  readonly requests: RequestLog;
  readonly sessions: Sessions;
}

export interface ExchangeOptions {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  /** Of the connection. */
  readonly pace: Pace;
  /** Ends the connection with a reset. */
  readonly reset: () => void;
  /** Whether the client waits for "100 Continue" before it sends the body. */
  readonly expectsContinue: boolean;
}

/** The account that owns all buckets. */
const OWNER_ACCOUNT = "123456789012";

function checkAccount(request: S3Request, dials: Readonly<Dials>): void {
  const owner = header(request, "x-amz-expected-bucket-owner");
  const isAnothers = owner !== undefined && owner !== OWNER_ACCOUNT;
  const isUnpaid = dials.requesterPays && header(request, "x-amz-request-payer") !== "requester";
  if (isAnothers || isUnpaid) throw new SandboxError("AccessDenied");
}

export class Exchange {
  readonly #endpoint: Endpoint;
  readonly #options: ExchangeOptions;
  readonly #requestId = randomBytes(8).toString("hex").toUpperCase();
  readonly #entry: OpenRequest;
  #fault: Fault | undefined;
  #awaitsContinue: boolean;

  constructor(endpoint: Endpoint, options: ExchangeOptions) {
    const { message, expectsContinue } = options;
    this.#endpoint = endpoint;
    this.#options = options;
    this.#awaitsContinue = expectsContinue;
    this.#entry = {
      method: message.method ?? "",
      operation: "",
      bucket: "",
      key: "",
      query: "",
      range: message.headers.range,
      headers: publicHeaders(message.headers),
      startMs: performance.now(),
      status: 0,
      errorCode: undefined,
      bytesReceived: 0,
      bytesSent: 0,
      endMs: undefined,
    };
  }

  /** Never rejects. */
  async serve(): Promise<void> {
    const { message, response } = this.#options;
    const ignore = () => {};
    // A connection that breaks shows as "close"; without a listener its error would end the process.
    response.on("error", ignore);
    message.on("error", ignore);
    try {
      const answer = await this.#answer();
      try {
        await this.#send(answer);
      } finally {
        if (typeof answer.body === "object") answer.body.reader.close();
      }
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) {
        this.#endpoint.log.error(`${this.#entry.operation} failed: ${messageOf(error)}`);
      }
      // An answer that has begun cannot be taken back: the client must see that it is not whole.
      message.socket.destroy();
    } finally {
      this.#endpoint.requests.end(this.#entry);
    }
  }

  /** The answer of the operation, of a fault, or to what went wrong. */
  async #answer(): Promise<Answer> {
    try {
      const [request, operation] = this.#identify();
      const injected = await this.#intervene();
      if (injected !== undefined) return injected;
      const answer = await this.#run(request, operation);
      if (this.#fault?.kind !== "lost-reply") return answer;
      if (typeof answer.body === "object") answer.body.reader.close();
      return this.#loseConnection();
    } catch (error) {
      if (error instanceof ConnectionLostError) throw error;
      if (error instanceof SandboxError) return this.#errorAnswer(error);
      this.#endpoint.log.error(`${this.#entry.operation} failed: ${messageOf(error)}`);
      return this.#errorAnswer(new SandboxError("InternalError"));
    }
  }

  /** Enters the request in the log, whatever it is. */
  #identify(): readonly [S3Request, Operation] {
    const entry = this.#entry;
    try {
      const request = parseRequest(this.#options.message, this.#endpoint.domains);
      entry.bucket = request.bucket;
      entry.key = request.key;
      entry.query = request.rawQuery;
      const operation = route(request);
      entry.operation = operation.name;
      return [request, operation];
    } finally {
      this.#endpoint.requests.add(entry);
    }
  }

  /** Takes the fault that is due, and lets those happen that keep the operation from running. */
  async #intervene(): Promise<Answer | undefined> {
    const fault = this.#endpoint.faults.take(this.#entry);
    this.#fault = fault;
    switch (fault?.kind) {
      case "status": {
        const { status, code = usualCode(status), message = "Injected fault" } = fault;
        const answer = this.#errorAnswer({ status, code, message, details: {} });
        if (fault.retryAfterSeconds === undefined) return answer;
        const headers = { ...answer.headers, "retry-after": String(fault.retryAfterSeconds) };
        return { ...answer, headers };
      }
      case "hang":
        await closed(this.#options.message.socket);
        throw new ConnectionLostError();
      case "reset":
        if (fault.afterBytes === undefined) this.#loseConnection();
        return undefined;
      default:
        return undefined;
    }
  }

  /** The request as it is to be carried out, and what the signatures of its body continue from. */
  #verify(
    sent: S3Request,
    { name }: Operation,
  ): { readonly request: S3Request; readonly chain: SigningChain | undefined } {
    const { authenticator, dials, sessions } = this.#endpoint;
    const isDirectory = isDirectoryBucket(sent.bucket);
    const session = isDirectory ? sessions.of(sent) : undefined;
    const service = isDirectory ? "s3express" : "s3";
    const chain = authenticator.verify(sent, { service, signer: session?.credentials });
    checkAccount(sent, dials);
    if (!isDirectory) return { request: sent, chain };
    const isRequired = chain !== undefined && dials.requiresSessions;
    return { request: admitted(sent, name, { session, isRequired }), chain };
  }

  async #run(sent: S3Request, operation: Operation): Promise<Answer> {
    const { buckets, checksums, dials, region, sessions } = this.#endpoint;
    const { message, response, pace } = this.#options;
    const { chain, request } = this.#verify(sent, operation);
    const body = new RequestBody({
      message,
      request,
      chain,
      pace,
      sendContinue: () => {
        if (this.#awaitsContinue) response.writeContinue();
        this.#awaitsContinue = false;
      },
      onWireBytes: (byteCount) => {
        this.#entry.bytesReceived += byteCount;
        const fault = this.#fault;
        const drops = fault?.kind === "drop-upload";
        if (drops && this.#entry.bytesReceived >= fault.afterBytes) this.#loseConnection();
      },
    });
    return await operation.run({ request, body, buckets, checksums, dials, region, sessions });
  }

  #loseConnection(): never {
    this.#options.reset();
    throw new ConnectionLostError();
  }

  #errorAnswer(error: ErrorDescription): Answer {
    const { message } = this.#options;
    this.#entry.errorCode = error.code;
    const headers: Record<string, string> = { "content-type": "application/xml" };
    const { Region: region, ActualObjectSize: sizeBytes } = error.details;
    if (region !== undefined) headers["x-amz-bucket-region"] = region;
    if (sizeBytes !== undefined) headers["content-range"] = `bytes */${sizeBytes}`;
    // Whether the client will send its body now, nobody can say.
    if (this.#awaitsContinue) headers["connection"] = "close";
    if (message.method === "HEAD") return { status: error.status, headers };
    const [resource = ""] = (message.url ?? "").split("?");
    const body = errorXml(error, resource, this.#requestId);
    return { status: error.status, headers, body };
  }

  async #send(answer: Answer): Promise<void> {
    const { message, response, pace, reset } = this.#options;
    const { socket } = message;
    const entry = this.#entry;
    const fault = this.#fault;
    const { firstByteMs, completeKeepAliveMs } = this.#endpoint.dials;
    const waitMs = firstByteMs + (fault?.kind === "slow" ? fault.ms : 0);
    if (waitMs > 0) await waitOpen(socket, waitMs);
    response.setHeader("x-amz-request-id", this.#requestId);
    response.setHeader("x-amz-id-2", this.#requestId);
    response.setHeader("server", "mount-s3-ts-sandbox");
    const onBodyBytes = (byteCount: number) => {
      entry.bytesSent += byteCount;
    };
    const wire: Wire = { response, socket, pace, fault, reset, onBodyBytes };
    const completes = entry.operation === "CompleteMultipartUpload";
    if (completes && completeKeepAliveMs > 0 && typeof answer.body === "string") {
      entry.status = 200;
      await sendKeptAlive(answer.body, wire, completeKeepAliveMs);
      return;
    }
    entry.status = answer.status;
    await sendAnswer(answer, wire);
  }
}
