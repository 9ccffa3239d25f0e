/** What the door does where no build of the addon fits. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, onTestFinished, test, vi } from "vitest";

import { MIB } from "../../src/base/sizes.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

/** The door, where no build is found. */
async function doorWithoutBuild() {
  const empty = await mkdtemp(join(tmpdir(), "no-prebuild-"));
  onTestFinished(() => rm(empty, { recursive: true }));
  vi.stubEnv("MOUNT_S3_TS_PREBUILD", empty);
  vi.resetModules();
  return import("../../src/native/index.ts");
}

test("a missing build is one error that says for what, and what to do", async () => {
  const { addon, NativeError } = await doorWithoutBuild();
  const error: unknown = await Promise.resolve()
    .then(addon)
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(NativeError);
  expect(error).toMatchObject({ kind: "unavailable" });
  const { message } = error as Error;
  expect(message).toContain(`${process.platform}-${process.arch} (`);
  expect(message).toContain(`Node ${process.version}`);
  expect(message).toMatch(/glibc \d|musl/);
  expect(message).toContain("apt-get install -y build-essential python3");
  expect(message).toContain("scripts/build-addon.mjs");
  expect(message).toContain("--fuse-backend fuse-native");
  expect(message).not.toContain("\n");
});

test("what can do without the addon gets a fallback where it is missing, and only there", async () => {
  const without = await doorWithoutBuild();
  expect(without.addonOrPortable()).toBe(without.portable);
  vi.unstubAllEnvs();
  vi.resetModules();
  const { addon, addonOrPortable } = await import("../../src/native/index.ts");
  expect(addonOrPortable()).toBe(addon());
});

test("the fallback has zeroed memory that can be discarded", async () => {
  const { portable } = await import("../../src/native/index.ts");
  const bytes = new Uint8Array(portable.allocateHuge(4 * MIB));
  expect(bytes.byteLength).toBe(4 * MIB);
  expect(bytes.every((byte) => byte === 0)).toBe(true);
  expect(portable.discard(bytes)).toBe(0);
});

test("the addon is loaded once", async () => {
  const { addon } = await import("../../src/native/index.ts");
  expect(addon()).toBe(addon());
});
