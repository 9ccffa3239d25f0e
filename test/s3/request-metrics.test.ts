/** What is measured of requests: each that is sent, how long it takes, and what fails. */

import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { RecordedMetrics } from "../rigs/recorded-metrics.ts";
import { connector, MemorySink } from "./client-under-test.ts";
import { answering, response, type Script } from "./raw-server.ts";

const connect = connector();
const GET = { key: "key", etag: '"e"', offset: 0, byteCount: 4, objectBytes: 4 };
const HEADERS = { etag: '"e"', "content-range": "bytes 0-3/4" };

function valuesOf(values: Record<string, readonly number[]>, name: string): readonly number[] {
  const found = values[name];
  if (found === undefined) throw new Error(`${name} is not in ${Object.keys(values)}`);
  return found;
}

test("the first byte and the last have latencies of their own, in microseconds", async () => {
  const metrics = new RecordedMetrics();
  const script: Script = async (peer) => {
    await peer.request();
    const whole = response(206, HEADERS, "body");
    await delay(40);
    await peer.send(whole.slice(0, -2));
    await delay(40);
    await peer.send(whole.slice(-2));
  };
  const client = await connect(script, { metrics });
  const sink = new MemorySink();
  await client.get({ ...GET, sink });
  expect(sink.bytes.toString()).toBe("body");
  const [first = 0] = valuesOf(metrics.values, "s3.request_first_byte_latency[GetObject]");
  const [total = 0] = valuesOf(metrics.values, "s3.request_total_latency[GetObject]");
  expect(first).toBeGreaterThanOrEqual(39_000);
  expect(total - first).toBeGreaterThanOrEqual(39_000);
  expect(total).toBeLessThan(30_000_000);
  expect(metrics.values["s3.request_count[GetObject]"]).toEqual([1]);
  expect(Object.keys(metrics.values).filter((name) => name.includes("errors"))).toEqual([]);
});

test("each attempt counts, and what failed does by its status", async () => {
  const metrics = new RecordedMetrics();
  let requests = 0;
  const script = answering(() => response(++requests < 3 ? 503 : 404, {}, ""));
  const client = await connect(script, { metrics });
  await expect(client.head("key")).rejects.toMatchObject({ kind: "not-found" });
  expect(metrics.values).toMatchObject({
    "s3.request_count[HeadObject]": [1, 1, 1],
    "s3.request_errors[HeadObject,503]": [1, 1],
    "s3.request_errors[HeadObject,404]": [1],
    "s3.request_total_latency[HeadObject]": Array.from({ length: 3 }, () => expect.any(Number)),
  });
});

test("without an answer there is an error without a status, and no latency", async () => {
  const metrics = new RecordedMetrics();
  const script: Script = async (peer) => {
    await peer.request();
    peer.socket.destroy();
  };
  const client = await connect(script, { metrics, retry: { attemptsMax: 1 } });
  await expect(client.head("key")).rejects.toMatchObject({ kind: "network" });
  expect(metrics.values).toEqual({
    "s3.request_count[HeadObject]": [1],
    "s3.request_errors[HeadObject,none]": [1],
  });
});

test("what we give up ourselves is no error", async () => {
  const metrics = new RecordedMetrics();
  const giveUp = new AbortController();
  const script: Script = async (peer) => {
    await peer.request();
    giveUp.abort();
    await peer.request();
  };
  const client = await connect(script, { metrics });
  await expect(client.head("key", giveUp.signal)).rejects.toMatchObject({ kind: "aborted" });
  expect(metrics.values).toEqual({ "s3.request_count[HeadObject]": [1] });
});
