/** The addon in several threads, and processes that end while it is at work. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Opens a channel whose notify thread is stuck in a write, since nobody reads what it writes. */
const STUCK = `
  const addon = require("node-gyp-build")(${JSON.stringify(ROOT)});
  const [ours, theirs] = addon.socketPair();
  const channel = addon.openChannel({ fd: ours, onReadable() {} });
  while (channel.reply(new Uint8Array(1 << 20), 1 << 20) > 0);
  addon.setNonBlocking(ours, false);
  const notified = channel.notify(new Uint8Array(1 << 20));
`;

/** Runs `script` in a process of its own, where gc() collects. Returns its exit code and signal. */
async function runScript(script: string): Promise<unknown[]> {
  const child = spawn(process.execPath, ["--expose-gc", "-e", script], {
    cwd: ROOT,
    stdio: "ignore",
  });
  return once(child, "exit");
}

describe("a worker thread", () => {
  test("serves channels of its own, beside those of another", async () => {
    const script = `
      const { parentPort } = require("node:worker_threads");
      const addon = require("node-gyp-build")(${JSON.stringify(ROOT)});
      const [ours, theirs] = addon.socketPair();
      const slot = new Uint8Array(80);
      const channel = addon.openChannel({ fd: ours, async onReadable() {
        const count = channel.receive(slot, new Uint8Array(0));
        const result = await channel.notify(slot.subarray(0, count));
        channel.close();
        require("node:fs").readSync(theirs, slot);
        addon.closeDescriptor(ours);
        addon.closeDescriptor(theirs);
        parentPort.postMessage({ count, result, crc: addon.crc32c(slot.subarray(0, 9), 0) });
      }});
      require("node:fs").writeSync(theirs, "123456789");
    `;
    const workers = Array.from({ length: 3 }, () => new Worker(script, { eval: true }));
    const messages = await Promise.all(workers.map((worker) => once(worker, "message")));
    for (const [message] of messages)
      expect(message).toEqual({ count: 9, result: 0, crc: 0xe3069283 });
    await Promise.all(workers.map((worker) => worker.terminate()));
  });

  test("ends with a channel open, memory mapped and a notification stuck", async () => {
    const worker = new Worker(
      `${STUCK}
      const memory = addon.allocateHuge(2 << 20);
      require("node:worker_threads").parentPort.postMessage(memory.byteLength);`,
      { eval: true },
    );
    expect(await once(worker, "message")).toEqual([2 << 20]);
    expect(await worker.terminate()).toBe(1);
  });
});

/** Opens a wire, and one in the middle of a handshake, where this Node lends its OpenSSL. */
const WIRED = `
  const addon = require("node-gyp-build")(${JSON.stringify(ROOT)});
  const context = addon.openTlsContext([], false, "TLS_AES_128_GCM_SHA256", "DEFAULT");
  const open = () => {
    const [plainFd, secureFd] = addon.socketPair();
    const wires = [plainFd, secureFd].map((fd) => addon.openWire(fd, () => {}));
    if (context !== undefined && wires[1].secure(context, "localhost") === 0) wires[1].handshake();
    addon.closeDescriptor(plainFd);
    addon.closeDescriptor(secureFd);
    return wires;
  };
`;

describe("a worker thread with wires", () => {
  test("ends with them open", async () => {
    const worker = new Worker(
      `${WIRED} require("node:worker_threads").parentPort.postMessage(open().length);`,
      { eval: true },
    );
    expect(await once(worker, "message")).toEqual([2]);
    expect(await worker.terminate()).toBe(1);
  });
});

/** Has data threads wait for sockets to fill targets, and write replies. */
const LENDING = `
  const addon = require("node-gyp-build")(${JSON.stringify(ROOT)});
  if (addon.setDataThreads(2, 1) !== 0) throw new Error("no data threads");
  const pairs = Array.from({ length: 8 }, () => addon.socketPair());
  for (const [fd, other] of pairs) {
    addon.setNonBlocking(fd, true);
    const wire = addon.openWire(fd, () => {});
    if (!wire.lend(new Uint8Array(1 << 20))) throw new Error("not lent");
    require("node:fs").writeSync(other, Buffer.alloc(50_000));
  }
  const [ours] = addon.socketPair();
  addon.setNonBlocking(ours, true);
  const channel = addon.openChannel({ fd: ours, onReadable() {} });
  const data = new Uint8Array(40_000);
  for (let i = 0; i < 8; i++) channel.replyRange(data, 16, data, 0, data.length);
`;

describe("a worker thread with data threads", () => {
  test("ends while they are at work", async () => {
    const worker = new Worker(
      `${LENDING} require("node:worker_threads").parentPort.postMessage(pairs.length);`,
      { eval: true },
    );
    expect(await once(worker, "message")).toEqual([8]);
    expect(await worker.terminate()).toBe(1);
  });
});

