import { describe, expect, test } from "vitest";

import { silentLog } from "../../src/base/log.ts";
import { S3Error, type S3ErrorKind } from "../../src/s3/index.ts";
import { DEFAULT_RETRY_POLICY, Retrier, type RetryClock, systemClock } from "../../src/s3/retry.ts";
import { connector } from "./client-under-test.ts";
import { answering, errorXml, response } from "./raw-server.ts";

/** Time that passes only by sleeping, and luck that is always `random`. */
function heldClock(random: number): RetryClock & { readonly slept: number[] } {
  const slept: number[] = [];
  let nowMs = 0;
  return {
    slept,
    now: () => nowMs,
    random: () => random,
    sleep: async (delayMs) => {
      slept.push(delayMs);
      nowMs += delayMs;
    },
  };
}

function failing(kind: S3ErrorKind, retryAfterMs = 0): () => Promise<never> {
  return () => Promise.reject(new S3Error("x", { kind, operation: "Test", retryAfterMs }));
}

describe("the log", () => {
  async function linesOf(kind: S3ErrorKind, debugEnabled: boolean): Promise<readonly string[]> {
    const lines: string[] = [];
    const log = {
      ...silentLog,
      debugEnabled,
      debug: (message: string) => lines.push(`debug ${message}`),
      warn: (message: string) => lines.push(`warn ${message}`),
    };
    const policy = { ...DEFAULT_RETRY_POLICY, attemptsMax: 5 };
    await expect(new Retrier(policy, heldClock(1), log).run(failing(kind))).rejects.toThrow();
    return lines;
  }

  test("warns of an outage at its third failure, and once in a while", async () => {
    expect(await linesOf("network", false)).toEqual([
      "warn Test failed: x; attempt 4 of 5 follows in 400 ms",
    ]);
    expect(await linesOf("timeout", false)).toEqual([
      "warn Test failed: x; attempt 2 of 5 follows in 100 ms",
    ]);
  });

  test("tells of every attempt when it is to", async () => {
    const lines = await linesOf("network", true);
    expect(lines.map((line) => line.split("; ")[1])).toEqual([
      "attempt 2 of 5 follows in 100 ms",
      "attempt 3 of 5 follows in 200 ms",
      "attempt 4 of 5 follows in 400 ms",
      "attempt 5 of 5 follows in 800 ms",
    ]);
  });
});

describe("pauses", () => {
  test("double up to the cap, over ten attempts", async () => {
    const clock = heldClock(1);
    const retrier = new Retrier(DEFAULT_RETRY_POLICY, clock);
    await expect(retrier.run(failing("server-error"))).rejects.toMatchObject({
      kind: "server-error",
    });
    expect(clock.slept).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 20_000]);
  });

  test("are half of that and a random part of the other half", async () => {
    const clock = heldClock(0.25);
    await expect(
      new Retrier(DEFAULT_RETRY_POLICY, clock).run(failing("network")),
    ).rejects.toThrow();
    expect(clock.slept.slice(0, 3)).toEqual([62.5, 125, 250]);
  });

  test("are as long as the server asks, up to the cap", async () => {
    const clock = heldClock(0);
    const policy = { ...DEFAULT_RETRY_POLICY, attemptsMax: 3 };
    await expect(new Retrier(policy, clock).run(failing("throttled", 5000))).rejects.toThrow();
    expect(clock.slept).toEqual([5000, 5000]);
    await expect(new Retrier(policy, clock).run(failing("throttled", 1e9))).rejects.toThrow();
    expect(clock.slept.slice(2)).toEqual([20_000, 20_000]);
  });

  test("end when the total would pass its limit", async () => {
    const clock = heldClock(1);
    const policy = { ...DEFAULT_RETRY_POLICY, totalMs: 1000 };
    await expect(new Retrier(policy, clock).run(failing("timeout"))).rejects.toThrow();
    expect(clock.slept).toEqual([100, 200, 400]);
  });

  test("are cut short by giving up", async () => {
    const controller = new AbortController();
    const policy = { ...DEFAULT_RETRY_POLICY, baseMs: 60_000, capMs: 60_000 };
    const retrier = new Retrier(policy, { ...systemClock, random: () => 1 });
    const outcome = retrier.run(failing("network"), controller.signal);
    controller.abort();
    await expect(outcome).rejects.toMatchObject({ kind: "aborted", operation: "Test" });
  });
});

test.each([
  "not-found",
  "access-denied",
  "bad-response",
  "precondition-failed",
  "aborted",
  "rejected",
] as const)("%s is not tried again", async (kind) => {
  const clock = heldClock(1);
  await expect(new Retrier(DEFAULT_RETRY_POLICY, clock).run(failing(kind))).rejects.toMatchObject({
    kind,
  });
  expect(clock.slept).toEqual([]);
});

describe("over the wire", () => {
  const connect = connector();

  test.each([500, 502, 503, 504, 429])(
    "HTTP %i is tried again by both paths until it is well",
    async (status) => {
      let turn = 0;
      const client = await connect(
        answering(() =>
          ++turn % 4 === 0 ? response(200, { etag: '"e"' }) : response(status, {}, ""),
        ),
      );
      await client.head("k");
      expect(turn).toBe(4);
      await client.put({ key: "k", body: [Buffer.from("x")], checksum: undefined });
      expect(turn).toBe(8);
    },
  );

  test("resets are tried again, ten times in all", async () => {
    const client = await connect(async (peer) => {
      await peer.request();
      peer.socket.resetAndDestroy();
    });
    await expect(client.head("k")).rejects.toMatchObject({ kind: "network" });
    expect(connect.server?.accepted).toBe(10);
    await expect(client.delete("k")).rejects.toMatchObject({ kind: "network" });
    expect(connect.server?.accepted).toBe(20);
  });

  test("the SDK waits as long as Retry-After says", async () => {
    let turn = 0;
    const client = await connect(
      answering(() =>
        turn++ === 0
          ? response(503, { "retry-after": "1" }, errorXml("SlowDown"))
          : response(204, {}),
      ),
      { retry: { baseMs: 1, capMs: 150 } },
    );
    const start = performance.now();
    await client.delete("k");
    expect(performance.now() - start).toBeGreaterThan(140);
  });

  test("an operation that is given up ends at once, on both paths", async () => {
    const client = await connect(
      answering(() => response(503, {})),
      { retry: { baseMs: 60_000, capMs: 60_000 } },
    );
    const controller = new AbortController();
    const pending = [client.head("k", controller.signal), client.delete("k", controller.signal)];
    const outcomes = Promise.allSettled(pending);
    await expect.poll(() => connect.server?.accepted).toBe(2);
    controller.abort();
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ reason: { kind: "aborted" } });
  });

  test("closing the client fails what it was doing, on both paths", async () => {
    const client = await connect(async (peer) => peer.closed());
    const outcomes = Promise.allSettled([client.head("k"), client.delete("k")]);
    await expect.poll(() => connect.server?.open).toBe(2);
    client.close();
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ reason: { kind: "aborted" } });
    await expect.poll(() => connect.server?.open).toBe(0);
  });
});
