/** What goes with requests by the mount's flags, and servers that do not know it. */

import { describe, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import type { ObjectClient } from "../../src/s3/index.ts";
import { connector, MemorySink } from "./client-under-test.ts";
import { answering, errorXml, type RawRequest, rangeResponse, response } from "./raw-server.ts";

const connect = connector();

const CREATED =
  "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>";
const COMPLETED =
  '<CompleteMultipartUploadResult><ETag>"whole-1"</ETag></CompleteMultipartUploadResult>';
const LISTED = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
const CRC = { algorithm: "crc32c", base64: "yZRlqg==" } as const;
const ARN = "arn:aws:kms:us-east-1:123456789012:key/one";

/** What a server that finds nothing wrong answers. */
function agree(request: RawRequest, headers: Readonly<Record<string, string>> = {}): Buffer {
  const { method, path } = request;
  if (path.includes("list-type")) return response(200, {}, LISTED);
  if (path.includes("uploads=")) return response(200, headers, CREATED);
  if (method === "POST") return response(200, {}, COMPLETED);
  if (method === "DELETE") return response(204, {});
  if (method === "GET") return rangeResponse(Buffer.from("object"), request);
  return response(200, { etag: '"e1"', ...headers });
}

function recordingLog(): { readonly lines: string[]; readonly log: typeof silentLog } {
  const lines: string[] = [];
  const keep = (line: string): void => {
    lines.push(line);
  };
  return { lines, log: { ...silentLog, warn: keep, error: keep } };
}

async function callAll(client: ObjectClient): Promise<void> {
  const sink = new MemorySink();
  const body = [Buffer.from("x")];
  await client.head("k");
  await client.headStored("k", "crc32c");
  await client.get({ key: "k", etag: '"e1"', offset: 0, byteCount: 3, objectBytes: 6, sink });
  await client.list({ prefix: "" });
  await client.put({ key: "k", body, checksum: CRC, contentType: "a/b" });
  const uploadId = await client.createUpload({ key: "k", checksumAlgorithm: "crc32c" });
  const part = { key: "k", uploadId, partNumber: 1, body, checksum: CRC };
  const parts = [await client.uploadPart(part)];
  await client.completeUpload({ key: "k", uploadId, parts });
  await client.abortUpload("k", uploadId);
  await client.delete("k");
}

test("who pays and who owns goes with every request, signed", async () => {
  const requests: RawRequest[] = [];
  const client = await connect(
    answering((request) => {
      requests.push(request);
      return agree(request);
    }),
    { requesterPays: true, expectedBucketOwner: "123456789012" },
  );
  await callAll(client);
  expect(requests).toHaveLength(10);
  for (const { headers } of requests) {
    expect(headers["x-amz-request-payer"]).toBe("requester");
    expect(headers["x-amz-expected-bucket-owner"]).toBe("123456789012");
    expect(headers["authorization"]).toContain("x-amz-expected-bucket-owner");
    expect(headers["authorization"]).toContain("x-amz-request-payer");
  }
});

test("storage class and encryption go with what makes an object, and with nothing else", async () => {
  const requests: RawRequest[] = [];
  const told = {
    "x-amz-server-side-encryption": "aws:kms",
    "x-amz-server-side-encryption-aws-kms-key-id": ARN,
  };
  const client = await connect(
    answering((request) => {
      requests.push(request);
      return agree(request, told);
    }),
    { storageClass: "GLACIER_IR", encryption: { algorithm: "aws:kms", kmsKeyId: ARN } },
  );
  await callAll(client);
  const asked = requests.filter(({ headers }) => headers["x-amz-storage-class"] === "GLACIER_IR");
  expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "PUT /bucket/k",
    "POST /bucket/k?uploads=",
  ]);
  for (const { headers } of asked) expect(headers).toMatchObject(told);
  const rest = requests.filter((request) => !asked.includes(request));
  for (const { headers } of rest) {
    expect(Object.keys(headers).filter((name) => name.includes("encryption"))).toEqual([]);
  }
});

