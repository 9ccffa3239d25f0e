import { crc32 } from "node:zlib";

import { describe, expect, test } from "vitest";

import type { Checksums, GetRequest } from "../../src/s3/index.ts";
import { clientFor, connector, MemorySink, patternBytes } from "./client-under-test.ts";
import {
  answering,
  errorXml,
  type RawRequest,
  rangeResponse,
  response,
  type Script,
  startRawServer,
} from "./raw-server.ts";

const OBJECT = patternBytes(100_000);

const connect = connector();

function wanted(sink: MemorySink, offset = 1000, byteCount = 50_000): GetRequest {
  return { key: "k", etag: '"e1"', offset, byteCount, objectBytes: OBJECT.length, sink };
}

/** Answers `cuts[n]` bytes of the n-th body and then does `then`; all of it when there are no more. */
function breaking(
  cuts: readonly number[],
  ranges: string[],
  then: (request: { destroy(): void; reset(): void }) => void,
): Script {
  let turn = 0;
  return async (peer) => {
    for (;;) {
      const request = await peer.request();
      if (request === undefined) return;
      ranges.push(request.headers["range"] ?? "none");
      const answer = rangeResponse(OBJECT, request);
      const cut = cuts[turn++];
      if (cut === undefined) {
        await peer.send(answer);
        continue;
      }
      const headBytes = answer.indexOf("\r\n\r\n") + 4;
      await peer.send(answer.subarray(0, headBytes + cut));
      then({ destroy: () => peer.socket.end(), reset: () => peer.socket.resetAndDestroy() });
      await peer.closed();
      return;
    }
  };
}

describe("a body that breaks off", () => {
  test.each(["destroy", "reset"] as const)("is resumed at the right byte after %s", async (how) => {
    const ranges: string[] = [];
    const cuts = [1, 20_000, 7];
    const client = await connect(breaking(cuts, ranges, (connection) => connection[how]()));
    const sink = new MemorySink(3000);
    await client.get(wanted(sink));
    expect(sink.bytes.equals(OBJECT.subarray(1000, 51_000))).toBe(true);
    if (how === "destroy") {
      const starts = [1000, 1001, 21_001, 21_008];
      expect(ranges).toEqual(starts.map((start) => `bytes=${start}-50999`));
    }
  });

  test("is resumed when it stalls, and the stalled connection is closed", async () => {
    const ranges: string[] = [];
    const client = await connect(
      breaking([5000], ranges, () => {}),
      { timeouts: { stallMs: 1000 } },
    );
    const sink = new MemorySink();
    await client.get(wanted(sink));
    expect(sink.bytes.equals(OBJECT.subarray(1000, 51_000))).toBe(true);
    expect(ranges).toEqual(["bytes=1000-50999", "bytes=6000-50999"]);
    expect(connect.server?.accepted).toBe(2);
  });

  test("again and again is given up in the end", async () => {
    const ranges: string[] = [];
    const cuts = Array.from({ length: 1000 }, () => 1);
    const client = await connect(breaking(cuts, ranges, (connection) => connection.destroy()));
    await expect(client.get(wanted(new MemorySink()))).rejects.toMatchObject({ kind: "network" });
    expect(ranges.length).toBe(32 + 10);
  });

  test("without any byte of it counts as a failed attempt", async () => {
    const ranges: string[] = [];
    const cuts = Array.from({ length: 1000 }, () => 0);
    const client = await connect(breaking(cuts, ranges, (connection) => connection.destroy()));
    await expect(client.get(wanted(new MemorySink()))).rejects.toMatchObject({ kind: "network" });
    expect(ranges.length).toBe(10);
  });
});

