/** Descriptors, mounts that fail, and the socket over which a descriptor comes: values and errnos. */

import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  writeSync,
} from "node:fs";

import { describe, expect, test } from "vitest";

import { EBADF, EINVAL, ENODEV, ENOENT, EPERM, ETIMEDOUT } from "../../src/base/errno.ts";
import { addon } from "../../src/native/index.ts";
import { isRoot } from "../rigs/root.ts";

const [E2BIG, EPIPE, EPROTO, ENOTSOCK] = [7, 32, 71, 88];
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const NO_SUCH_FD = 1_000_000;

function openFlags(fd: number): number {
  const [, flags = ""] =
    /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8")) ?? [];
  return Number.parseInt(flags, 8);
}

/** How many descriptors of this process stand for /dev/fuse. */
function openDevices(): number {
  return readdirSync("/proc/self/fd").filter((fd) => targetOf(fd) === "/dev/fuse").length;
}

function targetOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined; // The one that the listing itself used.
  }
}

function socketPair(): readonly [number, number] {
  const pair = addon().socketPair();
  if (typeof pair === "number") throw new Error(`socketPair: errno ${-pair}`);
  return pair;
}

function withSocketPair(use: (ours: number, theirs: number) => void): void {
  const [ours, theirs] = socketPair();
  try {
    use(ours, theirs);
  } finally {
    addon().closeDescriptor(ours);
    addon().closeDescriptor(theirs);
  }
}

describe("a device", () => {
  test("is opened non-blocking and close-on-exec, and closed once", () => {
    const fd = addon().openDevice();
    expect(openFlags(fd) & (O_NONBLOCK | O_CLOEXEC)).toBe(O_NONBLOCK | O_CLOEXEC);
    expect(addon().setNonBlocking(fd, false)).toBe(0);
    expect(openFlags(fd) & O_NONBLOCK).toBe(0);
    expect(addon().setNonBlocking(fd, true)).toBe(0);
    expect(openFlags(fd) & O_NONBLOCK).toBe(O_NONBLOCK);
    expect(addon().closeDescriptor(fd)).toBe(0);
    expect(addon().closeDescriptor(fd)).toBe(-EBADF);
  });

  test("that is not mounted cannot be cloned, and leaves no descriptor behind", () => {
    const fd = addon().openDevice();
    const before = openDevices();
    // Which one depends on the version of the kernel.
    expect([-EPERM, -EINVAL]).toContain(addon().cloneDevice(fd));
    expect(openDevices()).toBe(before);
    addon().closeDescriptor(fd);
    expect([-EBADF, -EINVAL]).toContain(addon().cloneDevice(NO_SUCH_FD));
  });

  test("number that is none is refused", () => {
    expect(addon().setNonBlocking(NO_SUCH_FD, true)).toBe(-EBADF);
    expect(() => addon().setNonBlocking(-1, true)).toThrow(RangeError);
    expect(() => addon().closeDescriptor(2 ** 32)).toThrow(RangeError);
    expect(() => addon().closeDescriptor("0" as unknown as number)).toThrow(TypeError);
    expect(() => addon().setNonBlocking(0, 1 as unknown as boolean)).toThrow(TypeError);
  });
});

describe("mount and unmount", () => {
  test("say why they fail", () => {
    const nowhere = "/nonexistent/native-test";
    expect(addon().mount("test", nowhere, "fuse.test", 0, "")).toBe(-ENOENT);
    expect(addon().mount("test", "/", "no-such-type", 0, "")).toBe(isRoot ? -ENODEV : -EPERM);
    expect(addon().mount("test", "/", "fuse.test", 0, "fd=0".padEnd(4096, ","))).toBe(-E2BIG);
    expect(addon().unmount(nowhere, 0)).toBe(-ENOENT);
  });

  test("refuse text with NUL inside, which the kernel would take for its end", () => {
    expect(() => addon().mount("test", "/tmp\0x", "fuse", 0, "")).toThrow(TypeError);
    expect(() => addon().unmount("/tmp\0x", 0)).toThrow(TypeError);
    expect(() => addon().unmount("/tmp", -1)).toThrow(RangeError);
    expect(() => addon().unmount(undefined as unknown as string, 0)).toThrow(TypeError);
  });
});

describe("a socket pair", () => {
  test("is connected and not inherited by programs", () => {
    withSocketPair((ours, theirs) => {
      for (const fd of [ours, theirs]) expect(openFlags(fd) & O_CLOEXEC).toBe(O_CLOEXEC);
      writeSync(ours, "hello");
      const bytes = Buffer.alloc(16);
      expect(bytes.toString("utf8", 0, readSync(theirs, bytes))).toBe("hello");
    });
  });

  test("gives no descriptor where none was sent", () => {
    withSocketPair((ours, theirs) => {
      expect(addon().receiveDescriptor(ours, 10)).toBe(-ETIMEDOUT);
      writeSync(theirs, "x");
      expect(addon().receiveDescriptor(ours, 1000)).toBe(-EPROTO);
    });
    const [ours, theirs] = socketPair();
    addon().closeDescriptor(theirs);
    expect(addon().receiveDescriptor(ours, 1000)).toBe(-EPIPE);
    addon().closeDescriptor(ours);
  });

  test("is told from other descriptors", () => {
    const file = openSync("/dev/zero", "r");
    expect(addon().receiveDescriptor(file, 0)).toBe(-ENOTSOCK);
    closeSync(file);
    expect(() => addon().receiveDescriptor(0, -1)).toThrow(RangeError);
    expect(() => addon().receiveDescriptor(0, 3_600_001)).toThrow(RangeError);
  });
});

test("too few arguments are a TypeError", () => {
  const mount = addon().mount as (...values: unknown[]) => unknown;
  expect(() => mount("source", "target")).toThrow(new TypeError("expected 5 arguments, got 2"));
});
