/** How many requests are sent, how long they take and how many fail, by operation. */

import type { Metrics } from "../base/metrics.ts";
import { S3Error } from "./error.ts";
import type { TransportRequest, TransportResponse } from "./transport-request.ts";

/** In the place of a status, where there was no answer. */
const NO_STATUS = "none";
const STATUS_REFUSED_MIN = 300;

/** Does with `send` what it does, measured; a request that we ourselves give up has not failed. */
export async function measured(
  request: TransportRequest,
  metrics: Metrics,
  send: (request: TransportRequest) => Promise<TransportResponse>,
): Promise<TransportResponse> {
  const operation = { s3_request: request.operation };
  const countError = (status: string): void =>
    metrics.counter("s3.request_errors", { ...operation, http_status: status }).add(1);
  metrics.counter("s3.request_count", operation).add(1);
  const startMs = performance.now();
  let headMs = startMs;
  const watched: TransportRequest = {
    ...request,
    accept: (head) => {
      headMs = performance.now();
      return request.accept?.(head);
    },
  };
  let response: TransportResponse;
  try {
    response = await send(watched);
  } catch (error) {
    if (!(error instanceof S3Error && error.kind === "aborted")) countError(NO_STATUS);
    throw error;
  }
  const latency = (name: "first_byte" | "total", endMs: number): void =>
    metrics.histogram(`s3.request_${name}_latency`, operation).record((endMs - startMs) * 1000);
  latency("first_byte", headMs);
  latency("total", performance.now());
  if (response.status >= STATUS_REFUSED_MIN) countError(String(response.status));
  return response;
}