describe("an answer that is not what was asked", () => {
  test("a server without ranges serves the beginning, and its connection is dropped", async () => {
    const client = await connect(answering(() => response(200, { etag: '"e1"' }, OBJECT)));
    const sink = new MemorySink();
    await client.get(wanted(sink, 0, 4096));
    expect(sink.bytes.equals(OBJECT.subarray(0, 4096))).toBe(true);
    await client.get(wanted(new MemorySink(), 0, 4096));
    expect(connect.server?.accepted).toBe(2);
  });

  test.each([
    ["the whole object for a part in its middle", () => response(200, {}, OBJECT)],
    [
      "another range",
      () => response(206, { "content-range": "bytes 0-49999/100000" }, OBJECT.subarray(0, 50_000)),
    ],
    [
      "a range that is too short",
      () =>
        response(206, { "content-range": "bytes 1000-2000/100000" }, OBJECT.subarray(1000, 2001)),
    ],
    ["no Content-Range", () => response(206, {}, OBJECT.subarray(1000, 51_000))],
    [
      "less than its Content-Range",
      () => response(206, { "content-range": "bytes 1000-50999/100000" }, "few"),
    ],
    ["a page", () => response(404, { "content-type": "text/html" }, "<html>Not here</html>")],
    ["no HTTP", () => "220 mail.example ESMTP\r\n"],
  ])("%s is a bad response, not retried, and no byte of it is kept", async (_, answer) => {
    const requests: RawRequest[] = [];
    const client = await connect(
      answering((request) => {
        requests.push(request);
        return answer();
      }),
    );
    const sink = new MemorySink();
    await expect(client.get(wanted(sink))).rejects.toMatchObject({
      kind: "bad-response",
      operation: "GetObject",
      key: "k",
    });
    expect(sink.bytes.length).toBe(0);
    expect(requests.length).toBe(1);
  });

  test("another version is noticed even where If-Match is ignored", async () => {
    const client = await connect(answering((request) => rangeResponse(OBJECT, request, '"e2"')));
    await expect(client.get(wanted(new MemorySink()))).rejects.toMatchObject({
      kind: "precondition-failed",
    });
  });

  test("a version replaced while its body was broken ends the GET", async () => {
    let turn = 0;
    const client = await connect(async (peer) => {
      const request = await peer.request();
      if (request === undefined) return;
      if (turn++ > 0) {
        await peer.send(response(412, {}, errorXml("PreconditionFailed")));
        return;
      }
      await peer.send(rangeResponse(OBJECT, request).subarray(0, 9000));
      peer.socket.end();
    });
    await expect(client.get(wanted(new MemorySink()))).rejects.toMatchObject({
      kind: "precondition-failed",
    });
  });

  test("the message about a page quotes its beginning and no control characters", async () => {
    const pages = ["<html>Login</html>", "\x1b[31mred\x1b[0m"];
    const client = await connect(answering((_, index) => response(403, {}, pages[index] ?? "")));
    await expect(client.get(wanted(new MemorySink()))).rejects.toThrow('"<html>Login</html>"');
    const failure = client.get(wanted(new MemorySink())).catch((error: Error) => error.message);
    expect(await failure).toContain("unprintable bytes");
    expect(await failure).not.toContain("\x1b");
  });
});

