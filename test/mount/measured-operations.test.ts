/** What is measured of the kernel's requests, and that they are answered as they would be without it. */

import { expect, test } from "vitest";
import type { DirectoryWriter, ReadReply } from "../../src/base/attributes.ts";
import type { Operations } from "../../src/fuse/index.ts";
import { measuredOperations } from "../../src/mount/measured-operations.ts";
import { RecordedMetrics } from "../rigs/recorded-metrics.ts";

const BYTES: ReadReply = { parts: [new Uint8Array(4096), new Uint8Array(10)], release() {} };

/** Operations that record their arguments; each step of the clock is 250 µs. */
function measure(given: Partial<Operations>) {
  const calls: unknown[][] = [];
  const metrics = new RecordedMetrics();
  const plain = new Proxy(given, {
    get: (target, name: keyof Operations) =>
      target[name] ?? ((...args: unknown[]) => void calls.push([name, ...args])),
  });
  let nowMs = 0;
  const now = (): number => (nowMs += 0.25);
  const operations = measuredOperations(plain as Operations, metrics, now);
  return { calls, metrics, operations, values: metrics.values };
}

test("what is answered at once stays so, and what is not is measured to its end", async () => {
  const { operations, values } = measure({
    read: (fh) => (fh === 1 ? BYTES : Promise.resolve(BYTES)),
    write: async () => 100,
  });
  expect(operations.read(1, 0, 8192)).toBe(BYTES);
  const later = operations.read(2, 0, 8192);
  const written = operations.write(3, 0, new Uint8Array(100));
  expect(later).toBeInstanceOf(Promise);
  expect(values["fuse.request_latency[read]"]).toEqual([250]);
  expect(await later).toBe(BYTES);
  expect(await written).toBe(100);
  expect(values).toEqual({
    "fuse.request_latency[read]": [250, 500],
    "fuse.io_size[read]": [4106, 4106],
    "fuse.total_bytes[read]": [4106, 4106],
    "fuse.request_latency[write]": [500],
    "fuse.io_size[write]": [100],
    "fuse.total_bytes[write]": [100],
  });
});

test("failures are counted and go on as they are", async () => {
  const now = new Error("now");
  const later = new Error("later");
  const { operations, values } = measure({
    lookup() {
      throw now;
    },
    read: () => Promise.reject(later),
  });
  expect(() => operations.lookup(1, "a")).toThrow(now);
  await expect(operations.read(1, 0, 1)).rejects.toBe(later);
  expect(values).toEqual({
    "fuse.request_latency[lookup]": [250],
    "fuse.request_errors[lookup]": [1],
    "fuse.request_latency[read]": [250],
    "fuse.request_errors[read]": [1],
  });
});

test("every operation is passed on with what it was given, under the kernel's name", () => {
  const { calls, operations, values } = measure({
    read: () => BYTES,
    write: () => 0,
  });
  const caller = { uid: 1, gid: 2, pid: 3 };
  const writer = (plus: boolean): DirectoryWriter => ({ plus, add: () => true });
  const given: {
    [Name in keyof Operations]?: readonly Parameters<NonNullable<Operations[Name]>>[];
  } = {
    lookup: [[1, "name"]],
    forget: [[2, 3]],
    getattr: [[2, 7]],
    setattr: [[2, { mode: 0o600 }]],
    mknod: [[1, "name", 0o600]],
    mkdir: [[1, "name", 0o700]],
    unlink: [[1, "name"]],
    rmdir: [[1, "name"]],
    rename: [[{ parent: 1, name: "a", newParent: 2, newName: "b", flags: 0 }]],
    open: [[2, 0, caller]],
    create: [[1, "name", { mode: 0, flags: 0, caller }]],
    flush: [[7, caller]],
    fsync: [[7]],
    release: [[7]],
    opendir: [[1]],
    readdir: [
      [8, 0, writer(false)],
      [8, 0, writer(true)],
    ],
    releasedir: [[8]],
    statfs: [[]],
    noteRefusal: [[{ opcode: "symlink", ino: 1, name: "l", errno: 1 }]],
  };
  const expected: unknown[][] = [];
  for (const [name, argumentLists] of Object.entries(given)) {
    for (const args of argumentLists) {
      const call: unknown = operations[name as keyof Operations];
      if (typeof call === "function") call(...args);
      expected.push([name, ...args]);
    }
  }
  expect(calls).toEqual(expected);
  const timed = Object.keys(given).filter(
    (name) => !["forget", "releasedir", "noteRefusal"].includes(name),
  );
  expect(Object.keys(values)).toEqual([
    ...timed.flatMap((name) =>
      (name === "readdir" ? [name, "readdirplus"] : [name]).map(
        (opcode) => `fuse.request_latency[${opcode}]`,
      ),
    ),
    "fuse.request_errors[symlink]",
  ]);
});
