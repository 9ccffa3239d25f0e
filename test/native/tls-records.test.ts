/**
 * What a server may send under TLS 1.3 once its handshake is over, and what it must not: records that a
 * test seals itself, sent below the TLS of a server of Node's, and those of a server of OpenSSL's.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type tls from "node:tls";

import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { EAGAIN, EPROTO } from "../../src/base/errno.ts";
import { addon, type TlsContext } from "../../src/native/index.ts";
import {
  type AesSuite,
  ALERT,
  CHANGE_CIPHER_SPEC,
  DATA,
  HANDSHAKE,
  message,
  Sealer,
} from "./tls-sealer.ts";
import {
  arrived,
  cleanUp,
  cleanUps,
  fill,
  handshake,
  type Line,
  openLine,
  pattern,
  readAll,
  readEnd,
  selfSigned,
  tlsServer,
  writeAll,
} from "./wires.ts";

const AES_128 = "TLS_AES_128_GCM_SHA256";
const AES_256 = "TLS_AES_256_GCM_SHA384";

const SERVER_HELLO = 2;
const TICKET = 4;
const CERTIFICATE_REQUEST = 13;
const KEY_UPDATE = 24;

/** How many tickets a server of OpenSSL's sends, one to a record, when no session is resumed. */
const TICKETS = 2;

let directory = "";
let certificate = { key: "", cert: "" };

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "records-test-"));
  certificate = selfSigned(directory);
});

afterAll(() => rmSync(directory, { recursive: true }));
afterEach(cleanUp);

/** One of its own for each line, so that no session is resumed. */
function contextOf(suite: string): TlsContext | undefined {
  return addon().openTlsContext([certificate.cert], false, suite, "");
}

interface SealedLine extends Line {
  readonly sealer: Sealer;
  /** The server's TLS, below which `peer` sends. */
  readonly secured: tls.TLSSocket;
}

/** Lines over which the handshake is done, and whose server is to say what is sealed from here on. */
async function sealedLines(suite: AesSuite = AES_128): Promise<() => Promise<SealedLine>> {
  const connect = await tlsServer(certificate);
  return async () => {
    const line = await connect();
    expect(await handshake(line, "localhost", contextOf(suite))).toBe(0);
    const secured = await line.secured;
    // The tickets are sent when the event is over.
    await new Promise((resolve) => setImmediate(resolve));
    return { ...line, secured, sealer: new Sealer(suite, line.keyLog(), TICKETS) };
  };
}

async function sealedLine(suite?: AesSuite): Promise<SealedLine> {
  return (await sealedLines(suite))();
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe.each([AES_128, AES_256] as const)("records of %s", (suite) => {
  test("bring what they hold, whatever their sizes, and however it is asked for", async () => {
    const connect = await sealedLines(suite);
    const size = fc.oneof(
      fc.integer({ min: 0, max: 16_384 }),
      fc.constantFrom(0, 1, 16_383, 16_384),
    );
    const record = fc.record({
      size,
      // As much as the record has room for, one time in two.
      padding: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constant(16_384)),
    });
    const records = fc.array(record, { minLength: 1, maxLength: 30 });
    const rooms = fc.array(
      fc.oneof(fc.constantFrom(1, 16_384, 16_385, 40_000), fc.integer({ min: 2, max: 300_000 })),
      { minLength: 1, maxLength: 10 },
    );
    const property = fc.asyncProperty(records, rooms, async (plan, sizes) => {
      const { peer, sealer, wire, event } = await connect();
      const total = plan.reduce((sum, one) => sum + one.size, 0);
      const bytes = pattern(total);
      let sent = 0;
      const wireBytes = plan.map((one) => {
        const content = bytes.subarray(sent, sent + one.size);
        sent += one.size;
        return sealer.seal(DATA, content, Math.min(one.padding, 16_384 - one.size));
      });
      peer.write(Buffer.concat(wireBytes));
      const received = Buffer.alloc(total);
      for (let filled = 0, turn = 0; filled < total; turn++) {
        const room = sizes[turn % sizes.length] ?? 1;
        // A byte at a time only now and then, or it takes too long.
        const target = received.subarray(filled, filled + (turn > 50 ? 300_000 : room));
        const due = event();
        const count = wire.read(target);
        if (count > 0) filled += count;
        else if (count === -EAGAIN) await due;
        else throw new Error(wire.failure());
      }
      expect(received.equals(bytes)).toBe(true);
      wire.close();
    });
    await fc.assert(property, { numRuns: 12 });
  });

  test("go on under new keys, and the next", async () => {
    const line = await sealedLine(suite);
    for (let turn = 0; turn < 3; turn++) {
      line.peer.write(line.sealer.seal(DATA, Buffer.from(`before ${turn}, `)));
      line.peer.write(line.sealer.seal(HANDSHAKE, message(KEY_UPDATE, Buffer.from([turn & 1]))));
      line.sealer.update();
      line.peer.write(line.sealer.seal(DATA, Buffer.from(`after ${turn}.`)));
      expect(text(await readAll(line, 18))).toBe(`before ${turn}, after ${turn}.`);
    }
    // The server was asked for none, and follows the one that answers it.
    const there = arrived(line.secured, 6);
    await writeAll(line, Buffer.from("answer"));
    expect(text(await there)).toBe("answer");
  });
});

