/** The client's end of a datagram socket: values and errnos, and never a wait. */

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EAGAIN, EBADF, EMSGSIZE, ENAMETOOLONG, ENOENT } from "../../src/base/errno.ts";
import { addon } from "../../src/native/index.ts";
import { DatagramReceiver } from "../rigs/datagram-receiver.ts";

const [EPROTOTYPE, ECONNREFUSED] = [91, 111];

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "datagram-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

test("where nobody listens, connecting says why and leaves no descriptor behind", async () => {
  const before = readdirSync("/proc/self/fd").length;
  expect(addon().connectDatagram(join(directory, "absent"))).toBe(-ENOENT);
  expect(addon().connectDatagram("x".repeat(108))).toBe(-ENAMETOOLONG);
  expect(() => addon().connectDatagram("a\0b")).toThrow(TypeError);
  const path = join(directory, "stream");
  const server = createServer().listen(path);
  await new Promise((resolve) => server.once("listening", resolve));
  expect(addon().connectDatagram(path)).toBe(-EPROTOTYPE);
  await new Promise((resolve) => server.close(resolve));
  expect(readdirSync("/proc/self/fd").length).toBe(before);
});

test("a message arrives whole, and a receiver that is gone is told at once", async () => {
  const path = join(directory, "log");
  const receiver = await DatagramReceiver.start(path);
  const fd = addon().connectDatagram(path);
  expect(addon().sendDatagram(fd, Buffer.from("héllo"))).toBe(6);
  expect(addon().sendDatagram(fd, Buffer.alloc(0))).toBe(0);
  expect(addon().sendDatagram(fd, Buffer.alloc(64 << 20))).toBe(-EMSGSIZE);
  receiver.read();
  await receiver.waitFor(/^$/);
  expect(receiver.messages).toEqual(["héllo", ""]);
  await receiver.stop();
  expect(addon().sendDatagram(fd, Buffer.from("x"))).toBe(-ECONNREFUSED);
  expect(addon().closeDescriptor(fd)).toBe(0);
  expect(addon().sendDatagram(fd, Buffer.from("x"))).toBe(-EBADF);
});

test("a receiver that does not read makes nobody wait", async () => {
  const path = join(directory, "log");
  const receiver = await DatagramReceiver.start(path);
  const fd = addon().connectDatagram(path);
  const message = Buffer.alloc(1000, "x");
  let sent = 0;
  while (addon().sendDatagram(fd, message) === message.length) sent++;
  expect(addon().sendDatagram(fd, message)).toBe(-EAGAIN);
  expect(sent).toBeGreaterThan(0);
  addon().closeDescriptor(fd);
  await receiver.stop();
});
