/**
 * The most talkative server there can be: S3 and every service that gives credentials at one address, each of
 * which quotes all that it was sent when it refuses. What of it is seen anywhere, was not kept back.
 */

import type { IncomingMessage } from "node:http";
import { LoopbackServer } from "./loopback-server.ts";

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Undefined: what was asked is for S3. */
export type Service = (request: IncomingMessage, body: string) => Answer | undefined;

const FILE =
  '<Contents><Key>file</Key><Size>7</Size><ETag>"e"</ETag>' +
  "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>";

export class QuotingServer {
  /** Of every request that came. */
  readonly signatures = new Set<string>();
  /** Whether a bucket can be mounted, in which one object is to be found; nothing can be done with it. */
  answersListings: boolean = true;
  service: Service = () => undefined;
  readonly #server: LoopbackServer;

  private constructor() {
    this.#server = new LoopbackServer((request, response) => {
      const { signature } = signed(request);
      if (signature !== "") this.signatures.add(signature);
      let received = "";
      request.setEncoding("latin1").on("data", (text: string) => {
        received += text;
      });
      request.on("end", () => {
        const { status, body } = this.service(request, received) ?? this.#answerOfS3(request);
        response.writeHead(status, { "x-amz-request-id": "R1", "x-amz-id-2": "H1" }).end(body);
      });
    });
  }

  static async start(): Promise<QuotingServer> {
    const server = new QuotingServer();
    await server.#server.listen();
    return server;
  }

  get url(): string {
    return this.#server.url;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  #answerOfS3(request: IncomingMessage): Answer {
    const { method, url = "" } = request;
    if (this.answersListings && method === "HEAD") return { status: 404, body: "" };
    if (!this.answersListings || !url.includes("list-type=2")) {
      return { status: 403, body: refusalOfS3(request) };
    }
    const listed = /[?&]prefix=(?:&|$)/.test(url) ? FILE : "";
    const body = `<ListBucketResult><IsTruncated>false</IsTruncated>${listed}</ListBucketResult>`;
    return { status: 200, body };
  }
}

/** All that was sent, on one line; what signs or lets in comes first, as long messages are cut. */
export function quotationOf({ headers, url }: IncomingMessage, body: string): string {
  const { authorization = "", "x-amz-sso_bearer_token": login = "" } = headers;
  return [authorization, login, body, JSON.stringify(headers), url]
    .join(" ")
    .replace(/[\r\n]+/g, " ");
}

function signed({ headers }: IncomingMessage) {
  const { authorization = "" } = headers;
  const [, accessKeyId = ""] = /Credential=([^/]+)/.exec(authorization) ?? [];
  const [, signature = ""] = /Signature=(\w+)/.exec(authorization) ?? [];
  return { accessKeyId, authorization, signature };
}

/** As SignatureDoesNotMatch of S3, and worse: the message has it all too. */
function refusalOfS3(request: IncomingMessage): string {
  const { headers, method, url } = request;
  const { accessKeyId, authorization, signature } = signed(request);
  const token = headers["x-amz-security-token"];
  return (
    "<Error><Code>SignatureDoesNotMatch</Code>" +
    `<Message>The signature ${signature} does not match: ${authorization}, ${String(token)}</Message>` +
    `<AWSAccessKeyId>${accessKeyId}</AWSAccessKeyId>` +
    `<StringToSign>AWS4-HMAC-SHA256 ${method} ${url}</StringToSign>` +
    `<SignatureProvided>${signature}</SignatureProvided></Error>`
  );
}
