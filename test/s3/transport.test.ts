import { setTimeout as delay } from "node:timers/promises";

import { afterEach, expect, onTestFinished, test, vi } from "vitest";

import { silentLog } from "../../src/base/log.ts";
import { MIB } from "../../src/base/sizes.ts";
import { DEFAULT_TIMEOUTS, type Timeouts } from "../../src/s3/timeouts.ts";
import { Transport } from "../../src/s3/transport.ts";
import type { TransportRequest, TransportResponse } from "../../src/s3/transport-request.ts";
import { describeBoth, patternBytes, wiresUnderTest } from "./client-under-test.ts";
import {
  answering,
  type Peer,
  type RawServer,
  response,
  type Script,
  startRawServer,
} from "./raw-server.ts";

let server: RawServer | undefined;
let transport: Transport | undefined;

async function trickle(peer: Peer, bytes: string): Promise<void> {
  while (!peer.socket.destroyed) {
    await peer.send(bytes);
    await delay(20);
  }
}

afterEach(async () => {
  transport?.close();
  expect(transport?.connectionCount ?? 0).toBe(0);
  await server?.close();
  server = undefined;
  transport = undefined;
});

/** From here to the end of the test, the clock of connections goes on with `pass` only. */
function holdClock(): void {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

async function pass(ms: number): Promise<void> {
  // What was sent arrives.
  await delay(5);
  vi.advanceTimersByTime(ms);
}

/** For those who run into them. */
const SHORT = { firstByteMs: 1000, stallMs: 400 } as const;

type Send = (
  request?: Partial<TransportRequest>,
  signal?: AbortSignal,
) => Promise<TransportResponse>;

async function connect(
  script: Script,
  timeouts: Partial<Timeouts> = {},
  connectionsMax = 64,
): Promise<Send> {
  const started = await startRawServer(script);
  const opened = new Transport({
    timeouts: { ...DEFAULT_TIMEOUTS, ...timeouts },
    connectionsMax,
    proxy: {},
    caBundle: undefined,
    wires: wiresUnderTest(),
    nodeEnvironment: {},
    log: silentLog,
  });
  server = started;
  transport = opened;
  const origin = { secure: false, host: "127.0.0.1", port: started.port };
  return (request = {}, signal) =>
    opened.send(
      { operation: "Test", method: "GET", origin, path: "/", headers: { host: "h" }, ...request },
      signal,
    );
}

describeBoth("connections", () => {
  test("one carries requests in a row", async () => {
    const send = await connect(answering(() => response(200, {}, "ok")));
    for (let turn = 0; turn < 20; turn++) expect((await send()).body.toString()).toBe("ok");
    expect(server?.accepted).toBe(1);
  });

  test("a header may come in as many reads as it has bytes", async () => {
    const bytes = response(200, { "x-a": "b" }, "hello");
    const send = await connect(async (peer) => {
      for (let turn = 0; turn < 2; turn++) {
        if ((await peer.request()) === undefined) return;
        for (const byte of bytes) {
          await peer.send(Buffer.from([byte]));
          await new Promise(setImmediate);
        }
      }
    });
    for (let turn = 0; turn < 2; turn++) {
      const answer = await send();
      expect(answer.headers["x-a"]).toBe("b");
      expect(answer.body.toString()).toBe("hello");
    }
    expect(server?.accepted).toBe(1);
  });

  test.each([
    ["Connection: close", response(200, { connection: "close" }, "ok")],
    ["HTTP/1.0", Buffer.from("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")],
    ["bytes beyond the body", Buffer.concat([response(200, {}, "ok"), Buffer.from("more")])],
  ])("an answer with %s is the last of its connection", async (_, bytes) => {
    const send = await connect(answering(() => bytes));
    for (let turn = 0; turn < 3; turn++) expect((await send()).body.toString()).toBe("ok");
    expect(server?.accepted).toBe(3);
  });

  test("a body without a length ends with its connection", async () => {
    const body = patternBytes(200_000);
    const send = await connect(async (peer) => {
      await peer.request();
      await peer.send("HTTP/1.1 200 OK\r\n\r\n");
      await peer.send(body);
      peer.socket.end();
    });
    expect((await send()).body.equals(body)).toBe(true);
  });

  test.each(["PUT", "GET"])(
    "a kept connection that dies is replaced unnoticed for %s",
    async (method) => {
      const send = await connect(async (peer, index) => {
        if (index > 0) return answering(() => response(200, {}, "fresh"))(peer, index);
        await peer.request();
        await peer.send(response(200, {}, "first"));
        await peer.request();
        peer.socket.resetAndDestroy();
      });
      const body = method === "PUT" ? [Buffer.from("x")] : undefined;
      expect((await send({ method, body })).body.toString()).toBe("first");
      expect((await send({ method, body })).body.toString()).toBe("fresh");
      expect(server?.accepted).toBe(2);
    },
  );

  test("a POST is not sent twice when a kept connection dies", async () => {
    const send = await connect(async (peer) => {
      await peer.request();
      await peer.send(response(200, {}, "first"));
      await peer.request();
      peer.socket.resetAndDestroy();
    });
    await send({ method: "POST" });
    await expect(send({ method: "POST" })).rejects.toMatchObject({ kind: "network" });
    expect(server?.accepted).toBe(1);
  });

  test("a fresh connection that dies fails the request", async () => {
    const send = await connect(async (peer) => {
      await peer.request();
      peer.socket.end();
    });
    await expect(send()).rejects.toMatchObject({ kind: "network" });
    expect(server?.accepted).toBe(1);
  });

  test("one that breaks off inside a header or body fails the request", async () => {
    const send = await connect(async (peer, index) => {
      await peer.request();
      await peer.send(response(200, {}, "hello").subarray(0, index === 0 ? 20 : -1));
      peer.socket.end();
    });
    await expect(send()).rejects.toMatchObject({ kind: "network" });
    await expect(send()).rejects.toMatchObject({ kind: "network" });
  });

  test("bytes that nobody asked for close a resting connection", async () => {
    const closed: Promise<void>[] = [];
    const send = await connect(async (peer) => {
      await peer.request();
      await peer.send(response(200, {}, "ok"));
      await new Promise(setImmediate);
      await peer.send("HTTP/1.1 408 Timeout\r\n\r\n");
      closed.push(peer.closed());
      await peer.closed();
    });
    await send();
    await expect.poll(() => transport?.connectionCount).toBe(0);
    await send();
    expect(server?.accepted).toBe(2);
  });

  test("a resting connection is closed after its time", async () => {
    const send = await connect(
      answering(() => response(200, {}, "ok")),
      { idleMs: 30 },
    );
    await send();
    expect(transport?.connectionCount).toBe(1);
    await expect.poll(() => transport?.connectionCount).toBe(0);
  });

  test("there are never more than allowed, and requests are served in order", async () => {
    let open = 0;
    let most = 0;
    const order: string[] = [];
    const send = await connect(
      async (peer) => {
        for (;;) {
          const request = await peer.request();
          if (request === undefined) return;
          most = Math.max(most, ++open);
          order.push(request.path);
          await new Promise(setImmediate);
          open--;
          await peer.send(response(200, {}, "ok"));
        }
      },
      {},
      1,
    );
    const paths = Array.from({ length: 30 }, (_, index) => `/${index}`);
    await Promise.all(paths.map((path) => send({ path })));
    expect(order).toEqual(paths);
    expect(server?.accepted).toBe(1);
    expect(most).toBe(1);
  });

  test("a queue moves on when a connection in use breaks", async () => {
    const send = await connect(
      async (peer, index) => {
        await peer.request();
        if (index % 2 === 0) peer.socket.resetAndDestroy();
        else await peer.send(response(200, { connection: "close" }, "ok"));
      },
      {},
      2,
    );
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => send()));
    expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(5);
  });
});

