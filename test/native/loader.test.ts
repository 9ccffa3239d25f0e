/** What the door does where no build of the addon fits. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test, vi } from "vitest";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

test("a missing build is one error that says for what, and what to do", async () => {
  const empty = await mkdtemp(join(tmpdir(), "no-prebuild-"));
  vi.stubEnv("MOUNT_S3_TS_PREBUILD", empty);
  vi.resetModules();
  const { addon, NativeError } = await import("../../src/native/index.ts");
  const error: unknown = await Promise.resolve()
    .then(addon)
    .catch((reason: unknown) => reason);
  await rm(empty, { recursive: true });
  expect(error).toBeInstanceOf(NativeError);
  expect(error).toMatchObject({ kind: "unavailable" });
  const { message } = error as Error;
  expect(message).toContain(`${process.platform}-${process.arch} (`);
  expect(message).toContain(`Node ${process.version}`);
  expect(message).toMatch(/glibc \d|musl/);
  expect(message).toContain("apt-get install -y build-essential python3");
  expect(message).toContain("scripts/build-addon.mjs");
  expect(message).not.toContain("\n");
});

test("the addon is loaded once", async () => {
  const { addon } = await import("../../src/native/index.ts");
  expect(addon()).toBe(addon());
});
