import { describe, expect, test } from "vitest";
import { connector, MemorySink, patternBytes } from "./client-under-test.ts";
import { answering, errorXml, type RawRequest, rangeResponse, response } from "./raw-server.ts";

const connect = connector();

describe("reading", () => {
  test("a ranged GET arrives exactly, signed, and asks for the version", async () => {
    const object = patternBytes(300_000);
    const requests: RawRequest[] = [];
    const client = await connect(
      answering((request) => {
        requests.push(request);
        return rangeResponse(object, request);
      }),
    );
    const sink = new MemorySink();
    await client.get({
      key: "a/b c",
      etag: '"e1"',
      offset: 1000,
      byteCount: 200_000,
      objectBytes: 300_000,
      sink,
    });
    expect(sink.bytes.equals(object.subarray(1000, 201_000))).toBe(true);
    expect(requests).toHaveLength(1);
    expect(requests[0]?.path).toBe("/bucket/a/b%20c");
    expect(requests[0]?.headers["range"]).toBe("bytes=1000-200999");
    expect(requests[0]?.headers["if-match"]).toBe('"e1"');
    expect(requests[0]?.headers["authorization"]).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\//,
    );
  });

  test("HEAD tells size, etag and time", async () => {
    const client = await connect(
      answering(() =>
        response(200, {
          "content-length": 7,
          etag: '"x"',
          "last-modified": "Wed, 21 Oct 2015 07:28:00 GMT",
          "x-amz-storage-class": "GLACIER",
          "x-amz-restore": 'ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"',
        }),
      ),
    );
    expect(await client.head("k")).toEqual({
      key: "k",
      sizeBytes: 7,
      etag: '"x"',
      lastModifiedMs: Date.UTC(2015, 9, 21, 7, 28),
      storageClass: "GLACIER",
      restored: true,
    });
  });
});

describe("writing", () => {
  test("PutObject sends the blocks as they are, unsigned, with length and checksum", async () => {
    const requests: RawRequest[] = [];
    const client = await connect(
      answering((request) => {
        requests.push(request);
        return response(200, { etag: '"put"' });
      }),
    );
    const body = [patternBytes(1_048_576), patternBytes(1000), new Uint8Array(0), patternBytes(3)];
    const stored = await client.put({
      key: "k",
      body,
      checksum: { algorithm: "crc32c", base64: "yZRlqg==" },
      ifNoneMatch: "*",
    });
    expect(stored).toEqual({ etag: '"put"' });
    const [request] = requests;
    expect(request?.body.equals(Buffer.concat(body))).toBe(true);
    expect(request?.headers).toMatchObject({
      "content-length": "1049579",
      "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
      "x-amz-checksum-crc32c": "yZRlqg==",
      "if-none-match": "*",
    });
    expect(request?.headers["expect"]).toBeUndefined();
    expect(request?.headers["transfer-encoding"]).toBeUndefined();
    expect(request?.headers["authorization"]).toContain("x-amz-content-sha256");
  });

  test("a multipart upload goes from its first request to its last", async () => {
    const requests: RawRequest[] = [];
    const client = await connect(
      answering((request) => {
        requests.push(request);
        if (request.path.includes("uploads=")) {
          return response(
            200,
            {},
            "<InitiateMultipartUploadResult><UploadId>u&amp;1</UploadId></InitiateMultipartUploadResult>",
          );
        }
        if (request.method === "PUT")
          return response(200, { etag: '"p1"', "x-amz-checksum-crc64nvme": "AAAAAAAAAAA=" });
        return response(
          200,
          {},
          '<CompleteMultipartUploadResult><ETag>"whole-1"</ETag></CompleteMultipartUploadResult>',
        );
      }),
    );
    const key = "dir/ü+ &~.txt";
    const uploadId = await client.createUpload({ key, checksumAlgorithm: "crc64nvme" });
    expect(uploadId).toBe("u&1");
    const checksum = { algorithm: "crc64nvme", base64: "AAAAAAAAAAA=" } as const;
    const part = await client.uploadPart({
      key,
      uploadId,
      partNumber: 1,
      body: [Buffer.from("hello")],
      checksum,
    });
    expect(part).toEqual({ partNumber: 1, etag: '"p1"', sizeBytes: 5, checksum });
    expect(await client.completeUpload({ key, uploadId, parts: [part] })).toEqual({
      etag: '"whole-1"',
    });
    const [create, put, complete] = requests;
    expect(create?.path.startsWith("/bucket/dir/%C3%BC%2B%20%26~.txt?uploads=")).toBe(true);
    expect(create?.headers["x-amz-checksum-algorithm"]).toBe("CRC64NVME");
    expect(put?.body.toString()).toBe("hello");
    expect(put?.path).toContain("uploadId=u%261");
    expect(complete?.headers["x-amz-mp-object-size"]).toBe("5");
    expect(complete?.body.toString()).toContain(
      "<ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME>",
    );
  });

  test("aborting an upload that is gone succeeds; deleting sends one request", async () => {
    const requests: RawRequest[] = [];
    const client = await connect(
      answering((request) => {
        requests.push(request);
        return request.path.includes("uploadId")
          ? response(404, {}, errorXml("NoSuchUpload"))
          : response(204, {});
      }),
    );
    await client.abortUpload("k", "u");
    await client.delete("k");
    expect(requests.map(({ method }) => method)).toEqual(["DELETE", "DELETE"]);
  });

  test("CompleteMultipartUpload fails on an error inside a 200 answer", async () => {
    const client = await connect(
      answering(() => response(200, {}, errorXml("InternalError"))),
      {
        retry: { attemptsMax: 2, baseMs: 1 },
      },
    );
    const parts = [{ partNumber: 1, etag: '"p"', sizeBytes: 1, checksum: undefined }];
    await expect(client.completeUpload({ key: "k", uploadId: "u", parts })).rejects.toMatchObject({
      kind: "server-error",
    });
  });
});
