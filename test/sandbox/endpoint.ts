/**
 * A sandbox for one test, its two independent clients, and a request written by hand for what neither
 * client would send.
 */

import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { Client as MinioClient } from "minio";
import { onTestFinished } from "vitest";
import { addon } from "../../src/native/index.ts";
import { createSandbox, type Sandbox, type SandboxOptions } from "../../src/sandbox/index.ts";

export const BUCKET = "bucket";
export const CREDENTIALS = { accessKeyId: "AKIASANDBOX", secretAccessKey: "secret/of+the sandbox" };

/** Started with one bucket, and closed when the test is over. */
export async function startSandbox(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  const sandbox = await createSandbox({
    checksums: addon(),
    buckets: [BUCKET],
    credentials: CREDENTIALS,
    ...options,
  });
  onTestFinished(() => sandbox.close());
  return sandbox;
}

/** The SDK as a user has it, but that it does not repeat what fails. */
export function sdk(sandbox: Sandbox, config: S3ClientConfig = {}): S3Client {
  const client = new S3Client({
    endpoint: sandbox.url,
    region: "us-east-1",
    credentials: CREDENTIALS,
    forcePathStyle: true,
    maxAttempts: 1,
    ...config,
  });
  onTestFinished(() => client.destroy());
  return client;
}

export function minio(sandbox: Sandbox): MinioClient {
  const { hostname, port } = new URL(sandbox.url);
  return new MinioClient({
    endPoint: hostname,
    port: Number(port),
    useSSL: false,
    accessKey: CREDENTIALS.accessKeyId,
    secretKey: CREDENTIALS.secretAccessKey,
    region: "us-east-1",
  });
}

/** Bytes that no two seeds share and nothing compresses. */
export function randomBytes(byteCount: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(byteCount);
  let state = seed * 0x9e37_79b9 + 1;
  for (let at = 0; at < byteCount; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Whether the body came to its end as HTTP has it. */
  readonly complete: boolean;
}

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string | Uint8Array;
}

/** One request on a connection of its own, nothing added to it. Rejects when no answer comes. */
export function send(sandbox: Sandbox, path: string, raw: RawRequest = {}): Promise<RawAnswer> {
  const { hostname, port } = new URL(sandbox.url);
  const { method = "GET", headers = {}, body } = raw;
  const length =
    body === undefined || method === "GET" ? {} : { "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const sent = httpRequest({
      hostname,
      port,
      path,
      method,
      headers: { connection: "close", ...length, ...headers },
    });
    sent.on("error", reject);
    sent.on("response", (answer) => {
      // From here on a broken connection shows as an answer that is not complete.
      sent.off("error", reject).on("error", () => {});
      const pieces: Buffer[] = [];
      answer.on("data", (piece: Buffer) => pieces.push(piece));
      // An answer that breaks off ends with "aborted" and "close", not with "end".
      answer.on("error", () => {});
      answer.on("close", () => {
        const { statusCode = 0, headers: answered, complete } = answer;
        resolve({ status: statusCode, headers: answered, body: Buffer.concat(pieces), complete });
      });
    });
    sent.end(body);
  });
}

/** S3's code in an error document. */
export function codeOf(answer: RawAnswer): string | undefined {
  return /<Code>(\w+)<\/Code>/.exec(answer.body.toString())?.[1];
}

export async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}