describe("a server of OpenSSL's", () => {
  test("that asks for new keys gets them with what is sent next, and sends under its own", async () => {
    const args = ["s_server", "-accept", "127.0.0.1:0", "-cert", "cert.pem", "-key", "key.pem"];
    const server = spawn("openssl", [...args, "-msg", "-tls1_3"], { cwd: directory });
    cleanUps.push(() => server.kill("SIGKILL"));
    let output = "";
    server.stdout.on("data", (bytes: Buffer) => {
      output += bytes.toString();
    });
    const said = async (what: RegExp): Promise<RegExpExecArray> => {
      for (;;) {
        const match = what.exec(output);
        if (match !== null) return match;
        await once(server.stdout, "data");
      }
    };
    const port = Number((await said(/ACCEPT .*:(\d+)/))[1]);
    const line = await openLine(Promise.resolve(new Socket()), port);
    expect(await handshake(line, "localhost", contextOf(AES_128))).toBe(0);
    await writeAll(line, Buffer.from("first\n"));
    await said(/^first/m);
    server.stdin.write("K\n");
    await said(/>>> .*KeyUpdate/);
    server.stdin.write("second\n");
    expect(text(await readAll(line, 7))).toBe("second\n");
    expect(output).not.toMatch(/<<< .*KeyUpdate/);
    await writeAll(line, Buffer.from("third\n"));
    await said(/<<< .*KeyUpdate/);
    await said(/^third/m);
  });
});

describe("a ticket", () => {
  test("is skipped once data has come, in however many pieces", async () => {
    const line = await sealedLine();
    const ticket = message(TICKET, Buffer.alloc(20_000, 7));
    const pieces = [ticket.subarray(0, 2), ticket.subarray(2, 16_000), ticket.subarray(16_000)];
    line.peer.write(line.sealer.seal(DATA, Buffer.from("ab")));
    for (const piece of pieces) line.peer.write(line.sealer.seal(HANDSHAKE, piece));
    const both = Buffer.concat([ticket, message(KEY_UPDATE, Buffer.from([0]))]);
    line.peer.write(line.sealer.seal(HANDSHAKE, both.subarray(0, 16_000)));
    line.peer.write(line.sealer.seal(HANDSHAKE, both.subarray(16_000)));
    line.sealer.update();
    line.peer.write(line.sealer.seal(DATA, Buffer.from("cd")));
    expect(text(await readAll(line, 4))).toBe("abcd");
  });

  test("that is none ends the connection, as OpenSSL has it", async () => {
    const line = await sealedLine();
    line.peer.write(line.sealer.seal(HANDSHAKE, message(TICKET, Buffer.alloc(3))));
    expect(await readEnd(line)).toBe(-EPROTO);
    expect(line.wire.failure()).toBe("TLS failed: length mismatch");
  });
});