describe("an answer that tells of another encryption", () => {
  const wrong: readonly Readonly<Record<string, string>>[] = [
    {},
    { "x-amz-server-side-encryption": "AES256" },
    {
      "x-amz-server-side-encryption": "aws:kms",
      "x-amz-server-side-encryption-aws-kms-key-id": `${ARN}-other`,
    },
  ];
  const encryption = { algorithm: "aws:kms", kmsKeyId: ARN } as const;

  test.each(wrong)("%j fails the PUT, loudly", async (told) => {
    const { lines, log } = recordingLog();
    const script = answering((request) => agree(request, told));
    const client = await connect(script, { encryption, log });
    const stored = client.put({ key: "k", body: [Buffer.from("x")], checksum: CRC });
    await expect(stored).rejects.toMatchObject({ kind: "encryption-mismatch" });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(ARN);
    expect(lines[0]).toContain(told["x-amz-server-side-encryption"] ?? "nothing of encryption");
  });

  test.each(wrong.slice(1))("%j fails the upload before a byte is sent", async (told) => {
    const requests: RawRequest[] = [];
    const client = await connect(
      answering((request) => {
        requests.push(request);
        return agree(request, told);
      }),
      { encryption },
    );
    const created = client.createUpload({ key: "k", checksumAlgorithm: "crc32c" });
    await expect(created).rejects.toMatchObject({ kind: "encryption-mismatch" });
    await expect.poll(() => requests.map(({ method }) => method)).toEqual(["POST", "DELETE"]);
    expect(requests[1]?.path).toContain("uploadId=u1");
  });

  test("or of none to the beginning, the parts and the end: nothing is completed", async () => {
    const requests: RawRequest[] = [];
    const client = await connect(
      answering((request) => {
        requests.push(request);
        return agree(request);
      }),
      { encryption },
    );
    const uploadId = await client.createUpload({ key: "k", checksumAlgorithm: "crc32c" });
    const part = { key: "k", uploadId, partNumber: 1, body: [Buffer.from("x")], checksum: CRC };
    const parts = [await client.uploadPart(part)];
    const completed = client.completeUpload({ key: "k", uploadId, parts });
    await expect(completed).rejects.toMatchObject({ kind: "encryption-mismatch" });
    expect(requests.map(({ method }) => method)).toEqual(["POST", "PUT"]);
  });

  test("to a part fails that part; where only parts tell of the right one, that will do", async () => {
    let told: Readonly<Record<string, string>> = { "x-amz-server-side-encryption": "AES256" };
    const client = await connect(
      answering((request) => agree(request, request.method === "PUT" ? told : {})),
      { encryption: { algorithm: "aws:kms", kmsKeyId: undefined } },
    );
    const uploadId = await client.createUpload({ key: "k", checksumAlgorithm: "crc32c" });
    const part = { key: "k", uploadId, partNumber: 1, body: [Buffer.from("x")], checksum: CRC };
    const uploaded = client.uploadPart(part);
    await expect(uploaded).rejects.toMatchObject({ kind: "encryption-mismatch" });
    told = { "x-amz-server-side-encryption": "aws:kms" };
    const parts = [await client.uploadPart(part)];
    expect(await client.completeUpload({ key: "k", uploadId, parts })).toBeDefined();
  });

  test("to a HEAD is no proof", async () => {
    const client = await connect(
      answering((request) => agree(request)),
      { encryption },
    );
    await expect(client.headStored("k", "crc32c")).rejects.toMatchObject({
      kind: "encryption-mismatch",
    });
  });
});

