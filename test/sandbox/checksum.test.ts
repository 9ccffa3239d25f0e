/** Checksums: computed by the SDK, verified and given back by the endpoint; and wrong ones. */

import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import {
  ChecksumAlgorithm,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { BUCKET, codeOf, randomBytes, sdk, send, startSandbox } from "./endpoint.ts";

const Bucket = BUCKET;
const Key = "x";
const ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const;
/** Of "123456789", the check input of the catalogues of CRCs; the hashes by other means. */
const CHECK_VALUES = {
  CRC32: Buffer.from("cbf43926", "hex").toString("base64"),
  CRC32C: Buffer.from("e3069283", "hex").toString("base64"),
  CRC64NVME: Buffer.from("ae8b14860a799888", "hex").toString("base64"),
  SHA1: createHash("sha1").update("123456789").digest("base64"),
  SHA256: createHash("sha256").update("123456789").digest("base64"),
};

describe.each(ALGORITHMS)("%s", (algorithm) => {
  const header = `x-amz-checksum-${algorithm.toLowerCase()}`;

  test("is verified, kept, and given back with the whole object only", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    const value = CHECK_VALUES[algorithm];
    const put = await send(sandbox, "/bucket/x", {
      method: "PUT",
      body: "123456789",
      headers: { [header]: value },
    });
    expect(put.headers[header]).toBe(value);
    const mode = { "x-amz-checksum-mode": "ENABLED" };
    for (const method of ["GET", "HEAD"]) {
      const whole = await send(sandbox, "/bucket/x", { method, headers: mode });
      expect(whole.headers[header]).toBe(value);
      expect(whole.headers["x-amz-checksum-type"]).toBe("FULL_OBJECT");
      const part = await send(sandbox, "/bucket/x", {
        method,
        headers: { ...mode, range: "bytes=0-8" },
      });
      expect([part.status, part.headers[header]]).toEqual([206, undefined]);
      const unasked = await send(sandbox, "/bucket/x", { method });
      expect(unasked.headers[header]).toBeUndefined();
    }
  });

  test("that is wrong, malformed or not alone is refused, and nothing is stored", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    const put = async (headers: Record<string, string>) => {
      const answer = await send(sandbox, "/bucket/x", {
        method: "PUT",
        body: "12345678X",
        headers,
      });
      return [answer.status, codeOf(answer)];
    };
    const value = CHECK_VALUES[algorithm];
    expect(await put({ [header]: value })).toEqual([400, "BadDigest"]);
    expect(await put({ [header]: value.slice(4) })).toEqual([400, "InvalidRequest"]);
    const other = algorithm === "CRC32" ? "CRC32C" : "CRC32";
    const both = {
      [header]: value,
      [`x-amz-checksum-${other.toLowerCase()}`]: CHECK_VALUES[other],
    };
    expect(await put(both)).toEqual([400, "InvalidRequest"]);
    expect(sandbox.listKeys(BUCKET)).toEqual([]);
  });

  test("travels as a trailer of a stream, and the SDK finds it right in both directions", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const body = randomBytes(300_000);
    const put = await client.send(
      new PutObjectCommand({
        Bucket,
        Key,
        Body: Readable.from([body.subarray(0, 100_001), body.subarray(100_001)]),
        ContentLength: body.byteLength,
        ChecksumAlgorithm: ChecksumAlgorithm[algorithm],
      }),
    );
    const sent = sandbox.requests.at(-1)?.headers;
    expect(sent?.["x-amz-content-sha256"]).toBe("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    const field = `Checksum${algorithm}` as const;
    expect(put[field]).toBeDefined();
    const asked = { Bucket, Key, ChecksumMode: "ENABLED" } as const;
    const head = await client.send(new HeadObjectCommand(asked));
    expect(head[field]).toBe(put[field]);
    const got = await client.send(new GetObjectCommand(asked));
    expect(body.equals((await got.Body?.transformToByteArray()) ?? Buffer.alloc(0))).toBe(true);
    expect(got.ContentEncoding).toBeUndefined();
  });
});

describe("a trailer", () => {
  test.each([
    ["9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", 200, undefined],
    ["4\r\n1234\r\n5\r\n56789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", 200, undefined],
    ["9\r\n12345678X\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", 400, "BadDigest"],
    ["9\r\n123456789\r\n0\r\n\r\n", 400, "BadDigest"],
    ["8\r\n12345678\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", 400, "IncompleteBody"],
    ["a\r\n123456789A\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", 400, "IncompleteBody"],
    ["9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n", 400, "IncompleteBody"],
    ["9\r\n123456789 0\r\n\r\n", 400, "IncompleteBody"],
    ["nine\r\n123456789\r\n0\r\n\r\n", 400, "IncompleteBody"],
    ["9\r\n123456789\r\n0\r\n\r\nmore", 400, "IncompleteBody"],
    ["x".repeat(10_000), 400, "IncompleteBody"],
  ])("of a chunked body is read to the letter: %j", async (body, status, code) => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    const answer = await send(sandbox, "/bucket/x", {
      method: "PUT",
      body,
      headers: {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": 9,
        "x-amz-trailer": "x-amz-checksum-crc32",
      },
    });
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    expect(sandbox.listKeys(BUCKET)).toEqual(status === 200 ? ["x"] : []);
  });
});

describe("Content-MD5", () => {
  test.each([
    [createHash("md5").update("body").digest("base64"), 200, undefined],
    [createHash("md5").update("other").digest("base64"), 400, "BadDigest"],
    ["not base64!", 400, "InvalidDigest"],
    ["c2hvcnQ=", 400, "InvalidDigest"],
  ])("%s", async (md5, status, code) => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    const answer = await send(sandbox, "/bucket/x", {
      method: "PUT",
      body: "body",
      headers: { "content-md5": md5 },
    });
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
  });
});