describeBoth("time limits", () => {
  test("no answer at all", async () => {
    const send = await connect(async (peer) => peer.closed(), SHORT);
    await expect(send()).rejects.toMatchObject({ kind: "timeout" });
    await expect.poll(() => server?.open).toBe(0);
  });

  test("a header that trickles for ever", async () => {
    const send = await connect(async (peer) => {
      await peer.request();
      await peer.send("HTTP/1.1 200 OK\r\nX: ");
      await trickle(peer, "x");
    }, SHORT);
    await expect(send()).rejects.toMatchObject({ kind: "timeout" });
  });

  test("an upload that the server does not read", async () => {
    const send = await connect(async (peer) => {
      peer.socket.pause();
      await new Promise<void>((resolve) => peer.socket.once("close", () => resolve()));
    }, SHORT);
    const body = Array.from({ length: 24 }, () => new Uint8Array(1_048_576));
    await expect(send({ method: "PUT", body })).rejects.toMatchObject({ kind: "timeout" });
  });

  test("a body that comes byte by byte, each in time", async () => {
    const send = await connect(async (peer) => {
      await peer.request();
      await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
      await trickle(peer, "x");
    }, SHORT);
    await expect(send()).rejects.toMatchObject({ kind: "timeout" });
    await expect(send()).rejects.toThrow("fewer than 16384 bytes moved for 400 ms");
  });

  test("an upload that the server reads too slowly", async () => {
    const send = await connect(
      async ({ socket }) => {
        socket.pause();
        while (!socket.destroyed) {
          socket.read(65_536);
          await delay(20);
        }
      },
      { ...SHORT, stallBytes: 16 * MIB },
    );
    const body = Array.from({ length: 24 }, () => new Uint8Array(MIB));
    await expect(send({ method: "PUT", body })).rejects.toMatchObject({ kind: "timeout" });
  });

  test("not a body that takes longer than the limit, but keeps up the least rate", async () => {
    holdClock();
    const send = await connect(
      async (peer) => {
        await peer.request();
        await peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        for (let turn = 0; turn < 40; turn++) {
          await peer.send("0123456789");
          await pass(20);
        }
        peer.socket.end();
      },
      { ...SHORT, stallBytes: 20 },
    );
    expect((await send()).body.length).toBe(400);
  });

  test("a handshake that is not answered", async () => {
    const started = await startRawServer(async (peer) => peer.closed());
    server = started;
    transport = new Transport({
      timeouts: { ...DEFAULT_TIMEOUTS, connectMs: 100 },
      connectionsMax: 4,
      proxy: {},
      caBundle: undefined,
      wires: wiresUnderTest(),
      nodeEnvironment: {},
      log: silentLog,
    });
    const origin = { secure: true, host: "127.0.0.1", port: started.port };
    await expect(
      transport.send({
        operation: "Test",
        method: "GET",
        origin,
        path: "/",
        headers: { host: "h" },
      }),
    ).rejects.toMatchObject({ kind: "timeout" });
  });
});