describe("a server that does not know If-None-Match", () => {
  const refusals = [
    ["501", response(501, {}, errorXml("NotImplemented"))],
    ["400", response(400, {}, errorXml("InvalidRequest"))],
  ] as const;

  test.each(refusals)("and says so with %s is asked first from then on", async (_, refusal) => {
    const methods: string[] = [];
    const { lines, log } = recordingLog();
    const client = await connect(
      answering((request) => {
        methods.push(request.method);
        if (request.headers["if-none-match"] !== undefined) return refusal;
        return request.method === "HEAD" ? response(404, {}) : agree(request);
      }),
      { log },
    );
    const put = { key: "k", body: [Buffer.from("x")], checksum: CRC, ifNoneMatch: "*" } as const;
    expect(await client.put(put)).toEqual({ etag: '"e1"' });
    expect(await client.put(put)).toEqual({ etag: '"e1"' });
    const part = { partNumber: 1, etag: '"p"', sizeBytes: 1, checksum: CRC };
    await client.completeUpload({ key: "k", uploadId: "u", parts: [part], ifNoneMatch: "*" });
    expect(methods).toEqual(["PUT", "HEAD", "PUT", "HEAD", "PUT", "HEAD", "POST"]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("If-None-Match");
  });

  test("and has such an object: it is not replaced", async () => {
    const methods: string[] = [];
    const client = await connect(
      answering((request) => {
        methods.push(request.method);
        return request.method === "HEAD" ? agree(request) : refusals[0][1];
      }),
    );
    const put = { key: "k", body: [], checksum: CRC, ifNoneMatch: "*" } as const;
    await expect(client.put(put)).rejects.toMatchObject({ kind: "precondition-failed" });
    expect(methods).toEqual(["PUT", "HEAD"]);
  });

  test("is not what another refusal is taken for", async () => {
    const requests: RawRequest[] = [];
    const client = await connect(
      answering((request) => {
        requests.push(request);
        if (request.method === "HEAD") return response(404, {});
        const isRefused = requests.length < 4;
        return isRefused ? response(400, {}, errorXml("InvalidRequest")) : agree(request);
      }),
    );
    const put = { key: "k", body: [], checksum: undefined, ifNoneMatch: "*" } as const;
    await expect(client.put(put)).rejects.toMatchObject({ kind: "rejected" });
    await client.put(put);
    expect(requests.map(({ headers }) => headers["if-none-match"])).toEqual([
      "*",
      undefined,
      undefined,
      "*",
    ]);
  });
});

test.each([
  ["501", response(501, {}, errorXml("NotImplemented"))],
  [
    "400",
    response(
      400,
      {},
      "<Error><Code>InvalidRequest</Code><Message>Bad checksum type</Message></Error>",
    ),
  ],
])("a server that refuses checksums with %s is told of as such", async (_, refusal) => {
  const client = await connect(answering(() => refusal));
  const body = [Buffer.from("x")];
  const refused = { kind: "checksum-refused" };
  await expect(client.put({ key: "k", body, checksum: CRC })).rejects.toMatchObject(refused);
  const part = { key: "k", uploadId: "u", partNumber: 1, body, checksum: CRC };
  await expect(client.uploadPart(part)).rejects.toMatchObject(refused);
  const created = client.createUpload({ key: "k", checksumAlgorithm: "crc32c" });
  await expect(created).rejects.toMatchObject(refused);
  const plain = client.put({ key: "k", body, checksum: undefined });
  await expect(plain).rejects.not.toMatchObject(refused);
});

test("a server that cannot encrypt is told of as such, whatever else it was sent", async () => {
  const said = "Server side encryption specified but KMS is not configured";
  const xml = `<Error><Code>NotImplemented</Code><Message>${said}</Message></Error>`;
  const client = await connect(answering(() => response(501, {}, xml)));
  const refused = { kind: "encryption-mismatch", message: expect.stringContaining(said) };
  const put = { key: "k", body: [Buffer.from("x")], checksum: CRC, ifNoneMatch: "*" } as const;
  await expect(client.put(put)).rejects.toMatchObject(refused);
  const created = client.createUpload({ key: "k", checksumAlgorithm: "crc32c" });
  await expect(created).rejects.toMatchObject(refused);
});

test("a lost reply to the beginning of an upload is told of, since something may be left", async () => {
  const { lines, log } = recordingLog();
  const script = answering((request) => agree(request));
  const client = await connect(
    async (peer, index) => {
      if (index > 0) return await script(peer, index);
      await peer.request();
      peer.socket.destroy();
    },
    { log },
  );
  expect(await client.createUpload({ key: "k", checksumAlgorithm: undefined })).toBe("u1");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("lifecycle");
});

test("the checksum of a whole object goes with its completion", async () => {
  const requests: RawRequest[] = [];
  const client = await connect(
    answering((request) => {
      requests.push(request);
      return agree(request);
    }),
  );
  const checksum = { algorithm: "crc64nvme", base64: "AAAAAAAAAAA=" } as const;
  const part = { partNumber: 1, etag: '"p"', sizeBytes: 1, checksum };
  await client.completeUpload({ key: "k", uploadId: "u", parts: [part], checksum });
  expect(requests[0]?.headers["x-amz-checksum-crc64nvme"]).toBe("AAAAAAAAAAA=");
  expect(requests[0]?.headers["authorization"]).toContain("x-amz-checksum-crc64nvme");
});
