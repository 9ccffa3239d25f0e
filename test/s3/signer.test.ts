import {
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  S3Client,
} from "@aws-sdk/client-s3";
import type { HttpRequest } from "@smithy/types";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { originKey } from "../../src/s3/origin.ts";
import {
  canonicalHeaders,
  encodeKey,
  encodeQuery,
  Signer,
  timestampOf,
} from "../../src/s3/signer.ts";
import { isPlainBucket, targetAt } from "../../src/s3/target.ts";

const CREDENTIALS = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};

/** An SDK client that sends nothing and keeps what it would have sent. */
function capturing(options: { endpoint: string; forcePathStyle: boolean; sessionToken?: string }) {
  const captured: HttpRequest[] = [];
  const client = new S3Client({
    region: "eu-west-3",
    endpoint: options.endpoint,
    forcePathStyle: options.forcePathStyle,
    credentials:
      options.sessionToken === undefined
        ? CREDENTIALS
        : { ...CREDENTIALS, sessionToken: options.sessionToken },
    requestHandler: {
      handle: async (request: HttpRequest) => {
        captured.push(request);
        return { response: { statusCode: 200, headers: {}, body: new Uint8Array() } };
      },
    },
  });
  return { client, captured };
}

/** Signs again what the SDK signed, and returns both signatures. */
function signedAgain(
  request: HttpRequest,
  sessionToken?: string,
): { ours: string; theirs: string } {
  const headersSent: Readonly<Record<string, string | undefined>> = request.headers;
  const theirs = headersSent["authorization"] ?? "";
  const names = /SignedHeaders=([^,]+)/.exec(theirs)?.[1]?.split(";") ?? [];
  const headers = Object.fromEntries(names.map((name) => [name, headersSent[name] ?? ""]));
  const query = Object.fromEntries(
    Object.entries(request.query ?? {}).map(([name, value]) => [name, String(value ?? "")]),
  );
  const credentials = sessionToken === undefined ? CREDENTIALS : { ...CREDENTIALS, sessionToken };
  const ours = new Signer({ region: "eu-west-3", service: "s3" }).authorization(credentials, {
    method: request.method,
    path: request.path,
    query: encodeQuery(query),
    headers: canonicalHeaders(headers),
    payload: headersSent["x-amz-content-sha256"] ?? "",
    timestamp: headersSent["x-amz-date"] ?? "",
  });
  return { ours, theirs };
}

const KEYS = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }),
  fc
    .array(
      fc.constantFrom(
        "a",
        " ",
        "+",
        "~",
        "/",
        "//",
        ".",
        "..",
        "%",
        "%2F",
        "é",
        "\u{1F680}",
        "!'()*",
        "&=?#",
        "\t",
        "\n",
      ),
      { minLength: 1, maxLength: 12 },
    )
    .map((parts) => parts.join("")),
);

