import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { ProtocolError } from "../../src/s3/protocol-error.ts";
import { type Accept, ResponseReceiver, SCRATCH_BYTES } from "../../src/s3/response-receiver.ts";
import { MemorySink, patternBytes } from "./client-under-test.ts";

interface Outcome {
  readonly receiver: ResponseReceiver;
  /** Bytes that were not taken, because the response was whole before. */
  readonly left: number;
}

/** Feeds `bytes` in pieces, each cut to what the receiver has room for, as a socket does. */
function feed(
  bytes: Uint8Array,
  pieces: readonly number[],
  method = "GET",
  accept?: Accept,
): Outcome {
  const receiver = new ResponseReceiver(method, Buffer.alloc(SCRATCH_BYTES), accept);
  let at = 0;
  let turn = 0;
  while (at < bytes.length && !receiver.done) {
    const target = receiver.target();
    const wanted = pieces.length === 0 ? bytes.length : (pieces[turn++ % pieces.length] ?? 1);
    const byteCount = Math.min(target.length, bytes.length - at, wanted);
    target.set(bytes.subarray(at, at + byteCount));
    at += byteCount;
    receiver.received(byteCount);
  }
  return { receiver, left: bytes.length - at };
}

function http(head: string, body: string | Uint8Array = ""): Buffer {
  return Buffer.concat([
    Buffer.from(`${head.trim().replaceAll("\n", "\r\n")}\r\n\r\n`, "latin1"),
    Buffer.from(body),
  ]);
}

