/** Headers that requests have in common: encoded and signed once, and never for another request. */

import { describe, expect, test } from "vitest";
import { RequestHeaders, type SignedRequest } from "../../src/s3/request-headers.ts";
import { canonicalHeaders, Signer } from "../../src/s3/signer.ts";
import type { TransportRequest } from "../../src/s3/transport-request.ts";

const CREDENTIALS = { accessKeyId: "AKID", secretAccessKey: "secret", sessionToken: "token" };
const TIME = "20260131T235958Z";
const REQUEST: TransportRequest = {
  operation: "GetObject",
  method: "GET",
  origin: { secure: false, host: "host", port: 80 },
  path: "/",
  headers: {},
};

function requestHeaders(commonHeaders = {}): RequestHeaders {
  return new RequestHeaders({
    authority: "host:9000",
    signer: new Signer({ region: "eu-west-3", service: "s3" }),
    commonHeaders,
    tokenHeader: "x-amz-security-token",
    userAgent: "ours",
  });
}

function getOf(path: string): SignedRequest {
  return { method: "GET", path, query: "", signedHeaders: undefined };
}

/** The headers of a request as they are sent, those of its own behind. */
function sent(
  made: RequestHeaders,
  request: SignedRequest,
  credentials: typeof CREDENTIALS | undefined = CREDENTIALS,
  timestamp = TIME,
): Record<string, string> {
  const { authorization, shared } = made.of(request, credentials, timestamp);
  const lines = shared.encoded(REQUEST).split("\r\n").slice(0, -1);
  const fields = Object.fromEntries(lines.map((line) => line.split(": ", 2)));
  return authorization === undefined ? fields : { ...fields, authorization };
}

/** As a signer says that never signed anything before. */
function authorizationOf(
  { method, path, query }: SignedRequest,
  headers: Readonly<Record<string, string>>,
  timestamp: string,
): string {
  const { authorization: _, "user-agent": __, ...signed } = headers;
  return new Signer({ region: "eu-west-3", service: "s3" }).authorization(CREDENTIALS, {
    ...{ method, path, query, headers: canonicalHeaders(signed) },
    payload: "UNSIGNED-PAYLOAD",
    timestamp,
  });
}

describe("the headers of a request", () => {
  test("are signed as those of any other, however often and in what order they are asked for", () => {
    const made = requestHeaders({ "x-amz-request-payer": "requester" });
    const told = { "x-amz-checksum-mode": "ENABLED" };
    const requests: readonly SignedRequest[] = [
      getOf("/bucket/a"),
      getOf("/bucket/b"),
      { ...getOf("/bucket/a"), query: "list-type=2" },
      { ...getOf("/bucket/a"), method: "HEAD" },
      { ...getOf("/bucket/a"), signedHeaders: told },
      { ...getOf("/bucket/b"), signedHeaders: told },
      { ...getOf("/bucket/a"), method: "PUT", signedHeaders: { "content-type": "text/plain" } },
    ];
    for (const timestamp of [TIME, "20260201T000000Z"]) {
      for (const request of [...requests, ...requests.toReversed()]) {
        const headers = sent(made, request, CREDENTIALS, timestamp);
        expect(headers).toEqual({
          host: "host:9000",
          "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
          "x-amz-date": timestamp,
          "x-amz-request-payer": "requester",
          "x-amz-security-token": "token",
          ...request.signedHeaders,
          "user-agent": "ours",
          authorization: authorizationOf(request, headers, timestamp),
        });
      }
    }
  });

  test("are made once for the parts of an object, until the second or the credentials change", () => {
    const made = requestHeaders();
    const first = made.of(getOf("/a"), CREDENTIALS, TIME);
    expect(made.of(getOf("/b"), CREDENTIALS, TIME)).not.toBe(first);
    expect(made.of(getOf("/a"), CREDENTIALS, TIME)).toBe(first);
    const renewed = { ...CREDENTIALS, sessionToken: "renewed" };
    expect(made.of(getOf("/a"), renewed, TIME)).not.toBe(first);
    expect(sent(made, getOf("/a"), renewed)["x-amz-security-token"]).toBe("renewed");
    expect(made.of(getOf("/a"), CREDENTIALS, "20260131T235959Z")).not.toBe(first);
  });

  test("are forgotten when many objects are read in one second", () => {
    const made = requestHeaders();
    const first = made.of(getOf("/first"), CREDENTIALS, TIME);
    for (let index = 0; index < 300; index++) made.of(getOf(`/${index}`), CREDENTIALS, TIME);
    expect(made.of(getOf("/first"), CREDENTIALS, TIME)).not.toBe(first);
  });

  test("without credentials are not signed", () => {
    const made = requestHeaders();
    for (const path of ["/a", "/b", "/a"]) {
      expect(made.of(getOf(path), undefined, "").authorization).toBeUndefined();
      const { shared } = made.of(getOf(path), undefined, "");
      expect(shared.encoded(REQUEST)).toBe("host: host:9000\r\nuser-agent: ours\r\n");
    }
  });

  test("that would break out of their line are refused", () => {
    const { shared } = requestHeaders({ "x-amz-a": "b\r\nc: d" }).of(getOf("/"), undefined, "");
    for (const _ of [1, 2]) {
      expect(() => shared.encoded(REQUEST)).toThrowError(/its header "x-amz-a" is not valid/);
    }
  });
});
