/**
 * A port of the loopback that nobody listens on, for servers that cannot choose one themselves, and for
 * those that come back to theirs. It stays free: the kernel gives none of these to who asks for any.
 */

import { once } from "node:events";
import { createServer } from "node:net";

/** Below those that Linux gives out (net.ipv4.ip_local_port_range). */
const FIRST_PORT = 10_000;
const PORTS = 22_000;
/** Processes that are started one after the other begin that far apart. */
const PORTS_OF_A_PROCESS = 50;

let next = process.pid * PORTS_OF_A_PROCESS;

export async function freePort(): Promise<number> {
  for (let attempts = 0; attempts < PORTS; attempts++) {
    const port = FIRST_PORT + (next++ % PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`no TCP port from ${FIRST_PORT} to ${FIRST_PORT + PORTS - 1} is free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
