/**
 * What an operation of S3 is here: a function from a verified request to an answer. It knows neither
 * sockets nor faults; the server sends the answer, late, slowly or broken as the dials and faults say.
 */

import type { Bucket, Buckets } from "./bucket.ts";
import type { Checksums } from "./checksum.ts";
import type { ContentReader } from "./content.ts";
import type { Dials } from "./dials.ts";
import type { ErrorDetails } from "./error.ts";
import type { S3Request } from "./request.ts";
import type { RequestBody } from "./request-body.ts";
import type { Sessions } from "./sessions.ts";
import { element, optionalElement, parent, XML_DECLARATION } from "./xml.ts";

export interface Call {
  readonly request: S3Request;
  /** To be received at most once. */
  readonly body: RequestBody;
  readonly buckets: Buckets;
  readonly dials: Readonly<Dials>;
  readonly checksums: Checksums;
  readonly region: string;
  readonly sessions: Sessions;
}

/** A run of an object's bytes. Whoever gets the answer closes the reader, sent or not. */
export interface ContentRun {
  readonly reader: ContentReader;
  readonly offset: number;
  readonly byteCount: number;
}

export type AnswerHeaders = Readonly<Partial<Record<string, string>>>;

export interface Answer {
  readonly status: number;
  /** By lower-case name; without Content-Length for a body that is given. */
  readonly headers: AnswerHeaders;
  readonly body?: string | ContentRun;
}

export interface Operation {
  /** As S3 names it. */
  readonly name: string;
  readonly method: string;
  readonly target: "service" | "bucket" | "object";
  /** The query parameters, with a value where it counts, that tell it from its neighbours. */
  readonly query?: readonly string[];
  /** A header that does so. */
  readonly header?: string;
  readonly run: (call: Call) => Answer | Promise<Answer>;
}

/** The bucket that the request names, or `NoSuchBucket`. */
export function bucketOf(call: Call): Bucket {
  return call.buckets.get(call.request.bucket);
}

export function xmlAnswer(xml: string): Answer {
  return { status: 200, headers: { "content-type": "application/xml" }, body: xml };
}

export function emptyAnswer(status: number, headers: AnswerHeaders = {}): Answer {
  return { status, headers };
}

/** What an error document says; every `SandboxError` is one. */
export interface ErrorDescription {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly details: ErrorDetails;
}

/** S3's error document. */
export function errorXml(error: ErrorDescription, resource: string, requestId: string): string {
  return (
    XML_DECLARATION +
    parent(
      "Error",
      element("Code", error.code),
      element("Message", error.message),
      ...Object.entries(error.details).map(([name, value]) => optionalElement(name, value)),
      element("Resource", resource),
      element("RequestId", requestId),
    )
  );
}
