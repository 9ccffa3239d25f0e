import { describe, expect, test } from "vitest";

import { errorOfAnswer } from "../../src/s3/answer-error.ts";
import { CachedCredentials, S3Error } from "../../src/s3/index.ts";
import { errorOf } from "../../src/s3/sdk-error.ts";
import { CREDENTIALS, connector, MemorySink } from "./client-under-test.ts";
import { answering, errorXml, response } from "./raw-server.ts";

const connect = connector({ retry: { attemptsMax: 2, baseMs: 1 } });

const GET = { key: "k", etag: '"e"', offset: 0, byteCount: 5, objectBytes: 10 };

const TABLE = [
  [404, "NoSuchKey", "not-found"],
  [404, "NoSuchBucket", "no-such-bucket"],
  [403, "AccessDenied", "access-denied"],
  [403, "InvalidAccessKeyId", "invalid-credentials"],
  [403, "SignatureDoesNotMatch", "invalid-credentials"],
  [403, "InvalidTokenId", "invalid-credentials"],
  [400, "ExpiredToken", "expired-credentials"],
  [412, "PreconditionFailed", "precondition-failed"],
  [409, "ConditionalRequestConflict", "server-error"],
  [403, "InvalidObjectState", "archived"],
  [400, "KeyTooLongError", "key-too-long"],
  [400, "EntityTooLarge", "too-large"],
  [403, "QuotaExceeded", "no-space"],
  [507, "XMinioStorageFull", "no-space"],
  [301, "PermanentRedirect", "wrong-region"],
  [501, "NotImplemented", "not-implemented"],
  [503, "SlowDown", "throttled"],
  [429, "TooManyRequests", "throttled"],
  [500, "InternalError", "server-error"],
  [503, "ServiceUnavailable", "server-error"],
  [400, "RequestTimeout", "timeout"],
  [400, "MalformedXML", "rejected"],
  [418, "Teapot", "rejected"],
] as const;

describe("an error answer", () => {
  test.each(TABLE)(
    "HTTP %i %s is %s, by our own path and through the SDK",
    async (status, code, kind) => {
      const answer = response(status, { "x-amz-request-id": "REQ7" }, errorXml(code));
      const client = await connect(answering(() => answer));
      const read = client.get({ ...GET, sink: new MemorySink() });
      await expect(read).rejects.toMatchObject({
        name: "S3Error",
        kind,
        status,
        code,
        operation: "GetObject",
        key: "k",
        requestId: "REQ7",
      });
      const write = client.put({ key: "k", body: [Buffer.from("x")], checksum: undefined });
      await expect(write).rejects.toMatchObject({
        name: "S3Error",
        kind,
        status,
        code,
        operation: "PutObject",
        key: "k",
      });
    },
  );

  test.each([
    [403, "access-denied"],
    [404, "not-found"],
    [412, "precondition-failed"],
    [429, "throttled"],
    [500, "server-error"],
    [503, "server-error"],
    [400, "rejected"],
  ] as const)("HTTP %i without a body is %s", async (status, kind) => {
    const client = await connect(
      answering(() => response(status, { "content-length": 300 }).subarray(0)),
    );
    await expect(client.head("k")).rejects.toMatchObject({ kind, status });
  });

  test.each([
    ["a redirect", 301, ""],
    ["a bare 400", 400, ""],
    [
      "a malformed authorization",
      400,
      errorXml("AuthorizationHeaderMalformed", "<Region>eu-south-2</Region>"),
    ],
  ])("%s names the bucket's region", async (_, status, body) => {
    const headers = body === "" ? { "x-amz-bucket-region": "eu-south-2" } : {};
    const client = await connect(
      answering((request) => response(status, headers, request.method === "HEAD" ? "" : body)),
    );
    const failing = body === "" ? client.head("k") : client.list({ prefix: "" });
    await expect(failing).rejects.toMatchObject({ kind: "wrong-region", region: "eu-south-2" });
    await expect(client.delete("k")).rejects.toMatchObject({
      kind: "wrong-region",
      region: "eu-south-2",
    });
  });

  test("in chunks is understood like any other", async () => {
    const xml = errorXml("NoSuchKey");
    const bytes = `HTTP/1.1 404 X\r\nTransfer-Encoding: chunked\r\n\r\n${xml.length.toString(16)}\r\n${xml}\r\n0\r\n\r\n`;
    const client = await connect(answering(() => bytes));
    for (let turn = 0; turn < 2; turn++) {
      await expect(client.get({ ...GET, sink: new MemorySink() })).rejects.toMatchObject({
        kind: "not-found",
      });
    }
    expect(connect.server?.accepted).toBe(1);
  });

  test("of a server that is not S3 is a bad response on both paths", async () => {
    const client = await connect(answering(() => response(404, {}, "<html>nginx</html>")));
    await expect(client.list({ prefix: "" })).rejects.toMatchObject({ kind: "bad-response" });
    const page = await connect(answering(() => response(200, {}, "<html>Welcome</html>")));
    await expect(page.list({ prefix: "" })).rejects.toThrow('"<html>Welcome</html>"');
    await expect(
      page.createUpload({ key: "k", checksumAlgorithm: undefined }),
    ).rejects.toMatchObject({ kind: "bad-response" });
  });

  test("keeps control characters and novels out of its message", () => {
    const evil = errorXml("NoSuchThing").replace("About NoSuchThing.", "\x1b[2J");
    const error = errorOfAnswer(
      { operation: "GetObject" },
      { status: 400, headers: { "x-amz-request-id": "a\u0080" }, body: Buffer.from(evil) },
    );
    expect(error.message).toBe(
      "GetObject failed: the server answered with HTTP 400 (HTTP 400, NoSuchThing)",
    );
  });
});