/** What must not come, made by a sealer that has sealed some data before, and the words for it. */
const REFUSED: readonly [string, RegExp, (sealer: Sealer) => Uint8Array[]][] = [
  ["a tag that is wrong", /bad record mac/, (sealer) => [altered(sealer, -1)]],
  ["another length in the clear", /bad record mac/, (sealer) => [altered(sealer, 4)]],
  ["another version in the clear", /record type/, (sealer) => [altered(sealer, 2)]],
  ["a record in the clear", /record type/, () => [Buffer.from([ALERT, 3, 3, 0, 2, 1, 0])]],
  ["a change of ciphers", /record type/, () => [Buffer.from([CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1])]],
  ["plain text", /record type/, () => [Buffer.from("HTTP/1.1 200 OK\r\n\r\n")]],
  ["a record of no length", /record length/, () => [Buffer.from([DATA, 3, 3, 0, 0])]],
  ["a record of only a tag", /record length/, (sealer) => [sealer.sealInner(Buffer.alloc(0))]],
  ["a record too long", /record length/, (sealer) => [sealer.seal(DATA, Buffer.alloc(16_385))]],
  [
    "a record too padded",
    /record length/,
    (sealer) => [sealer.seal(DATA, Buffer.alloc(1), 16_384)],
  ],
  ["nothing but padding", /unexpected message/, (sealer) => [sealer.sealInner(Buffer.alloc(9))]],
  [
    "a sealed change of ciphers",
    /unexpected message/,
    (sealer) => [sealer.seal(CHANGE_CIPHER_SPEC, Buffer.from([1]))],
  ],
  ["an unknown type", /unexpected message/, (sealer) => [sealer.seal(99, Buffer.alloc(5))]],
  ["an empty message", /unexpected message/, (sealer) => [sealer.seal(HANDSHAKE, Buffer.alloc(0))]],
  ...[0, SERVER_HELLO, CERTIFICATE_REQUEST].map(
    (type) =>
      [
        `message ${type}`,
        /unexpected message/,
        (sealer: Sealer) => [sealer.seal(HANDSHAKE, message(type, Buffer.alloc(40)))],
      ] as [string, RegExp, (sealer: Sealer) => Uint8Array[]],
  ),
  [
    "a key update of two bytes",
    /unexpected message/,
    (sealer) => [sealer.seal(HANDSHAKE, message(KEY_UPDATE, Buffer.alloc(2)))],
  ],
  [
    "a key update that asks for something else",
    /bad key update/,
    (sealer) => [sealer.seal(HANDSHAKE, message(KEY_UPDATE, Buffer.from([2])))],
  ],
  [
    "a key update with more behind it",
    /bad key update/,
    (sealer) => [
      sealer.seal(
        HANDSHAKE,
        Buffer.concat([message(KEY_UPDATE, Buffer.alloc(1)), Buffer.from([4])]),
      ),
    ],
  ],
  [
    "data in the middle of a message",
    /unexpected message/,
    (sealer) => [sealer.seal(HANDSHAKE, Buffer.from([TICKET])), sealer.seal(DATA, Buffer.alloc(1))],
  ],
  [
    "an alert in the middle of a ticket",
    /unexpected message/,
    (sealer) => [
      sealer.seal(HANDSHAKE, message(TICKET, Buffer.alloc(9)).subarray(0, 8)),
      sealer.seal(ALERT, Buffer.from([1, 0])),
    ],
  ],
  ["half an alert", /bad alert/, (sealer) => [sealer.seal(ALERT, Buffer.from([1]))]],
  ["two alerts in one", /bad alert/, (sealer) => [sealer.seal(ALERT, Buffer.from([1, 0, 1, 0]))]],
  [
    "no data, over and over",
    /without data/,
    (sealer) => Array.from({ length: 33 }, () => sealer.seal(DATA, Buffer.alloc(0), 3)),
  ],
  [
    "new keys, over and over",
    /without data/,
    (sealer) =>
      Array.from({ length: 33 }, () => {
        const record = sealer.seal(HANDSHAKE, message(KEY_UPDATE, Buffer.alloc(1)));
        sealer.update();
        return record;
      }),
  ],
];

/** A record of which one byte, counted from the end if need be, has changed. */
function altered(sealer: Sealer, at: number): Buffer {
  const record = sealer.seal(DATA, Buffer.alloc(600, 1));
  record[at < 0 ? record.length + at : at] = (record.at(at) ?? 0) ^ 1;
  return record;
}

