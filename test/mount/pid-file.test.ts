/** The file with the id of the process that serves a mount, in the background and in the foreground. */

import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run, succeed } from "../rigs/child.ts";
import {
  MountProcess,
  type MountRequest,
  mountCommand,
  optionsFor,
} from "../rigs/mount-process.ts";
import { startGround } from "./ground.ts";

const BUCKET = "test-bucket";

const { scratch, sandbox } = await startGround({}, BUCKET);

function request(more: Partial<MountRequest>): MountRequest {
  const directory = scratch.makeDirectory("mount");
  return { endpoint: sandbox.endpoint, bucket: BUCKET, directory, ...more };
}

test("--pid-file names the daemon until it ends", async () => {
  const directory = scratch.makeDirectory("run");
  const path = join(directory, "mount.pid");
  const wanted = request({ args: ["--pid-file", "mount.pid"] });
  const options = { ...optionsFor(wanted), cwd: directory };
  await succeed(process.execPath, mountCommand(wanted), options);
  expect(scratch.processes().map((pid) => `${pid}\n`)).toEqual([readFileSync(path, "utf8")]);
  expect(statSync(path).mode & 0o777).toBe(0o644);

  process.kill(Number(readFileSync(path, "utf8")), "SIGTERM");
  await expect.poll(() => existsSync(path)).toBe(false);
  await expect.poll(() => scratch.processes()).toEqual([]);
});

test("mount-s3's variable does the same in the foreground", async () => {
  const path = join(scratch.makeDirectory("run"), "mount.pid");
  const mount = await MountProcess.start(request({ env: { UNSTABLE_MOUNTPOINT_PID_FILE: path } }));
  expect(readFileSync(path, "utf8")).toBe(`${mount.child.pid}\n`);
  await mount.stop();
  expect(existsSync(path)).toBe(false);
});

test("a file that cannot be written is told before anything is mounted", async () => {
  const wanted = request({ args: ["--pid-file=/proc/mount.pid"] });
  expect(await run(process.execPath, mountCommand(wanted), optionsFor(wanted))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("the PID file /proc/mount.pid cannot be written"),
  });
  expect(scratch.mounts()).toEqual([]);
});

test("nothing stays of a mount that failed", async () => {
  const path = join(scratch.makeDirectory("run"), "mount.pid");
  const wanted = request({ bucket: "no-such-bucket", args: ["--pid-file", path] });
  expect((await run(process.execPath, mountCommand(wanted), optionsFor(wanted))).code).toBe(1);
  expect(existsSync(path)).toBe(false);
});