describe("a process", () => {
  test("ends by itself when its data threads have nothing to do, and may exit while they have", async () => {
    const idle = `const addon = require("node-gyp-build")(${JSON.stringify(ROOT)}); addon.setDataThreads(2, 1);`;
    expect(await runScript(idle)).toEqual([0, null]);
    expect(await runScript(`${LENDING} process.exit(4);`)).toEqual([4, null]);
    expect(await runScript(`${LENDING} setImmediate(() => { throw "thrown"; });`)).toEqual([
      1,
      null,
    ]);
  });

  test("waits for a target on loan", async () => {
    const script = `
      const addon = require("node-gyp-build")(${JSON.stringify(ROOT)});
      addon.setDataThreads(1, 1);
      const [fd, other] = addon.socketPair();
      addon.setNonBlocking(fd, true);
      const wire = addon.openWire(fd, (hungUp, count) => { if (count === 3) process.exit(5); });
      wire.unref();
      if (!wire.lend(new Uint8Array(3))) process.exit(6);
      new (require("node:worker_threads").Worker)("setImmediate(() => require('node:fs').writeSync(" + other + ", 'abc'))", { eval: true }).unref();
    `;
    expect(await runScript(script)).toEqual([5, null]);
  });

  test("ends by itself once its channels are closed", async () => {
    const script = `${STUCK} channel.close(); notified.then((result) => { if (result !== -125) process.exit(3); });`;
    expect(await runScript(script)).toEqual([0, null]);
  });

  test("ends by itself once its wires are closed or let go, and may exit with wires open", async () => {
    const ended = `${WIRED} for (const wire of open()) wire.close(); for (const wire of open()) wire.unref();`;
    expect(await runScript(ended)).toEqual([0, null]);
    expect(await runScript(`${WIRED} open(); process.exit(4);`)).toEqual([4, null]);
  });

  test("waits for a notification on its way", async () => {
    const script = `
      const addon = require("node-gyp-build")(${JSON.stringify(ROOT)});
      const [ours] = addon.socketPair();
      const channel = addon.openChannel({ fd: ours, onReadable() {} });
      channel.pause();
      channel.notify(new Uint8Array(8)).then((result) => process.exit(result === 0 ? 5 : 6));
    `;
    expect(await runScript(script)).toEqual([5, null]);
  });

  test("may exit with a channel open and a notification stuck", async () => {
    expect(await runScript(`${STUCK} process.exit(4);`)).toEqual([4, null]);
    expect(await runScript(`${STUCK} setImmediate(() => { throw "thrown"; });`)).toEqual([1, null]);
  });
});

describe("the collector", () => {
  test("unmaps memory that was dropped", async () => {
    const script = `
      const addon = require("node-gyp-build")(${JSON.stringify(ROOT)});
      const advised = () => /^VmFlags:.* hg/m.test(require("node:fs").readFileSync("/proc/self/smaps", "utf8"));
      let memory = new Uint8Array(addon.allocateHuge(8 << 20)).fill(1);
      if (!advised()) process.exit(3);
      memory = undefined;
      const again = () => { gc(); if (advised()) setImmediate(again); };
      again();
    `;
    expect(await runScript(script)).toEqual([0, null]);
  });

  test("leaves an open channel alone that nobody else refers to", async () => {
    const script = `
      const addon = require("node-gyp-build")(${JSON.stringify(ROOT)});
      const [ours, theirs] = addon.socketPair();
      addon.openChannel({ fd: ours, onReadable() { this.close(); } });
      let turns = 20;
      const again = () => { gc(); if (--turns > 0) setImmediate(again); else require("node:fs").writeSync(theirs, "x"); };
      again();
    `;
    expect(await runScript(script)).toEqual([0, null]);
  });

  test("frees what closed wires held, and their context last", async () => {
    const script = `${WIRED}
      const collected = new FinalizationRegistry(() => left--);
      let left = 40;
      for (let i = 0; i < 20; i++) for (const wire of open()) {
        collected.register(wire);
        wire.close();
      }
      const again = () => { gc(); if (left > 0) setImmediate(again); };
      again();
    `;
    expect(await runScript(script)).toEqual([0, null]);
  });

  test("frees what closed channels held", async () => {
    const script = `
      const addon = require("node-gyp-build")(${JSON.stringify(ROOT)});
      const [ours] = addon.socketPair();
      const collected = new FinalizationRegistry(() => left--);
      let left = 100;
      for (let i = 0; i < 100; i++) {
        const channel = addon.openChannel({ fd: ours, onReadable() {} });
        collected.register(channel);
        channel.notify(new Uint8Array(1));
        channel.close();
      }
      const again = () => { gc(); if (left > 0) setImmediate(again); };
      again();
    `;
    expect(await runScript(script)).toEqual([0, null]);
  });
});