describe("a response", () => {
  test("is the same wherever its bytes are cut in two", () => {
    const bytes = Buffer.concat([
      http("HTTP/1.1 103 Early\nLink: x"),
      http("HTTP/1.1 200 OK\nContent-Length: 5\nX-A: b", "hello"),
    ]);
    for (let cut = 1; cut < bytes.length; cut++) {
      const { receiver } = feed(bytes, [cut, bytes.length]);
      expect(receiver.done).toBe(true);
      expect(receiver.head).toMatchObject({ status: 200, headers: { "x-a": "b" } });
      expect(receiver.body.toString()).toBe("hello");
      expect(receiver.reusable).toBe(true);
    }
  });

  test("comes out the same from any pieces, in any framing", () => {
    const framings = fc.constantFrom("length", "chunked", "close");
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40_000 }),
        framings,
        fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        (body, framing, pieces, intoSink) => {
          const sink = new MemorySink(777);
          const accept: Accept | undefined =
            intoSink && body.length > 0 ? () => ({ sink, byteCount: body.length }) : undefined;
          const { receiver } = feed(framed(body, framing, pieces), pieces, "GET", accept);
          if (framing === "close") expect(receiver.ended()).toBe(true);
          expect(receiver.done).toBe(true);
          expect(Buffer.from(body).equals(accept === undefined ? receiver.body : sink.bytes)).toBe(
            true,
          );
          expect(receiver.reusable).toBe(framing !== "close");
        },
      ),
      { numRuns: 200 },
    );
  });

  test("of arbitrary bytes is refused or taken, and nothing else", () => {
    const start = fc.constantFrom(
      "",
      "HTTP/1.1 200 OK\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
      "HTTP/1.1 206 X\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    fc.assert(
      fc.property(
        start,
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 1, max: 50 }),
        (head, rest, piece) => {
          try {
            feed(Buffer.concat([Buffer.from(head), rest]), [piece]).receiver.ended();
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test("of mutated headers never yields more than was asked for", () => {
    const valid = http(
      "HTTP/1.1 206 Partial\nContent-Length: 64\nContent-Range: bytes 0-63/64",
      patternBytes(64),
    );
    fc.assert(
      fc.property(
        fc.nat(valid.length - 1),
        fc.nat(255),
        fc.integer({ min: 1, max: 200 }),
        (at, value, piece) => {
          const bytes = Buffer.from(valid);
          bytes[at] = value;
          const sink = new MemorySink();
          try {
            feed(bytes, [piece], "GET", () => ({ sink, byteCount: 32 }));
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
          expect(sink.bytes.length).toBeLessThanOrEqual(32);
        },
      ),
      { numRuns: 500 },
    );
  });

  test.each([
    ["a second, different length", "HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2"],
    ["a second, equal length", "HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 1"],
    ["a negative length", "HTTP/1.1 200 OK\nContent-Length: -1"],
    ["a length that is no number", "HTTP/1.1 200 OK\nContent-Length: 0x10"],
    ["an absurd length", "HTTP/1.1 200 OK\nContent-Length: 99999999999999999999"],
    ["a length beyond what is gathered", "HTTP/1.1 200 OK\nContent-Length: 999999999999"],
    ["a length and chunks", "HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked"],
    ["an unknown coding", "HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked"],
    ["a status of two digits", "HTTP/1.1 20 OK"],
    ["a status that begins with 0", "HTTP/1.1 099 OK"],
    ["another protocol", "SSH-2.0-OpenSSH_9.2"],
    ["HTTP/2 in clear", "HTTP/2 200"],
    ["a field without a colon", "HTTP/1.1 200 OK\nnonsense"],
    ["a field without a name", "HTTP/1.1 200 OK\n: value"],
    ["a space before the colon", "HTTP/1.1 200 OK\nContent-Length : 5"],
    ["a folded line", "HTTP/1.1 200 OK\nA: b\n c"],
    ["a NUL in a value", "HTTP/1.1 200 OK\nA: b\0c"],
    ["a protocol switch", "HTTP/1.1 101 Switching"],
  ])("with %s is refused", (_, head) => {
    expect(() => feed(http(head, "body"), [])).toThrow(ProtocolError);
  });

  test("with a bare carriage return or line feed in a value is refused", () => {
    expect(() => feed(Buffer.from("HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n"), [])).toThrow(
      ProtocolError,
    );
    expect(() => feed(Buffer.from("HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n"), [])).toThrow(
      ProtocolError,
    );
  });

  test("whose header never ends is refused at 64 KiB, interim answers included", () => {
    const endless = Buffer.from(`HTTP/1.1 200 OK\r\nA: ${"b".repeat(70_000)}`);
    expect(() => feed(endless, [1000])).toThrow(/too long/);
    const interim = Buffer.from("HTTP/1.1 100 Continue\r\nA: b\r\n\r\n".repeat(3000));
    expect(() => feed(interim, [1000])).toThrow(/too long/);
  });

  test("with a header of 60 KiB is taken", () => {
    const { receiver } = feed(
      http(`HTTP/1.1 200 OK\nContent-Length: 2\nA: ${"b".repeat(60_000)}`, "ok"),
      [4096],
    );
    expect(receiver.body.toString()).toBe("ok");
  });

  test("may name a field __proto__ without harm", () => {
    const { receiver } = feed(http("HTTP/1.1 200 OK\n__proto__: x\nContent-Length: 0"), []);
    expect(Object.entries(receiver.head.headers)).toContainEqual(["__proto__", "x"]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });

  test("is told from the one before where a line begins or ends like one of its lines", () => {
    const heads = ["X-A: 1\nX-B: 2", "X-A: 12\nX-B: 2", "X-A: 1", "X-A: 1\nX-B: 23", "X-B: 2"];
    for (const head of [...heads, ...heads.toReversed()]) {
      const { receiver } = feed(http(`HTTP/1.1 204 Nothing\n${head}`), []);
      const fields = head.split("\n").map((line) => line.toLowerCase().split(": "));
      expect({ ...receiver.head.headers }).toEqual(Object.fromEntries(fields));
    }
  });

  test("without a body is whole at its header's end, whatever length it names", () => {
    expect(feed(http("HTTP/1.1 200 OK\nContent-Length: 5000"), [], "HEAD").receiver.done).toBe(
      true,
    );
    expect(feed(http("HTTP/1.1 204 No"), []).receiver.done).toBe(true);
    expect(feed(http("HTTP/1.1 304 No\nContent-Length: 5"), []).receiver.done).toBe(true);
  });

  test("followed by bytes that answer nothing spoils the connection", () => {
    expect(
      feed(http("HTTP/1.1 200 OK\nContent-Length: 2", "okHTTP/1.1 200"), []).receiver.reusable,
    ).toBe(false);
    expect(
      feed(http("HTTP/1.1 200 OK\nContent-Length: 2", "ok"), [], "HEAD").receiver.reusable,
    ).toBe(false);
  });

  test.each([
    ["a size that is no number", "zz\r\n"],
    ["a negative size", "-5\r\nhello\r\n"],
    ["data longer than its size", "2\r\nhello\r\n0\r\n\r\n"],
    ["a bare line feed", "5\nhello\r\n"],
    ["an absurd size", "fffffffffffffffff\r\n"],
    ["an endless size line", `5;${"x".repeat(5000)}`],
    ["an endless trailer", `0\r\n${"a: b\r\n".repeat(5000)}`],
  ])("in chunks with %s is refused", (_, body) => {
    expect(() => feed(http("HTTP/1.1 500 X\nTransfer-Encoding: chunked", body), [7])).toThrow(
      ProtocolError,
    );
  });

  test("in chunks may carry extensions and trailers", () => {
    const body = "5;a=b\r\nhello\r\n1 \r\n!\r\n0\r\nx: y\r\n\r\n";
    const { receiver } = feed(http("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", body), [3]);
    expect(receiver.body.toString()).toBe("hello!");
    expect(receiver.reusable).toBe(true);
  });

  test("that is gathered without end is refused at 16 MiB", () => {
    const receiver = new ResponseReceiver("GET", Buffer.alloc(SCRATCH_BYTES));
    const head = http("HTTP/1.1 200 OK");
    receiver.target().set(head);
    receiver.received(head.length);
    expect(() => {
      for (;;) receiver.received(receiver.target().length);
    }).toThrow(/longer than/);
  });
});

function framed(body: Uint8Array, framing: string, pieces: readonly number[]): Buffer {
  if (framing === "length") return http(`HTTP/1.1 200 OK\nContent-Length: ${body.length}`, body);
  if (framing === "close") return http("HTTP/1.1 200 OK\nConnection: close", body);
  const parts: Uint8Array[] = [http("HTTP/1.1 200 OK\nTransfer-Encoding: chunked")];
  for (let at = 0, turn = 0; at < body.length; turn++) {
    const end = Math.min(body.length, at + (pieces[turn % pieces.length] ?? 1));
    parts.push(
      Buffer.from(`${(end - at).toString(16)}\r\n`),
      body.subarray(at, end),
      Buffer.from("\r\n"),
    );
    at = end;
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}