describe("a hostile server", () => {
  test.each(REFUSED)("that sends %s is refused", async (_, words, make) => {
    const line = await sealedLine();
    const good = line.sealer.seal(DATA, Buffer.from("good"));
    const told = once(line.secured, "error");
    line.peer.write(Buffer.concat([good, ...make(line.sealer), Buffer.alloc(1_000)]));
    const [count, result] = await fill(line, Buffer.alloc(5_000));
    expect([count, result]).toEqual([4, -EPROTO]);
    expect(line.wire.failure()).toMatch(words);
    expect(line.wire.read(new Uint8Array(1))).toBe(-EPROTO);
    expect(line.wire.write(new Uint8Array(1), false)).toBe(-EPROTO);
    expect(line.wire.isDrained()).toBe(false);
    // It is told so by an alert, before the connection closes.
    expect(String((await told)[0])).toMatch(/alert/i);
  });

  test("that sends a record again is refused", async () => {
    const line = await sealedLine();
    const record = line.sealer.seal(DATA, Buffer.from("once"));
    line.peer.write(Buffer.concat([record, record]));
    expect(await fill(line, Buffer.alloc(9))).toEqual([4, -EPROTO]);
  });

  test("that seals under old keys is refused", async () => {
    const line = await sealedLine();
    line.peer.write(line.sealer.seal(HANDSHAKE, message(KEY_UPDATE, Buffer.alloc(1))));
    line.peer.write(line.sealer.seal(DATA, Buffer.from("late")));
    expect(await readEnd(line)).toBe(-EPROTO);
    expect(line.wire.failure()).toContain("bad record mac");
  });

  test("that breaks the connection in a record, or between two, has cut it off", async () => {
    for (const byteCount of [3, 5, 30, undefined]) {
      const line = await sealedLine();
      const good = line.sealer.seal(DATA, Buffer.from("good"));
      const next = line.sealer.seal(DATA, Buffer.alloc(100)).subarray(0, byteCount);
      line.peer.end(Buffer.concat([good, next]));
      const expected = byteCount === undefined ? 104 : 4;
      expect(await fill(line, Buffer.alloc(200))).toEqual([expected, -EPROTO]);
      expect(line.wire.failure()).toMatch(/closed the connection without ending TLS/);
    }
  });

  test("whose bytes are changed, lost or doubled in any way is never believed", async () => {
    const connect = await sealedLines();
    const sizes = fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 2, maxLength: 6 });
    const change = fc.record({
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      removed: fc.integer({ min: 0, max: 40 }),
      added: fc.uint8Array({ minLength: 0, maxLength: 40 }),
    });
    const changes = fc.array(change, { minLength: 1, maxLength: 3 });
    const property = fc.asyncProperty(sizes, changes, async (plan, edits) => {
      const line = await connect();
      const whole = plan.map((size, index) =>
        line.sealer.seal(DATA, Buffer.alloc(size, index + 1)),
      );
      const bytes = Buffer.concat(plan.map((size, index) => Buffer.alloc(size, index + 1)));
      let wireBytes = Buffer.concat(whole);
      for (const { at, removed, added } of edits) {
        const index = Math.floor(at * wireBytes.length);
        wireBytes = Buffer.concat([
          wireBytes.subarray(0, index),
          added,
          wireBytes.subarray(index + removed),
        ]);
      }
      line.peer.end(wireBytes);
      const received = Buffer.alloc(bytes.length + 1);
      const [count, result] = await fill(line, received);
      expect(result).toBe(-EPROTO);
      expect(received.subarray(0, count).equals(bytes.subarray(0, count))).toBe(true);
      line.wire.close();
    });
    await fc.assert(property, { numRuns: 40 });
  });
});

describe("an alert", () => {
  test("that ends TLS is the end, whatever follows", async () => {
    const line = await sealedLine();
    line.peer.write(line.sealer.seal(DATA, Buffer.from("all")));
    line.peer.write(line.sealer.seal(ALERT, Buffer.from([2, 90])));
    line.peer.write(line.sealer.seal(ALERT, Buffer.from([1, 0])));
    line.peer.write(line.sealer.seal(DATA, Buffer.from("more")));
    expect(await fill(line, Buffer.alloc(9))).toEqual([3, 0]);
    expect(line.wire.read(new Uint8Array(1))).toBe(0);
  });

  test.each([
    [80, "alert internal error"],
    [10, "alert unexpected message"],
    [200, "TLS failed: unknown"],
  ])("%i is a failure by its name", async (number, words) => {
    const line = await sealedLine();
    line.peer.write(line.sealer.seal(ALERT, Buffer.from([2, number])));
    expect(await readEnd(line)).toBe(-EPROTO);
    expect(line.wire.failure()).toContain(words);
  });
});

test("a wire is drained with a part of a record, or one of no data, and not with data", async () => {
  const line = await sealedLine();
  const { peer, sealer, wire } = line;
  const [first, none, last] = ["a", "", "data"].map((data) => sealer.seal(DATA, Buffer.from(data)));
  if (first === undefined || none === undefined || last === undefined) throw new Error("no record");
  peer.write(Buffer.concat([first, none, last.subarray(0, 9)]));
  expect(text(await readAll(line, 1))).toBe("a");
  expect(wire.isDrained()).toBe(true);
  expect(wire.read(new Uint8Array(9))).toBe(-EAGAIN);
  expect(wire.isDrained()).toBe(true);
  peer.write(last.subarray(9));
  expect(text(await readAll(line, 1))).toBe("d");
  expect(wire.isDrained()).toBe(false);
  expect(text(await readAll(line, 3))).toBe("ata");
  expect(wire.isDrained()).toBe(true);
});