describe("signatures", () => {
  test("of GETs of any key equal the SDK's, and so do the paths", async () => {
    const { client, captured } = capturing({
      endpoint: "http://127.0.0.1:1",
      forcePathStyle: true,
      sessionToken: "t/o+k=",
    });
    await fc.assert(
      fc.asyncProperty(KEYS, async (key) => {
        // The SDK wants a stream as the body of an object; the request has been captured by then.
        await client
          .send(new GetObjectCommand({ Bucket: "bucket", Key: key, Range: "bytes=0-1" }))
          .catch(() => undefined);
        const request = captured.pop();
        expect(request).toBeDefined();
        if (request === undefined) return;
        expect(`/bucket/${encodeKey(key)}`).toBe(request.path);
        const { ours, theirs } = signedAgain(request, "t/o+k=");
        expect(ours).toBe(theirs);
      }),
      { numRuns: 60 },
    );
  });

  test("of LISTs with any prefix equal the SDK's", async () => {
    const { client, captured } = capturing({
      endpoint: "http://127.0.0.1:1",
      forcePathStyle: true,
    });
    await fc.assert(
      fc.asyncProperty(KEYS, KEYS, async (prefix, token) => {
        const command = new ListObjectsV2Command({
          Bucket: "bucket",
          Prefix: prefix,
          ContinuationToken: token,
          Delimiter: "/",
          EncodingType: "url",
        });
        // The empty body is no listing; the request has been captured by then.
        await client.send(command).catch(() => undefined);
        const request = captured.pop();
        expect(request).toBeDefined();
        if (request === undefined) return;
        const { ours, theirs } = signedAgain(request);
        expect(ours).toBe(theirs);
      }),
      { numRuns: 40 },
    );
  });

  test("change with the day and with the credentials, from the same signer", () => {
    const signer = new Signer({ region: "us-east-1", service: "s3" });
    const parts = {
      method: "GET",
      path: "/",
      query: "",
      headers: canonicalHeaders({ host: "h" }),
      payload: "UNSIGNED-PAYLOAD",
    };
    const days = ["20260101T000000Z", "20260102T000000Z", "20260101T000000Z"];
    const [first, second, third] = days.map((timestamp) =>
      signer.authorization(CREDENTIALS, { ...parts, timestamp }),
    );
    expect(first).toBe(third);
    expect(first).not.toBe(second);
    const other = signer.authorization(
      { ...CREDENTIALS, secretAccessKey: "x" },
      { ...parts, timestamp: "20260101T000000Z" },
    );
    expect(other).not.toBe(first);
  });

  test("carry the time in seconds", () => {
    expect(timestampOf(Date.UTC(2026, 0, 31, 23, 59, 58, 999))).toBe("20260131T235958Z");
    expect(timestampOf(Date.UTC(2026, 0, 31, 23, 59, 59, 0))).toBe("20260131T235959Z");
    expect(timestampOf(Date.UTC(2026, 0, 31, 23, 59, 58, 0))).toBe("20260131T235958Z");
  });

  test("cannot be made of a key with half a surrogate pair", () => {
    expect(() => encodeKey("a\ud800")).toThrow(URIError);
  });
});

describe("a bucket behind an endpoint", () => {
  const BUCKETS = fc.oneof(
    fc.constantFrom(
      "bucket",
      "my.bucket",
      "1.2.3.4",
      "under_score",
      "UPPER",
      "a-b-c",
      "ab",
      "x".repeat(63),
      "a..b",
      "-ab",
      "ab-",
      "a.-b",
    ),
    fc.stringMatching(/^[a-z0-9][a-z0-9.-]{1,20}[a-z0-9]$/),
  );
  const ENDPOINTS = fc.constantFrom(
    "http://127.0.0.1:9000",
    "http://localhost:9000",
    "https://storage.example.com",
    "http://storage.example.com/base/path",
    "https://storage.example.com:8443/base",
    "http://[::1]:9000",
  );

  test("is where the SDK says it is", async () => {
    await fc.assert(
      fc.asyncProperty(
        BUCKETS,
        ENDPOINTS,
        fc.boolean(),
        async (bucket, endpoint, forcePathStyle) => {
          fc.pre(isPlainBucket(bucket));
          const { client, captured } = capturing({ endpoint, forcePathStyle });
          try {
            await client.send(new HeadBucketCommand({ Bucket: bucket }));
          } catch (error) {
            // Its rules put "0-a.0-a" before an address as well, which then is no URL.
            if ((error as NodeJS.ErrnoException).code !== "ERR_INVALID_URL") throw error;
            fc.pre(false);
          }
          const request = captured[0];
          expect(request).toBeDefined();
          if (request === undefined) return;
          const target = targetAt(endpoint, bucket, "eu-west-3", forcePathStyle);
          const port = request.port === undefined ? "" : `:${request.port}`;
          expect(originKey(target.origin)).toBe(`${request.protocol}//${request.hostname}${port}`);
          expect(target.basePath).toBe(request.path.replace(/\/$/, ""));
        },
      ),
      { numRuns: 150 },
    );
  });

  test.each(["localhost:9000", "ftp://x", "not a url", "http://x/?y=1"])(
    "refuses %s as an endpoint",
    (url) => {
      expect(() => targetAt(url, "bucket", "r", false)).toThrow(/no http:\/\/ or https:\/\/ URL/);
    },
  );
});
