/** Who may do what: signatures by the SDK, by the minio client, and AWS's own published example. */

import { createHash, createHmac } from "node:crypto";
import {
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  type ServiceInputTypes,
  type ServiceOutputTypes,
} from "@aws-sdk/client-s3";
import type { FinalizeRequestMiddleware } from "@smithy/types";
import { describe, expect, test } from "vitest";
import { ChunkedDecoder } from "../../src/sandbox/chunked-decoder.ts";
import { SandboxError } from "../../src/sandbox/index.ts";
import { BUCKET, CREDENTIALS, codeOf, minio, sdk, send, startSandbox } from "./endpoint.ts";

const list = new ListObjectsV2Command({ Bucket: BUCKET });

/** Changes what a client sends after it has signed it. */
function tamper(client: S3Client, change: (request: TamperedRequest) => void): void {
  const middleware: FinalizeRequestMiddleware<ServiceInputTypes, ServiceOutputTypes> =
    (next) => (args) => {
      change(args.request as TamperedRequest);
      return next(args);
    };
  client.middlewareStack.addRelativeTo(middleware, {
    relation: "after",
    toMiddleware: "awsAuthMiddleware",
    name: "tamper",
  });
}

interface TamperedRequest {
  path: string;
  headers: Record<string, string>;
  query: Record<string, string>;
  body: unknown;
}

describe("a signature", () => {
  test("by another secret does not match", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox, { credentials: { ...CREDENTIALS, secretAccessKey: "wrong" } });
    await expect(client.send(list)).rejects.toMatchObject({
      name: "SignatureDoesNotMatch",
      $metadata: { httpStatusCode: 403 },
    });
    expect(sandbox.requests.at(-1)).toMatchObject({ status: 403, operation: "ListObjectsV2" });
  });

  test("by a key that is not known is refused", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox, { credentials: { ...CREDENTIALS, accessKeyId: "AKIAOTHER" } });
    await expect(client.send(list)).rejects.toMatchObject({ name: "InvalidAccessKeyId" });
  });

  test("for another region is refused with the right one", async () => {
    const sandbox = await startSandbox({ region: "eu-west-3" });
    await expect(sdk(sandbox).send(list)).rejects.toMatchObject({
      name: "AuthorizationHeaderMalformed",
      Region: "eu-west-3",
      $response: { headers: { "x-amz-bucket-region": "eu-west-3" } },
    });
  });

  test("of another time is refused", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox, { systemClockOffset: -16 * 60 * 1000 });
    await expect(client.send(list)).rejects.toMatchObject({ name: "RequestTimeTooSkewed" });
  });

  test.each<[string, string, (request: TamperedRequest) => void]>([
    [
      "path",
      "SignatureDoesNotMatch",
      (request) => {
        request.path = "/bucket/other";
      },
    ],
    [
      "query",
      "SignatureDoesNotMatch",
      (request) => {
        request.query["x"] = "y";
      },
    ],
    [
      "signed header",
      "SignatureDoesNotMatch",
      (request) => {
        request.headers["x-amz-meta-a"] = "2";
      },
    ],
    [
      "header that is not signed",
      "AccessDenied",
      (request) => {
        request.headers["x-amz-meta-b"] = "2";
      },
    ],
    [
      "body",
      "XAmzContentSHA256Mismatch",
      (request) => {
        request.body = "BODY";
      },
    ],
  ])("does not match a changed %s", async (_what, name, change) => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox, { requestChecksumCalculation: "WHEN_REQUIRED" });
    tamper(client, change);
    const put = new PutObjectCommand({
      Bucket: BUCKET,
      Key: "x",
      Body: "body",
      Metadata: { a: "1" },
    });
    await expect(client.send(put)).rejects.toMatchObject({ name });
    expect(sandbox.listKeys(BUCKET)).toEqual([]);
  });

  test("is not needed where everyone may enter", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    await sandbox.putObject(BUCKET, "x", "y");
    expect((await send(sandbox, "/bucket/x")).status).toBe(200);
    const stranger = { accessKeyId: "any", secretAccessKey: "thing" };
    expect((await sdk(sandbox, { credentials: stranger }).send(list)).KeyCount).toBe(1);
  });

  test.each([
    [{}, "AccessDenied"],
    [{ authorization: "Basic dXNlcjpwYXNz" }, "AuthorizationHeaderMalformed"],
    [{ authorization: "AWS4-HMAC-SHA256 Credential=a/b/c" }, "AuthorizationHeaderMalformed"],
  ])("that is missing or malformed is refused: %o", async (headers, code) => {
    const sandbox = await startSandbox();
    const answer = await send(sandbox, "/bucket/x", { headers });
    expect(codeOf(answer)).toBe(code);
  });

  test("never shows in the log of requests", async () => {
    const sandbox = await startSandbox();
    await sdk(sandbox).send(list);
    await minio(sandbox).bucketExists(BUCKET);
    expect(sandbox.requests).toHaveLength(2);
    expect(JSON.stringify(sandbox.requests)).not.toMatch(/Signature=|AKIASANDBOX/);
  });
});

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html, "Example". */
describe("a body that is signed chunk by chunk", () => {
  const hmac = (key: string | Buffer, text: string) =>
    createHmac("sha256", key).update(text).digest();
  const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  const signingKey = ["us-east-1", "s3", "aws4_request"].reduce(
    hmac,
    hmac(`AWS4${secret}`, "20130524"),
  );
  const chain = {
    signature: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    timestamp: "20130524T000000Z",
    scope: "20130524/us-east-1/s3/aws4_request",
    signingKey,
  };
  const example = Buffer.concat([
    Buffer.from(
      "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n",
    ),
    Buffer.alloc(65536, "a"),
    Buffer.from(
      "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n",
    ),
    Buffer.alloc(1024, "a"),
    Buffer.from(
      "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n",
    ),
  ]);

  function decode(body: Buffer, pieceBytes: number): { sha256: string; done: boolean } {
    const hash = createHash("sha256");
    const decoder = new ChunkedDecoder((bytes) => hash.update(bytes), chain);
    for (let at = 0; at < body.byteLength; at += pieceBytes) {
      decoder.write(body.subarray(at, at + pieceBytes));
    }
    return { sha256: hash.digest("hex"), done: decoder.done };
  }

  test.each([1, 7, 4096, 1_000_000])("is verified in pieces of %i bytes", (pieceBytes) => {
    const sha256 = createHash("sha256").update(Buffer.alloc(66560, "a")).digest("hex");
    expect(decode(example, pieceBytes)).toEqual({ sha256, done: true });
  });

  test.each([200, 65_700])("is refused when the byte at %i is changed", (position) => {
    const changed = Buffer.from(example);
    changed.write("b", position);
    expect(() => decode(changed, 4096)).toThrow(SandboxError);
  });

  test("is sent by the minio client and taken by the endpoint", async () => {
    const sandbox = await startSandbox();
    const client = minio(sandbox);
    await client.putObject(BUCKET, "x", "streamed");
    expect((await sandbox.getObject(BUCKET, "x"))?.toString()).toBe("streamed");
  });
});
