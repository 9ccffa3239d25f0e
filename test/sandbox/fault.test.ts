/** Each fault as it looks on the wire. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import type { Fault, Sandbox } from "../../src/sandbox/index.ts";
import { BUCKET, codeOf, send, startSandbox } from "./endpoint.ts";

const CONTENT = "0123456789";

async function withFault(...faults: readonly Fault[]): Promise<Sandbox> {
  const sandbox = await startSandbox({ credentials: "anonymous" });
  await sandbox.putObject(BUCKET, "x", CONTENT);
  for (const fault of faults) sandbox.faults.add(fault);
  return sandbox;
}

const get = (sandbox: Sandbox) => send(sandbox, "/bucket/x");
const put = (sandbox: Sandbox, body: string | Buffer) =>
  send(sandbox, "/bucket/new", { method: "PUT", body });

describe("a fault", () => {
  test("answers with a status and a code, once", async () => {
    const sandbox = await withFault({ kind: "status", status: 503, retryAfterSeconds: 2 });
    const first = await get(sandbox);
    expect([first.status, codeOf(first)]).toEqual([503, "SlowDown"]);
    expect(first.headers["retry-after"]).toBe("2");
    expect((await get(sandbox)).status).toBe(200);
  });

  test("keeps the operation from happening when it is a status", async () => {
    const sandbox = await withFault({ kind: "status", status: 500, code: "InternalError" });
    expect((await put(sandbox, "data")).status).toBe(500);
    expect(sandbox.listKeys(BUCKET)).toEqual(["x"]);
    expect(sandbox.requests.at(-1)).toMatchObject({ status: 500, errorCode: "InternalError" });
  });

  test("meets the requests that it is for, as often as it says", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    const fault = sandbox.faults.add({
      kind: "status",
      status: 418,
      operation: "PutObject",
      method: "PUT",
      key: /^n/g,
      after: 1,
      times: 2,
    });
    const statuses: number[] = [];
    for (let at = 0; at < 5; at++) statuses.push((await put(sandbox, "x")).status);
    expect(statuses).toEqual([200, 418, 418, 200, 200]);
    expect(fault.metCount).toBe(2);
    const endless = sandbox.faults.add({
      kind: "status",
      status: 500,
      key: "new",
      times: Number.POSITIVE_INFINITY,
    });
    expect((await put(sandbox, "x")).status).toBe(500);
    expect((await put(sandbox, "x")).status).toBe(500);
    expect((await send(sandbox, "/bucket?list-type=2")).status).toBe(200);
    endless.remove();
    expect((await put(sandbox, "x")).status).toBe(200);
  });

  test("makes an answer slow", async () => {
    const sandbox = await withFault({ kind: "slow", ms: 150 });
    const startMs = performance.now();
    expect((await get(sandbox)).body.toString()).toBe(CONTENT);
    expect(performance.now() - startMs).toBeGreaterThan(145);
  });

  test("resets the connection before the answer", async () => {
    const sandbox = await withFault({ kind: "reset" });
    await expect(get(sandbox)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(sandbox.requests.at(-1)).toMatchObject({ status: 0, bytesSent: 0 });
  });

  test.each(["reset", "truncate"] as const)("ends the body early by %s", async (kind) => {
    const sandbox = await withFault({ kind, afterBytes: 4 });
    const answer = await get(sandbox);
    expect(answer.headers["content-length"]).toBe("10");
    expect([answer.body.toString(), answer.complete]).toEqual(["0123", false]);
  });

  test.each([
    ["reset", "ECONNRESET"],
    ["truncate", undefined],
  ] as const)("%s is what the socket sees", async (kind, code) => {
    const sandbox = await withFault({ kind, afterBytes: 4 });
    const socket = connect(Number(new URL(sandbox.url).port), "127.0.0.1");
    const failed = new Promise<string | undefined>((resolve) => {
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code));
      socket.on("end", () => resolve(undefined));
    });
    socket.write("GET /bucket/x HTTP/1.1\r\nHost: h\r\n\r\n");
    socket.resume();
    expect(await failed).toBe(code);
    socket.destroy();
  });

  test("stalls a body and leaves the connection open", async () => {
    const sandbox = await withFault({ kind: "stall", afterBytes: 4 });
    const socket = connect(Number(new URL(sandbox.url).port), "127.0.0.1");
    socket.write("GET /bucket/x HTTP/1.1\r\nHost: h\r\n\r\n");
    let received = "";
    while (!received.endsWith("\r\n\r\n0123")) {
      const [piece] = (await once(socket, "data")) as [Buffer];
      received += piece.toString();
    }
    const more = once(socket, "data").then(() => "more");
    const silence = new Promise((resolve) => setTimeout(() => resolve("silence"), 100));
    expect(await Promise.race([more, silence])).toBe("silence");
    expect(socket.destroyed).toBe(false);
    more.catch(() => {});
    await sandbox.close();
    socket.destroy();
  });

  test("never answers, until the client gives up", async () => {
    const sandbox = await withFault({ kind: "hang" });
    const socket = connect(Number(new URL(sandbox.url).port), "127.0.0.1");
    socket.write("GET /bucket/x HTTP/1.1\r\nHost: h\r\n\r\n");
    await expect.poll(() => sandbox.count("GetObject")).toBe(1);
    expect(sandbox.requests.at(-1)?.endMs).toBeUndefined();
    socket.destroy();
    await expect.poll(() => sandbox.requests.at(-1)?.endMs).toBeDefined();
    expect(sandbox.requests.at(-1)?.status).toBe(0);
  });

  test("tells a wrong ETag", async () => {
    const sandbox = await withFault({ kind: "wrong-etag" });
    const wrong = (await get(sandbox)).headers.etag ?? "";
    const right = (await get(sandbox)).headers.etag ?? "";
    expect(wrong).not.toBe(right);
    expect(wrong).toMatch(/^"[0-9a-f]{32}"$/);
  });

  test("flips one bit of one byte, and not of the object", async () => {
    const sandbox = await withFault({ kind: "corrupt-byte", position: 3 });
    expect((await get(sandbox)).body.toString()).toBe("0122456789");
    expect((await get(sandbox)).body.toString()).toBe(CONTENT);
  });

  test("drops an upload in the middle, which stores nothing", async () => {
    const sandbox = await withFault({ kind: "drop-upload", afterBytes: 300_000 });
    const body = randomBytes(2_000_000);
    await expect(put(sandbox, body)).rejects.toMatchObject({
      code: expect.stringMatching(/ECONNRESET|EPIPE/),
    });
    expect(sandbox.listKeys(BUCKET)).toEqual(["x"]);
    expect(sandbox.requests.at(-1)?.bytesReceived).toBeLessThan(1_000_000);
    expect((await put(sandbox, body)).status).toBe(200);
  });

  test("loses the reply of what it did", async () => {
    const sandbox = await withFault({ kind: "lost-reply", operation: "PutObject" });
    await expect(put(sandbox, "kept")).rejects.toMatchObject({ code: "ECONNRESET" });
    expect((await sandbox.getObject(BUCKET, "new"))?.toString()).toBe("kept");
  });

  test("of two that fit is the one that was added first", async () => {
    const sandbox = await withFault(
      { kind: "status", status: 500 },
      { kind: "status", status: 503 },
    );
    expect([(await get(sandbox)).status, (await get(sandbox)).status]).toEqual([500, 503]);
    sandbox.faults.add({ kind: "hang" });
    sandbox.faults.clear();
    expect((await get(sandbox)).status).toBe(200);
  });
});
