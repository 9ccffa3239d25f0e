/**
 * GetObject: exactly the bytes that were asked for, or an error.
 *
 * A body that breaks off or stalls is asked for again from the byte where it stopped, of the same
 * version (If-Match). A connection that made progress does not count as a failed attempt, within limits.
 */

import type { CancelSignal } from "../base/cancellation.ts";
import { badAnswer } from "./answer-error.ts";
import { announcedChecksum, CheckedSink, type Checksums } from "./body-check.ts";
import { TELL_CHECKSUM } from "./checksum.ts";
import type { DirectPath } from "./direct-path.ts";
import { S3Error } from "./error.ts";
import type { GetRequest } from "./object-client.ts";
import type { ResponseHead } from "./response-head.ts";
import type { Acceptance } from "./response-receiver.ts";
import { isRetryable, type Retrier } from "./retry.ts";

/** Broken bodies that are resumed at once; after as many, each counts as a failed attempt. */
const RESUMES_MAX = 32;

export interface GetDependencies {
  readonly path: DirectPath;
  readonly retrier: Retrier;
  readonly checksums: Checksums | undefined;
}

export async function getObject(
  dependencies: GetDependencies,
  request: GetRequest,
  signal?: CancelSignal,
): Promise<void> {
  const { retrier } = dependencies;
  const sink = new CheckedSink(request.sink);
  const attempts = retrier.attempts();
  let resumes = 0;
  for (;;) {
    const before = sink.byteCount;
    try {
      await receive(dependencies, request, sink, signal);
    } catch (error) {
      const progressed = sink.byteCount > before;
      if (progressed && isRetryable(error) && resumes < RESUMES_MAX) resumes++;
      else if (sink.byteCount < request.byteCount) await retrier.pause(attempts, error, signal);
    }
    if (sink.byteCount < request.byteCount) continue;
    if (sink.sound) return;
    sink.restart();
    const error = getError(request, "corrupted", "the bytes do not match their checksum");
    await retrier.pause(attempts, error, signal);
  }
}

/** One GET for what is still missing. */
function receive(
  { checksums, path }: GetDependencies,
  request: GetRequest,
  sink: CheckedSink,
  signal: CancelSignal | undefined,
): Promise<unknown> {
  const { byteCount, etag, key, objectBytes, offset } = request;
  const from = offset + sink.byteCount;
  const to = offset + byteCount - 1;
  const whole = from === 0 && byteCount === objectBytes;
  const headers: Record<string, string> = {};
  if (etag !== "") headers["if-match"] = etag;
  if (!whole) headers["range"] = `bytes=${from}-${to}`;
  const accept = (head: ResponseHead): Acceptance | undefined => {
    if (head.status < 200 || head.status > 299) return undefined;
    checkAnswer(request, from, to, head);
    if (whole) sink.expect(announcedChecksum(head.headers, checksums));
    return { sink, byteCount: to - from + 1 };
  };
  const call = { operation: "GetObject", key, method: "GET", headers, accept } as const;
  return path.send(whole ? { ...call, signedHeaders: TELL_CHECKSUM } : call, signal);
}

/** Throws unless the bytes that follow are those of the version and the range asked for. */
function checkAnswer(request: GetRequest, from: number, to: number, head: ResponseHead): void {
  const { headers, status } = head;
  const etag = headers["etag"];
  if (etag !== request.etag && etag !== undefined && isAnother(etag, request.etag)) {
    throw getError(request, "precondition-failed", "the object is another by now", status);
  }
  if (status === 206) {
    const contentRange = headers["content-range"] ?? "";
    if (contentRange === `bytes ${from}-${to}/${request.objectBytes}`) return;
    const range = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/.exec(contentRange);
    if (range !== null && Number(range[1]) === from && Number(range[2]) === to) return;
    const wanted = `bytes ${from}-${to}`;
    throw badAnswer(nameOf(request), status, `its Content-Range is not ${wanted}`);
  }
  // A server that knows no ranges sends the object from its beginning.
  if (status === 200 && from === 0) return;
  throw badAnswer(nameOf(request), status, `it ignores the range that begins at ${from}`);
}

/** "" is an ETag that is not known. */
function isAnother(etag: string, expected: string): boolean {
  return expected !== "" && bare(etag) !== bare(expected);
}

function bare(etag: string): string {
  return etag.replace(/^W\//, "").replaceAll('"', "");
}

function nameOf(request: GetRequest): { operation: string; key: string } {
  return { operation: "GetObject", key: request.key };
}

function getError(
  request: GetRequest,
  kind: "corrupted" | "precondition-failed",
  message: string,
  status?: number,
): S3Error {
  return new S3Error(message, { kind, ...nameOf(request), status });
}
