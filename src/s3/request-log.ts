/**
 * One debug line for each request that was sent, whichever way it came: what was asked, how long it
 * took and what came of it. Neither its path, which names uploads, nor its headers, which sign it.
 */

import { type Log, type LogFields, messageOf } from "../base/log.ts";
import { S3Error } from "./error.ts";
import type { TransportRequest, TransportResponse } from "./transport-request.ts";

/** What a listing is asked for, in the place of a key. */
function prefixOf({ path }: TransportRequest): string | undefined {
  return new URLSearchParams(path.split("?")[1]).get("prefix") ?? undefined;
}

/** The same answer, logged when it is there. */
export async function logged(
  request: TransportRequest,
  answer: Promise<TransportResponse>,
  log: Log,
): Promise<TransportResponse> {
  const startMs = performance.now();
  const elapsedMs = (): number => Math.round(performance.now() - startMs);
  const { method, operation } = request;
  const key = request.key ?? prefixOf(request);
  const range = request.headers["range"];
  const what = [operation, key === undefined ? "" : JSON.stringify(key), range]
    .filter((part) => part)
    .join(" ");
  const asked: LogFields = { operation, method, key, range };
  try {
    const response = await answer;
    const { headers, status } = response;
    const ms = elapsedMs();
    const requestId = headers["x-amz-request-id"];
    const id = requestId === undefined ? "" : `, request ${requestId}`;
    log.debug(`${what}: HTTP ${status} in ${ms} ms${id}`, {
      ...asked,
      status,
      ms,
      requestId,
      extendedRequestId: headers["x-amz-id-2"],
    });
    return response;
  } catch (error) {
    const ms = elapsedMs();
    const kind = error instanceof S3Error ? error.kind : undefined;
    log.debug(`${what}: no answer in ${ms} ms: ${messageOf(error)}`, { ...asked, ms, kind });
    throw error;
  }
}
