/** The dials, the log of requests, and the server as such: up, down, TLS and "100 Continue". */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, onTestFinished, test } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { fillPattern, type LoggedRequest } from "../../src/sandbox/index.ts";
import { BUCKET, codeOf, randomBytes, sdk, send, startSandbox } from "./endpoint.ts";

const Bucket = BUCKET;
const Key = "x";

describe("a dial", () => {
  test("delays every answer", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous", dials: { firstByteMs: 80 } });
    const timed = async () => {
      const startMs = performance.now();
      await send(sandbox, "/bucket?list-type=2");
      return performance.now() - startMs;
    };
    expect(await timed()).toBeGreaterThan(75);
    sandbox.dials.firstByteMs = 0;
    await expect.poll(timed).toBeLessThan(75);
  });

  test("limits the bandwidth of a connection in each direction, not of all together", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    sandbox.addPattern(BUCKET, Key, { sizeBytes: MIB, seed: 1 });
    sandbox.dials.bytesPerSecond = 4 * MIB;
    const times: number[] = [];
    const timed = async (exchange: () => Promise<unknown>) => {
      const startMs = performance.now();
      await exchange();
      times.push(performance.now() - startMs);
      return times.at(-1);
    };
    const getFour = async () => {
      const bodies = await Promise.all([1, 2, 3, 4].map(() => send(sandbox, "/bucket/x")));
      expect(bodies.map((answer) => answer.body.byteLength)).toEqual([MIB, MIB, MIB, MIB]);
    };
    await expect.poll(() => timed(getFour)).toBeLessThan(900);
    await timed(() => send(sandbox, "/bucket/y", { method: "PUT", body: Buffer.alloc(MIB) }));
    expect(Math.min(...times)).toBeGreaterThan(230);
  });

  test("that holds a connection to a trickle does not hold up the end", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    sandbox.addPattern(BUCKET, Key, { sizeBytes: MIB, seed: 1 });
    sandbox.dials.bytesPerSecond = 10;
    const reading = send(sandbox, "/bucket/x");
    await expect.poll(() => sandbox.requests.at(-1)?.bytesSent).toBeGreaterThan(0);
    const startMs = performance.now();
    await sandbox.close();
    expect(performance.now() - startMs).toBeLessThan(10_000);
    expect((await reading).complete).toBe(false);
  });

  test("makes uploads vanish but for their size", async () => {
    const sandbox = await startSandbox({ dials: { discard: true } });
    const client = sdk(sandbox);
    const Body = randomBytes(6 * MIB);
    await client.send(
      new PutObjectCommand({ Bucket, Key: "single", Body, ChecksumAlgorithm: "SHA256" }),
    );
    const created = await client.send(
      new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: "CRC32C" }),
    );
    const { UploadId } = created;
    const Parts = await Promise.all(
      [1, 2].map(async (PartNumber) => {
        const part = new UploadPartCommand({
          Bucket,
          Key,
          UploadId,
          PartNumber,
          Body,
          ChecksumAlgorithm: "CRC32C",
        });
        const { ETag, ChecksumCRC32C } = await client.send(part);
        return { PartNumber, ETag, ChecksumCRC32C };
      }),
    );
    await client.send(
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }),
    );
    const got = await client.send(new GetObjectCommand({ Bucket, Key }));
    const expected = Buffer.alloc(12 * MIB);
    fillPattern(expected, 0, 0);
    expect(expected.equals((await got.Body?.transformToByteArray()) ?? Buffer.alloc(0))).toBe(true);
  });

  test("keeps a completion waiting with white space, and an error comes with status 200", async () => {
    const sandbox = await startSandbox({ dials: { completeKeepAliveMs: 60 } });
    const client = sdk(sandbox);
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const part = await client.send(
      new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: "data" }),
    );
    const Parts = [{ PartNumber: 1, ETag: part.ETag }];
    const complete = new CompleteMultipartUploadCommand({
      Bucket,
      Key,
      UploadId,
      MultipartUpload: { Parts },
    });
    sandbox.faults.add({ kind: "status", status: 500, operation: "CompleteMultipartUpload" });
    await expect(client.send(complete)).rejects.toMatchObject({ name: "InternalError" });
    expect(sandbox.requests.at(-1)).toMatchObject({ status: 200, errorCode: "InternalError" });
    const startMs = performance.now();
    expect((await client.send(complete)).ETag).toMatch(/-1"$/);
    expect(performance.now() - startMs).toBeGreaterThan(55);
    expect((await sandbox.getObject(BUCKET, Key))?.toString()).toBe("data");
  });
});