test("an upload that waits in the kernel for a slow line is given time", async () => {
  holdClock();
  let turns = 0;
  const send = await connect(
    async ({ socket }) => {
      socket.pause();
      let left = 2 * MIB;
      for (; !socket.destroyed && left > 0; turns++) {
        left -= (socket.read() as Buffer | null)?.length ?? 0;
        await pass(20);
      }
      socket.write(response(200, {}, "ok"));
    },
    { firstByteMs: 200, stallMs: 200 },
  );
  const body = [patternBytes(2 * MIB)];
  expect((await send({ method: "PUT", body })).body.toString()).toBe("ok");
  expect(turns * 20).toBeGreaterThan(400);
});

describeBoth("giving up", () => {
  test("before, while connecting, while waiting in line, and in the middle of a body", async () => {
    const send = await connect(
      async (peer) => {
        await peer.request();
        await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        await peer.closed();
      },
      {},
      1,
    );
    await expect(send({}, AbortSignal.abort())).rejects.toMatchObject({ kind: "aborted" });
    const first = new AbortController();
    const second = new AbortController();
    let filled = 0;
    const accept = () => ({
      byteCount: 100,
      sink: {
        target: () => new Uint8Array(100),
        filled: (n: number) => {
          filled += n;
          first.abort();
        },
        restart: () => {},
      },
    });
    const busy = send({ accept }, first.signal);
    const waiting = send({}, second.signal);
    second.abort();
    await expect(waiting).rejects.toMatchObject({ kind: "aborted" });
    await expect(busy).rejects.toMatchObject({ kind: "aborted" });
    expect(filled).toBeLessThan(100);
    await expect.poll(() => server?.open).toBe(0);
  });

  test("closing fails what is under way and leaves no socket", async () => {
    const send = await connect(async (peer) => peer.closed(), {}, 2);
    const outcomes = Promise.allSettled([send(), send(), send()]);
    await expect.poll(() => server?.open).toBe(2);
    transport?.close();
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ reason: { kind: "aborted" } });
    await expect.poll(() => server?.open).toBe(0);
    await expect(send()).rejects.toMatchObject({ kind: "aborted" });
  });
});

describeBoth("requests", () => {
  test("an answer that comes before the body is sent is taken, and ends the connection", async () => {
    const send = await connect(async (peer) => {
      await peer.requestHead();
      peer.socket.pause();
      await peer.send(response(403, {}, "no"));
      await new Promise<void>((resolve) => peer.socket.once("close", () => resolve()));
    });
    const body = Array.from({ length: 24 }, () => new Uint8Array(1_048_576));
    const answer = await send({ method: "PUT", body });
    expect(answer.status).toBe(403);
    expect(answer.body.toString()).toBe("no");
    await expect.poll(() => transport?.connectionCount).toBe(0);
  });

  test("a large body arrives as it was", async () => {
    const body = Array.from({ length: 9 }, (_, index) => patternBytes(700_000 + index));
    const send = await connect(
      async (peer) => {
        const request = await peer.request();
        const same = request?.body.equals(Buffer.concat(body));
        await peer.send(response(200, {}, String(same)));
      },
      { stallMs: 5000, firstByteMs: 5000 },
    );
    expect((await send({ method: "PUT", body })).body.toString()).toBe("true");
  });

  test.each([
    ["path", { path: "/a b" }],
    ["path", { path: "/a\r\nx: y" }],
    ["method", { method: "GET /\r\n" }],
    ["header's value", { headers: { host: "h", a: "b\r\nc: d" } }],
    ["header's value", { headers: { host: "h", a: "\u{1F600}" } }],
    ["header's name", { headers: { host: "h", "a:b": "c" } }],
  ])("whose %s would break its line is never sent", async (_, request) => {
    const send = await connect(answering(() => response(200, {})));
    await expect(send(request)).rejects.toMatchObject({ kind: "rejected" });
    expect(server?.accepted).toBe(0);
  });

  test("to a port where nobody listens fail with the address", async () => {
    const send = await connect(answering(() => response(200, {})));
    const port = server?.port ?? 0;
    await server?.close();
    server = undefined;
    await expect(send()).rejects.toMatchObject({ kind: "network" });
    await expect(send()).rejects.toThrow(`cannot connect to http://127.0.0.1:${port}`);
  });
});