describe("credentials", () => {
  test("that nobody has are an error of their own, and nothing is sent", async () => {
    const missing = Object.assign(new Error("Could not load credentials from any providers"), {
      name: "CredentialsProviderError",
    });
    const client = await connect(
      answering(() => response(200, {})),
      {
        credentials: new CachedCredentials(async () => {
          throw missing;
        }),
      },
    );
    await expect(client.head("k")).rejects.toMatchObject({ kind: "no-credentials" });
    await expect(client.delete("k")).rejects.toMatchObject({ kind: "no-credentials" });
    expect(connect.server?.accepted).toBe(0);
  });

  test("that have expired are asked for again, once", async () => {
    let asked = 0;
    const client = await connect(
      answering((request) =>
        request.headers["x-amz-security-token"] === "token-2"
          ? response(200, { etag: '"e"' })
          : response(400, {}, errorXml("ExpiredToken")),
      ),
      {
        credentials: new CachedCredentials(async () => ({
          ...CREDENTIALS,
          sessionToken: `token-${++asked}`,
        })),
      },
    );
    await client
      .list({ prefix: "" })
      .catch((error: S3Error) => expect(error.kind).toBe("bad-response"));
    expect(asked).toBe(2);
  });

  test("that a HEAD is refused with twice have expired, though its answer has no body", async () => {
    let asked = 0;
    const client = await connect(
      answering(() => response(400, {})),
      {
        credentials: new CachedCredentials(async () => ({
          ...CREDENTIALS,
          sessionToken: `token-${++asked}`,
        })),
      },
    );
    await expect(client.head("k")).rejects.toMatchObject({ kind: "expired-credentials" });
    expect(asked).toBe(2);
  });

  test("are not needed for requests that are not signed", async () => {
    const signed: (string | undefined)[] = [];
    const client = await connect(
      answering((request) => {
        signed.push(request.headers["authorization"]);
        return response(200, { etag: '"e"' });
      }),
      { credentials: undefined },
    );
    await client.head("k");
    await client.put({ key: "k", body: [], checksum: undefined });
    await client.delete("k");
    expect(signed).toEqual([undefined, undefined, undefined]);
  });

  test("are signed by the server's clock when ours is wrong", async () => {
    const serverMs = Date.now() + 3_600_000;
    const client = await connect(
      answering((request) => {
        const day = request.headers["x-amz-date"] ?? "";
        const iso = day.replace(/^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)(\d\dZ)$/, "$1-$2-$3:$4:$5");
        const off = Math.abs(Date.parse(iso) - serverMs) > 60_000;
        const headers = { date: new Date(serverMs).toUTCString(), etag: '"e"' };
        return off
          ? response(
              403,
              headers,
              request.method === "HEAD" ? "" : errorXml("RequestTimeTooSkewed"),
            )
          : response(200, headers);
      }),
    );
    // All that were signed before the first of them tells the time.
    const heads = await Promise.all(["k", "l", "m"].map((key) => client.head(key)));
    expect(heads.map(({ etag }) => etag)).toEqual(['"e"', '"e"', '"e"']);
    expect(
      (await client.put({ key: "k", body: [Buffer.from("x")], checksum: undefined })).etag,
    ).toBe('"e"');
  });

  test("never appear in an error's text", async () => {
    const client = await connect(
      answering(() =>
        response(
          403,
          {},
          errorXml("SignatureDoesNotMatch", "<StringToSign>secret-text</StringToSign>"),
        ),
      ),
    );
    for (const failing of [client.head("k"), client.list({ prefix: "" }), client.delete("k")]) {
      const error = await failing.then(
        () => undefined,
        (error: S3Error) => error,
      );
      expect(error?.message).not.toMatch(/very-secret|secret-text|Signature=/);
    }
  });
});

describe("what the SDK throws", () => {
  test("is always an S3Error", () => {
    expect(errorOf("text", { operation: "X" })).toBeInstanceOf(S3Error);
    expect(errorOf(new TypeError("odd"), { operation: "X" }).kind).toBe("bad-response");
    expect(
      errorOf(Object.assign(new Error("x"), { name: "AbortError" }), { operation: "X" }).kind,
    ).toBe("aborted");
    const own = new S3Error("x", { kind: "network", operation: "Y" });
    expect(errorOf(own, { operation: "X" })).toBe(own);
  });
});