describe("the log", () => {
  test("tells what was asked, what was answered, and when", async () => {
    const ended: LoggedRequest[] = [];
    const sandbox = await startSandbox({
      credentials: "anonymous",
      onRequest: (request) => ended.push(request),
    });
    await send(sandbox, "/bucket/d/k%20k", { method: "PUT", body: "12345" });
    await send(sandbox, "/bucket/d/k%20k", { headers: { range: "bytes=1-3", "if-match": "*" } });
    await send(sandbox, "/bucket?list-type=2&prefix=d/");
    expect(sandbox.requests).toMatchObject([
      { method: "PUT", operation: "PutObject", bucket: BUCKET, key: "d/k k", bytesReceived: 5 },
      { operation: "GetObject", range: "bytes=1-3", status: 206, bytesSent: 3 },
      { operation: "ListObjectsV2", key: "", query: "list-type=2&prefix=d/", status: 200 },
    ]);
    expect(sandbox.requests[1]?.headers["if-match"]).toBe("*");
    for (const { startMs, endMs = 0 } of sandbox.requests) expect(endMs).toBeGreaterThan(startMs);
    expect(ended).toEqual(sandbox.requests);
    expect([sandbox.count("GetObject"), sandbox.count()]).toEqual([1, 3]);
    sandbox.clearRequests();
    expect([sandbox.count("GetObject"), sandbox.requests.length]).toEqual([0, 0]);
  });
});

describe("the server", () => {
  test("goes down and comes up again at the same address with the same objects", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    await sandbox.putObject(BUCKET, Key, "still here");
    const { url } = sandbox;
    await sandbox.goDown();
    await expect(send(sandbox, "/bucket/x")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await sandbox.comeUp();
    expect(sandbox.url).toBe(url);
    expect((await send(sandbox, "/bucket/x")).body.toString()).toBe("still here");
  });

  test("says which port it cannot have", async () => {
    const sandbox = await startSandbox();
    const port = Number(new URL(sandbox.url).port);
    await expect(startSandbox({ port })).rejects.toMatchObject({ code: "EADDRINUSE", port });
  });

  test("serves many clients at once", async () => {
    const sandbox = await startSandbox();
    const client = sdk(sandbox);
    const bodies = Array.from({ length: 60 }, (_, at) => randomBytes(10_000 + at * 1000, at));
    await Promise.all(
      bodies.map((Body, at) => client.send(new PutObjectCommand({ Bucket, Key: `k${at}`, Body }))),
    );
    const got = await Promise.all(
      bodies.map(async (_, at) => {
        const answer = await client.send(new GetObjectCommand({ Bucket, Key: `k${at}` }));
        return (await answer.Body?.transformToByteArray()) ?? Buffer.alloc(0);
      }),
    );
    expect(got.every((bytes, at) => bodies[at]?.equals(bytes))).toBe(true);
  });

  test("asks for a body only after it has looked at the head", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    await sandbox.putObject(BUCKET, Key, "old");
    const { port } = new URL(sandbox.url);
    const attempt = (headers: Record<string, string>) =>
      new Promise<readonly [continued: boolean, status: number | undefined]>((resolve, reject) => {
        let continued = false;
        const sent = httpRequest({
          port,
          path: "/bucket/x",
          method: "PUT",
          headers: { expect: "100-continue", "content-length": 3, ...headers },
        });
        sent.on("continue", () => {
          continued = true;
          sent.end("new");
        });
        sent.on("response", (answer) => {
          answer.resume();
          answer.on("end", () => resolve([continued, answer.statusCode]));
        });
        sent.on("error", reject);
        sent.flushHeaders();
      });
    expect(await attempt({ "if-none-match": "*" })).toEqual([false, 412]);
    expect((await sandbox.getObject(BUCKET, Key))?.toString()).toBe("old");
    expect(await attempt({})).toEqual([true, 200]);
    expect((await sandbox.getObject(BUCKET, Key))?.toString()).toBe("new");
  });

  test("speaks TLS, and resets such connections too", async () => {
    const directory = mkdtempSync(join(tmpdir(), "sandbox-tls-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const [keyPath, certPath] = [join(directory, "key.pem"), join(directory, "cert.pem")];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
      ].concat(
        ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        ["-keyout", keyPath, "-out", certPath, "-days", "1"],
      ),
      { stdio: "ignore" },
    );
    const cert = readFileSync(certPath, "utf8");
    const sandbox = await startSandbox({ tls: { key: readFileSync(keyPath, "utf8"), cert } });
    const client = sdk(sandbox, { requestHandler: { httpsAgent: { ca: cert } } });
    const Body = randomBytes(200_000);
    await client.send(new PutObjectCommand({ Bucket, Key, Body }));
    sandbox.faults.add({ kind: "reset", operation: "GetObject" });
    const get = () => client.send(new GetObjectCommand({ Bucket, Key }));
    await expect(get()).rejects.toMatchObject({ code: "ECONNRESET" });
    const got = await get();
    expect(Body.equals((await got.Body?.transformToByteArray()) ?? Buffer.alloc(0))).toBe(true);
    expect(sandbox.url).toMatch(/^https:/);
  });

  test("makes no bucket that S3 would not make", async () => {
    await expect(startSandbox({ buckets: ["Not A Bucket"] })).rejects.toMatchObject({
      code: "InvalidBucketName",
    });
  });

  test("answers an unknown host, a HEAD and a missing length as S3 does", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    const head = await send(sandbox, "/bucket/none", { method: "HEAD" });
    expect([head.status, head.body.byteLength]).toEqual([404, 0]);
    const headers = { "transfer-encoding": "chunked" };
    const chunked = await send(sandbox, "/bucket/x", { method: "PUT", headers });
    expect([chunked.status, codeOf(chunked)]).toEqual([411, "MissingContentLength"]);
  });
});
