/** Numbers that mount-s3 takes from the environment's variables reach the kernel, or are refused. */

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { urlFrom } from "../../src/mount/environment.ts";
import { run, succeed } from "../rigs/child.ts";
import { expectRefusal } from "../rigs/command-run.ts";
import { environmentFor, MountProcess, mountCommand } from "../rigs/mount-process.ts";
import { testAsRoot } from "../rigs/root.ts";
import { startGround } from "./ground.ts";

const BUCKET = "test-bucket";

const { scratch, sandbox } = await startGround({}, BUCKET);

testAsRoot("the kernel's control of connections")(
  "the kernel keeps as many requests in the background as it is told",
  async () => {
    const control = scratch.makeDirectory("control");
    await succeed("mount", ["-t", "fusectl", "none", control]);
    const directory = scratch.makeDirectory("mount");
    const mount = await MountProcess.start({
      endpoint: sandbox.endpoint,
      bucket: BUCKET,
      directory,
      env: {
        UNSTABLE_MOUNTPOINT_MAX_BACKGROUND: "33",
        UNSTABLE_MOUNTPOINT_CONGESTION_THRESHOLD: "21",
      },
    });
    try {
      // The minor part of its device number names the connection (gnu_dev_minor of glibc).
      const { dev } = statSync(directory);
      const connection = join(control, String((dev & 0xff) | ((dev >>> 12) & 0xfff00)));
      const read = (name: string) => readFileSync(join(connection, name), "utf8");
      expect([read("max_background"), read("congestion_threshold")]).toEqual(["33\n", "21\n"]);
    } finally {
      await mount.stop();
      await run("umount", [control]);
    }
  },
);

test.each([
  ["AWS_MAX_ATTEMPTS", "0", "from 1 to 9999"],
  ["UNSTABLE_MOUNTPOINT_MAX_BACKGROUND", "65536", "from 1 to 65535"],
  ["UNSTABLE_MOUNTPOINT_CONGESTION_THRESHOLD", "many", "from 1 to 65535"],
  ["UNSTABLE_MOUNTPOINT_MAX_PREFETCH_WINDOW_SIZE", "1.5", "from 1 to"],
])("%s=%s is refused", async (name, value, range) => {
  const directory = scratch.makeDirectory("mount");
  const args = mountCommand({ endpoint: sandbox.endpoint, bucket: BUCKET, directory });
  const env = { ...environmentFor(sandbox.endpoint), [name]: value };
  await expectRefusal(
    scratch,
    { args, env, timeoutMs: 30_000 },
    { status: 1, says: [`${name} is "${value}"`, range, "correct the variable or unset it"] },
  );
});

test("a URL comes from the first variable that is set, or is refused by its name", () => {
  const first = "AWS_ENDPOINT_URL_S3";
  const second = "AWS_ENDPOINT_URL";
  const of = (environment: Readonly<Record<string, string>>) => urlFrom(environment, first, second);
  expect(of({})).toBeUndefined();
  expect(of({ [first]: "", [second]: "http://b:1" })).toBe("http://b:1");
  expect(of({ [first]: "https://a", [second]: "garbage" })).toBe("https://a");
  for (const value of ["garbage", "ftp://host", "http://", "localhost:9000"]) {
    expect(() => of({ [second]: value })).toThrow(
      `AWS_ENDPOINT_URL is "${value}": it must be a URL such as`,
    );
  }
});
