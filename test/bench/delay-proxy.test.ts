/** The slow way to a server: requests arrive late, and answers no faster than the rate. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { freePort } from "../../bench/servers/free-port.ts";
import { repository } from "../rigs/paths.ts";

const PROGRAM = join(repository, "dist-bench/delay-proxy.js");
const endings: (() => unknown)[] = [];

afterEach(async () => {
  while (endings.length > 0) await endings.pop()?.();
});

/** A client of a server that answers anything with `answer`, by way of the proxy. */
async function through(delayMs: number, mibPerSecond: number, answer: Buffer): Promise<Socket> {
  const server = createServer((socket) => socket.on("data", () => socket.write(answer)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  endings.push(() => server.close());
  const address = server.address();
  const target = typeof address === "object" ? address?.port : undefined;
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [PROGRAM, port, "127.0.0.1", target, delayMs, mibPerSecond].map(String),
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  endings.push(async () => {
    child.kill();
    await once(child, "exit");
  });
  await once(child.stdout, "data");
  const client = connect(port, "127.0.0.1");
  endings.push(() => client.destroy());
  await once(client, "connect");
  return client;
}

/** Milliseconds until `bytes` bytes have come back. */
async function ask(client: Socket, bytes: number): Promise<number> {
  const begun = performance.now();
  let received = 0;
  client.write("?");
  while (received < bytes) {
    const [chunk]: Buffer[] = await once(client, "data");
    received += chunk?.length ?? 0;
  }
  expect(received).toBe(bytes);
  return performance.now() - begun;
}

test("each request is held back", async () => {
  const client = await through(80, 0, Buffer.from("!"));
  expect(await ask(client, 1)).toBeGreaterThan(75);
  expect(await ask(client, 1)).toBeGreaterThan(75);
});

test("an answer comes no faster than the rate, and whole", async () => {
  const client = await through(0, 8, Buffer.alloc(2 ** 20));
  expect(await ask(client, 2 ** 20)).toBeGreaterThan(110);
});