describe("a whole object", () => {
  const base64 = (crc: number): string => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(crc);
    return bytes.toString("base64");
  };
  const whole = (sink: MemorySink): GetRequest => wanted(sink, 0, OBJECT.length);

  test("is asked for without a range, and its checksum is verified", async () => {
    const requests: RawRequest[] = [];
    const client = await connect(
      answering((request) => {
        requests.push(request);
        return response(
          200,
          { etag: '"e1"', "x-amz-checksum-crc32": base64(crc32(OBJECT)) },
          OBJECT,
        );
      }),
    );
    const sink = new MemorySink(999);
    await client.get(whole(sink));
    expect(sink.bytes.equals(OBJECT)).toBe(true);
    expect(requests[0]?.headers["range"]).toBeUndefined();
    expect(requests[0]?.headers["x-amz-checksum-mode"]).toBe("ENABLED");
    expect(requests[0]?.headers["authorization"]).toContain("x-amz-checksum-mode");
  });

  test("that arrives corrupted starts over and then comes right", async () => {
    const damaged = Buffer.from(OBJECT);
    damaged[77_777] = (damaged[77_777] ?? 0) ^ 1;
    const headers = { etag: '"e1"', "x-amz-checksum-crc32": base64(crc32(OBJECT)) };
    const client = await connect(
      answering((_, index) => response(200, headers, index < 2 ? damaged : OBJECT)),
    );
    const sink = new MemorySink();
    await client.get(whole(sink));
    expect(sink.restarts).toBe(2);
    expect(sink.bytes.equals(OBJECT)).toBe(true);
  });

  test("that stays corrupted fails as such", async () => {
    const headers = { etag: '"e1"', "x-amz-checksum-crc32": base64(1) };
    const client = await connect(
      answering(() => response(200, headers, OBJECT)),
      { retry: { attemptsMax: 3, baseMs: 1 } },
    );
    await expect(client.get(whole(new MemorySink()))).rejects.toMatchObject({ kind: "corrupted" });
  });

  test("is verified across a resumption", async () => {
    let turn = 0;
    const client = await connect(async (peer) => {
      const request = await peer.request();
      if (request === undefined) return;
      if (turn++ === 0) {
        const headers = { etag: '"e1"', "x-amz-checksum-crc32": base64(crc32(OBJECT) ^ 1) };
        await peer.send(response(200, headers, OBJECT).subarray(0, 30_000));
        peer.socket.end();
      } else {
        await peer.send(rangeResponse(OBJECT, request));
        await answering((later) => rangeResponse(OBJECT, later))(peer, 1);
      }
    });
    const sink = new MemorySink();
    await client.get(whole(sink));
    // The wrong checksum of the first answer condemned what was resumed; the second start had none.
    expect(sink.restarts).toBe(1);
    expect(sink.bytes.equals(OBJECT)).toBe(true);
  });

  test("is verified with the checksums that are handed in", async () => {
    const sum = (bytes: Uint8Array, crc: number): number =>
      (bytes.reduce((a, b) => a + b, crc) >>> 0) % 65_521;
    const checksums: Checksums = {
      crc32c: sum,
      crc64nvme: (bytes, crc) => crc + BigInt(bytes.length),
    };
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(OBJECT.length));
    const right = [
      { "x-amz-checksum-crc32c": base64(sum(OBJECT, 0)) },
      { "x-amz-checksum-crc64nvme": length.toString("base64") },
    ];
    const wrong = [
      { "x-amz-checksum-crc32c": base64(1) },
      { "x-amz-checksum-crc64nvme": base64(1) },
    ];
    for (const [list, sound] of [
      [right, true],
      [wrong, false],
    ] as const) {
      for (const header of list) {
        const server = await startRawServer(
          answering(() => response(200, { etag: '"e1"', ...header }, OBJECT)),
        );
        const client = clientFor(server.url, { checksums, retry: { attemptsMax: 1 } });
        const outcome = client.get(whole(new MemorySink(OBJECT.length))).then(
          () => true,
          () => false,
        );
        expect(await outcome).toBe(sound);
        client.close();
        await server.close();
      }
    }
  });

  test.each([
    [
      "is marked composite",
      { etag: '"e1"', "x-amz-checksum-type": "COMPOSITE", "x-amz-checksum-crc32": "AAAAAA==" },
    ],
    ["has the etag of a multipart upload", { etag: '"e1-2"', "x-amz-checksum-crc32": "AAAAAA==" }],
  ])("is not held against a checksum that %s", async (_, headers) => {
    const client = await connect(answering(() => response(200, headers, OBJECT)));
    const sink = new MemorySink();
    await client.get({ ...whole(sink), etag: headers.etag });
    expect(sink.bytes.equals(OBJECT)).toBe(true);
  });
});
