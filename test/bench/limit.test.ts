/** The physical limit: how its parts are joined, and what the program that receives asks and counts. */

import { once } from "node:events";
import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { joined, runReceiver } from "../../bench/limit.ts";

test("one thread that does both in turn needs the time of both", () => {
  const { parts, value } = joined({ unit: "MiB/s", bytes: 1, received: 3000, served: 1500 });
  expect(value).toBeCloseTo(1000);
  expect(parts).toEqual({ received: 3000, served: 1500 });
});

describe("the program that receives", () => {
  const OBJECT_BYTES = 100_000;
  const RANGE_BYTES = 30_000;
  const ranges: string[] = [];
  const connections = new Set<unknown>();
  let status = 206;
  const server = createServer((request, response) => {
    const { range = "" } = request.headers;
    ranges.push(`${request.url} ${range}`);
    connections.add(request.socket);
    const [, from = 0, to = 0] = (/^bytes=(\d+)-(\d+)$/.exec(range) ?? []).map(Number);
    response.writeHead(status, { "content-length": to - from + 1 });
    response.end(Buffer.alloc(to - from + 1));
  });

  beforeAll(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterAll(() => server.close());

  function receive(order: string, paths: readonly string[]) {
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const numbers = [port, RANGE_BYTES, 2, 0.3, OBJECT_BYTES].map(String);
    return runReceiver(["127.0.0.1", ...numbers, order, ...paths]);
  }

  test("asks for one range after the other, to the end and again, on the same connections", async () => {
    let received = await receive("in-order", ["/b/one"]);
    // A machine that pauses may leave no time for so many.
    while (ranges.length < 20) {
      ranges.length = 0;
      connections.clear();
      received = await receive("in-order", ["/b/one"]);
    }
    const counts = new Map<string, number>();
    for (const range of ranges) counts.set(range, (counts.get(range) ?? 0) + 1);
    expect(new Set(counts.keys())).toEqual(
      new Set([
        "/b/one bytes=0-29999",
        "/b/one bytes=30000-59999",
        "/b/one bytes=60000-89999",
        "/b/one bytes=90000-99999",
      ]),
    );
    // Each connection may have one that has not come yet.
    expect(Math.max(...counts.values()) - Math.min(...counts.values())).toBeLessThanOrEqual(3);
    expect(connections.size).toBe(2);
    expect(received.requests).toBeLessThanOrEqual(ranges.length);
    expect(received.bytes).toBeGreaterThan(
      (received.requests / 4) * OBJECT_BYTES - 2 * RANGE_BYTES,
    );
    expect(received.seconds).toBeGreaterThanOrEqual(0.3);
    expect(received.cpuSeconds).toBeLessThanOrEqual(received.seconds);
  });

  test("asks at random for whole ranges, of all paths", async () => {
    ranges.length = 0;
    await receive("random", ["/b/one", "/b/two"]);
    expect(new Set(ranges.map((line) => line.split(" ")[0]))).toEqual(
      new Set(["/b/one", "/b/two"]),
    );
    for (const line of ranges) {
      expect(line).toMatch(/ bytes=(?:0-29999|30000-59999|60000-89999)$/);
    }
  });

  test("does not count what is no answer", async () => {
    status = 404;
    await expect(receive("in-order", ["/b/one"])).rejects.toThrow("not 206");
  });
});
